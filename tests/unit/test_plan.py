"""What the key of a planned cell depends on."""

from pathlib import Path

import numpy as np
import pytest

from ood_bench.data import Library
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.suite import load_suite


def keys(tiny: Path, *more: str) -> dict[str, str]:
    assignments = ("analyses=[moments]", "claims=[]", *more)
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


@pytest.mark.parametrize(
    "assignment",
    ["training.clip_norm=7", "training.weight_decay=0.5", "training.ema=0.5", "training.steps=21"],
)
def test_a_training_depends_on_its_recipe_and_all_that_reads_it_too(
    tiny: Path, assignment: str
) -> None:
    before, after = keys(tiny), keys(tiny, assignment)
    assert before.keys() == after.keys()
    unchanged = {name for name in before if before[name] == after[name]}
    trained = ("train/", "detect/", "metric/")
    assert not {name for name in unchanged if name.startswith(trained)}
    changed = before.keys() - unchanged
    assert not {name for name in changed if name.startswith(("audit/", "score/1x8x8"))}


@pytest.mark.parametrize(
    ("plugin", "changed"),
    [
        ("ood_bench.detectors.typicality.Typicality", ("detect/", "metric/")),
        ("ood_bench.analyses.moments.Moments", ("analysis/",)),
        ("ood_bench.statistics.decomposition.DecompositionTerms", ("score/", "detect/")),
        ("ood_bench_models.glow.Glow", ("train/", "score/", "detect/", "metric/")),
    ],
)
def test_what_a_plugin_computes_depends_on_its_revision(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, plugin: str, changed: tuple[str, ...]
) -> None:
    before = keys(tiny)
    monkeypatch.setattr(f"{plugin}.revision", 99)
    after = keys(tiny)
    different = {name for name in before if before[name] != after[name]}
    assert {name.partition("/")[0] + "/" for name in different} >= set(changed)
    if changed[0] == "detect/":
        assert all("typicality" in name for name in different)
