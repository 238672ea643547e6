"""What the key of a planned cell depends on."""

from pathlib import Path

import numpy as np

from ood_bench.data import Library
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.suite import load_suite


def keys(tiny: Path) -> dict[str, str]:
    assignments = ("analyses=[moments]", "claims=[]")
    plan = build_plan(
        load_suite(tiny, assignments=assignments), Registry(), Library(root=None, index=None)
    )
    return {cell.name: cell.key for cell in plan.cells}


def test_an_analysis_that_reads_images_alone_depends_on_their_content(
    tiny: Path, digits: dict[str, np.ndarray]
) -> None:
    before = keys(tiny)
    assert keys(tiny) == before
    high = digits["high"].copy()
    high[-1] = 0
    np.savez(tiny.parent / "high.npz", train_images=high[:600], test_images=high[600:])
    after = keys(tiny)
    changed = {name for name in before if before[name] != after[name]}
    assert "analysis/glow@low/0/moments" in changed
    assert "score/glow@low/0/high/test/decomposition" in changed
    assert "train/glow@low/0" not in changed
