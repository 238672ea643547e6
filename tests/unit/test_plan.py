"""What the key of a planned cell depends on."""

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Command

from ood_bench.cells.train import Train
from ood_bench.data import Library
from ood_bench.errors import DataError
from ood_bench.plan import Plan, build_plan
from ood_bench.registry import Registry
from ood_bench.runs import RunRecord
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


def divided(tiny: Path, training: str) -> Plan:
    """Plan the suite with these sizes of the parts in place of its own."""
    text = tiny.read_text().replace("held_out: 60, validation: 20, ", training)
    path = tiny.with_name("divided.yaml")
    path.write_text(text)
    return build_plan(load_suite(path), Registry(), Library(root=None, index=None))


@pytest.mark.parametrize(
    ("training", "sizes", "said"),
    [
        ("", (60, 30), "510 trained on, 30 to validate, 60 held out (`validation` and `held_out` "),
        ("held_out: 70, ", (70, 30), "500 trained on, 30 to validate, 70 held out (`validation` "),
        ("held_out: 70, validation: 40, ", (70, 40), ""),
    ],
)
def test_parts_of_a_small_training_split_scale_and_the_plan_says_what_was_taken(
    tiny: Path, training: str, sizes: tuple[int, int], said: str
) -> None:
    plan = divided(tiny, training)
    cells = {cell.name: cell for cell in plan.cells}
    trained = cells["train/glow@low/0"].spec
    part = cells["score/glow@low/0/low/held_out/decomposition"].spec
    assert isinstance(trained, Train)
    assert trained.training is not None
    for options in (trained.recipe, trained.training.model_dump(), part.hashed):
        assert (options["held_out"], options["validation"]) == sizes
    (note,) = (ref.info.note for ref in plan.data if (ref.name, ref.split) == ("low", "train"))
    assert note == (f"{said}by default)" if said else "")
    assert said in plan.divisions["low on 1×8×8"]
    assert f"{sizes[0]} held out" in plan.divisions["low on 1×8×8"]


def test_default_sizes_give_the_keys_of_the_same_sizes_stated(tiny: Path) -> None:
    default, stated = divided(tiny, ""), divided(tiny, "held_out: 60, validation: 30, ")
    assert [cell.key for cell in default.cells] == [cell.key for cell in stated.cells]


def test_a_cell_that_two_models_share_is_planned_once_and_listed_under_both(tiny: Path) -> None:
    twin = "models.twin={use: glow, options: {levels: 1, steps: 2, width: 8}}"
    loaded = load_suite(tiny, assignments=[twin])
    plan = build_plan(loaded, Registry(), Library(root=None, index=None))
    assert len({cell.key for cell in plan.cells}) == len(plan.cells)
    (trained,) = (cell for cell in plan.cells if cell.name == "train/glow@low/0")
    assert [at.label for at in trained.at] == ["glow@low/0", "twin@low/0"]
    record = RunRecord.begun(loaded.suite, plan)
    for kind in ("train", "bpd", "detection"):
        keys = {
            model: [cell.key for cell in record.of(kind) if cell.at.model == model]
            for model in ("glow", "twin")
        }
        assert keys["glow"] == keys["twin"] != []


def test_stated_sizes_that_leave_nothing_to_train_on_are_refused(tiny: Path) -> None:
    with pytest.raises(DataError, match="600 validate and 60 are held out, leave none"):
        divided(tiny, "validation: 600, ")


def test_a_dry_run_says_how_a_training_split_is_divided(tiny: Path, ood_bench: Command) -> None:
    said = "training images of low on 1×8×8: 520 trained on, 20 to validate, 60 held out"
    assert said in ood_bench("run", tiny, "--dry-run").out.splitlines()


def test_every_inside_is_audited_with_its_own_outsides(tiny: Path) -> None:
    pairs = "pairs=[{inside: low, outside: [high, black]}, {inside: high, outside: [low]}]"
    found = {name.removeprefix("audit/1x8x8/") for name in keys(tiny, pairs) if "audit/" in name}
    assert found == {"low", "high", "black", "low/high", "low/black", "high/low"}
