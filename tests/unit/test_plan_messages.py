"""What a plan refuses or skips, in whole lines: what was got, what was wanted, and where."""

import re
from pathlib import Path

import numpy as np
import pytest

from ood_bench.cells import Address
from ood_bench.cells.train import Train
from ood_bench.data import Library
from ood_bench.errors import OodBenchError, SuiteError
from ood_bench.plan import Plan, build_plan
from ood_bench.plan.select import select
from ood_bench.registry import Registry
from ood_bench.suite import load_suite

CLASSIFIER = "roles={classifier: {options: {width: 8}}}"
VAE = "models={vae: {options: {latent: 2, channels: [4], samples: 2}}}"


def planned(path: Path, *assignments: str, skip_missing: bool = False) -> Plan:
    return build_plan(
        load_suite(path, assignments=["claims=[]", *assignments]),
        Registry(path.parent),
        Library(root=None, index=None, hub=False),
        skip_missing=skip_missing,
    )


def addresses(plan: Plan, kind: str) -> list[Address]:
    """Return the addresses of all cells of a kind."""
    return [at for cell in plan.cells if cell.kind == kind for at in cell.at]


def skipped(plan: Plan) -> dict[str, str]:
    return {skip.cell: skip.reason for skip in plan.skips}


def test_an_analysis_runs_on_the_models_that_it_names_and_follows_their_trainings(
    tiny: Path,
) -> None:
    asked = "analyses={histogram: {models: [cv-glow]}, course: {models: [glow]}}"
    plan = planned(tiny, asked)
    assert {(at.analysis, at.model) for at in addresses(plan, "analysis")} == {
        ("histogram", "cv-glow"),
        ("course", "glow"),
    }
    probed = {
        at.model: cell.spec.probes
        for cell in plan.cells
        if isinstance(cell.spec, Train)
        for at in cell.at
    }
    assert probed["glow"]
    assert not probed["cv-glow"]


def test_an_analysis_of_an_unknown_model_is_one_line(tiny: Path) -> None:
    with pytest.raises(SuiteError, match="the suite has no model 'glwo'; did you mean 'glow'"):
        planned(tiny, "analyses={histogram: {models: [glwo]}}")


@pytest.mark.parametrize(
    ("assignments", "reasons"),
    [
        (
            [f"detectors=[{detector}]"],
            {
                f"{model} × {detector}": f"the suite defines no roles.{role}"
                for model in ("glow", "cv-glow")
            },
        )
        for detector, role in (("background_ratio", "background"), ("waic", "members"))
    ]
    + [
        (
            ["detectors=[msp]"],
            {"classifier@low × msp": "the suite defines no roles.classifier"},
        ),
        (
            ["detectors=[msp]", CLASSIFIER],
            {
                "classifier@low × msp": "the training images of 'low' have no labels, or not all "
                "have one of 0 or more"
            },
        ),
        (
            ["detectors=[waic]", "roles={members: {seeds: [0, 1], models: [glow]}}"],
            {"cv-glow × waic": "roles.members.models does not name this model"},
        ),
        (
            ["detectors=[background_ratio]", "roles={background: {mutation: 0.3, models: [glow]}}"],
            {"cv-glow × background_ratio": "roles.background.models does not name this model"},
        ),
        (
            [VAE, "analyses=[second_order, decomposition]"],
            {
                "vae × second_order": "VAE offers no input gradient (capability Differentiable)",
                "vae × decomposition": "no statistic 'log_prior': VAE offers no prior and "
                "volume terms (capability Decomposes)",
            },
        ),
    ],
)
def test_what_cannot_be_tried_is_skipped_with_its_reason(
    tiny: Path, assignments: list[str], reasons: dict[str, str]
) -> None:
    assert skipped(planned(tiny, "analyses=[]", *assignments)) == reasons


def test_a_skip_names_the_rows_that_are_absent_for_it(tiny: Path) -> None:
    plan = planned(tiny, "detectors=[waic, msp]", "analyses=[second_order]", VAE)
    found = {(skip.model, skip.inside, skip.outside, skip.detector) for skip in plan.skips}
    assert found == {("vae", "", "", "waic"), ("classifier", "low", "", "msp"), ("", "", "", "")}


def test_pairs_whose_data_is_missing_are_skipped_or_named_with_their_place(tiny: Path) -> None:
    absent = "datasets.high={npz: absent.npz}"
    missing = "'high' is not available; there is nothing at absent.npz"
    with pytest.raises(OodBenchError) as refusal:
        planned(tiny, absent)
    assert str(refusal.value) == f"{tiny}:15: pairs[0].outside[0]: {missing}"
    plan = planned(tiny, absent, skip_missing=True)
    (skip,) = plan.skips
    assert (skip.cell, skip.reason) == ("pair low → high", missing)
    assert (skip.inside, skip.outside, skip.model, skip.detector) == ("low", "high", "", "")
    assert {at.outside for at in addresses(plan, "detection")} == {"black"}
    with pytest.raises(OodBenchError) as refusal:
        planned(tiny, "datasets.low={npz: absent.npz}", skip_missing=True)
    said = "'low' is not available; there is nothing at absent.npz"
    assert str(refusal.value) == f"{tiny}: nothing can be run: {said}"


def test_an_inside_without_training_images_is_skipped_or_told_what_divides_it(tiny: Path) -> None:
    np.savez(tiny.parent / "tests.npz", test_images=np.zeros((20, 1, 8, 8), np.uint8))
    more = ("datasets.low={npz: tests.npz}",)
    reason = (
        "'low' has no training split (test); it can only be an OOD data set, unless "
        "datasets.low.split: {test: 0.2, seed: 0} divides it"
    )
    with pytest.raises(OodBenchError) as refusal:
        planned(tiny, *more)
    assert str(refusal.value) == f"{tiny}:14: pairs[0].inside: {reason}"
    pairs = "pairs=[{inside: low, outside: [black]}, {inside: high, outside: [low]}]"
    plan = planned(tiny, *more, pairs, skip_missing=True)
    assert skipped(plan) == {"pair low → black": reason}
    assert {(at.inside, at.outside) for at in addresses(plan, "detection")} == {("high", "low")}


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        (
            "detectors={five: {use: typicality, options: {group: 5}}}",
            "'five' scores groups of 5 images; 'black' has 3 to test on",
        ),
        ("models.glow.checkpoint=absent", "absent: cannot be read: No such file or directory"),
        (
            "analyses={bare: {use: './mine.py:Bare'}}",
            "'./mine.py:Bare' is no plugin: it has no 'revision'",
        ),
        (
            "analyses={odd: {use: './mine.py:Odd'}}",
            "odd_column",
        ),
        ("detectors={a: {use: './mine.py:Odd'}}", "'./mine.py:Odd' is no Detector"),
        (
            "pairs=[{inside: black, outside: [high]}]",
            "'black' takes any shape; give the pair a `shape`",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tiny: Path, assignment: str, said: str) -> None:
    (tiny.parent / "mine.py").write_text(
        "import pandas as pd\n"
        "from ood_bench.analyses import Analysis\n"
        "class Bare: ...\n"
        "class Odd(Analysis):\n"
        "    needs = ('odd_column',)\n"
        "    def tabulate(self, study): return pd.DataFrame()\n"
        "    def caption(self, table): return ''\n"
        "    def draw(self, table): raise NotImplementedError\n"
    )
    with pytest.raises(OodBenchError, match=re.escape(said)) as refusal:
        planned(tiny, assignment)
    assert str(refusal.value).startswith(f"--set {assignment}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("optimizer: no.Such", "optimizer 'no.Such' does not import: No module named 'no'"),
        ("logger: nosuch", "nosuch"),
    ],
)
def test_a_training_option_is_named_where_it_stands(
    tiny: Path, option: str, said: str, *, own: bool
) -> None:
    text = tiny.read_text()
    if own:
        text = text.replace(
            "{levels: 1, steps: 2, width: 8}}", f"{{levels: 1}}, training: {{{option}}}}}"
        )
    else:
        text = text.replace("training: {", f"training: {{{option}, ")
    tiny.write_text(text)
    place = "9: models.glow.training" if own else "3: training"
    name = option.partition(":")[0]
    with pytest.raises(SuiteError, match=re.escape(said)) as refusal:
        planned(tiny)
    assert str(refusal.value).startswith(f"{tiny}:{place}.{name}: ")


def test_a_training_option_in_a_mapping_that_was_set_is_named_there(tiny: Path) -> None:
    given = "models.glow.training={optimizer: no.Such}"
    with pytest.raises(SuiteError, match="does not import") as refusal:
        planned(tiny, given)
    assert str(refusal.value).startswith(f"--set {given}: ")


def test_a_classifier_of_an_absurd_number_of_classes_is_refused(tiny: Path) -> None:
    def write(largest: int) -> None:
        np.savez(
            tiny.parent / "low.npz",
            train_images=np.zeros((600, 1, 8, 8), np.uint8),
            test_images=np.zeros((50, 1, 8, 8), np.uint8),
            train_labels=np.r_[np.zeros(599, int), largest],
            test_labels=np.zeros(50, int),
        )

    write(100_000)
    with pytest.raises(OodBenchError) as refusal:
        planned(tiny, "detectors=[msp]", CLASSIFIER)
    assert str(refusal.value) == (
        f"{tiny}:14: pairs[0].inside: 'low': its labels run to 100,000, and a classifier has an "
        "output for each number; number the classes from 0, at most 100,000"
    )
    write(99_999)
    names = [cell.name for cell in planned(tiny, "detectors=[msp]", CLASSIFIER).cells]
    assert "train/classifier@low/0" in names


def test_models_that_are_read_together_hold_the_same_images_out(tiny: Path) -> None:
    background = ("detectors=[background_ratio]", "roles={background: {model: cv-glow}}")
    for training in ("{held_out: 50}", "{validation: 10}"):
        with pytest.raises(SuiteError) as refusal:
            planned(tiny, *background, f"models.cv-glow.training={training}")
        assert str(refusal.value) == (
            f"{tiny}: cv-glow@low/0 and glow@low/0 are read together and must have the same "
            "training.held_out and training.validation, and be trained on the same images"
        )


def test_a_glob_that_matches_nothing_is_a_mistake_and_one_that_does_takes_what_needs_it(
    tiny: Path,
) -> None:
    plan = planned(tiny, "analyses=[histogram]")
    for option in ("only", "skip"):
        with pytest.raises(SuiteError) as refusal:
            select(plan, **{option: ["train/*", "nothing*"]})  # type: ignore[arg-type]
        said = f"--{option} nothing*: no cell has such a name; --dry-run lists them all"
        assert str(refusal.value) == said
    less, run = select(plan, skip=["train/cv-glow*", "metric/glow@low/0/high/*"])
    reasons = {skip.cell: skip.reason for skip in less.skips}
    assert reasons["train/cv-glow@low/0"] == "--skip train/cv-glow*"
    name = "score/cv-glow@low/0/low/test/decomposition"
    assert reasons[name] == "needs train/cv-glow@low/0, which is skipped"
    assert reasons["metric/glow@low/0/high/likelihood"] == "--skip metric/glow@low/0/high/*"
    kept = {cell.key for cell in less.cells}
    assert kept == {cell.key for cell in plan.cells if cell.name not in reasons}
    assert run == less
    assert {at.model for at in addresses(less, "train")} == {"glow"}
    absent = {(s.model, s.inside, s.outside, s.detector) for s in less.skips if s.detector}
    assert ("glow", "low", "high", "likelihood") in absent
    assert ("cv-glow", "low", "black", "typicality") in absent


def test_only_takes_what_a_cell_needs_and_no_more(tiny: Path) -> None:
    plan = planned(tiny, "analyses=[]", "evaluation.audit=false")
    shown, kept = select(plan, only=["metric/glow@low/0/high/likelihood"])
    assert sorted(cell.name for cell in kept.cells) == [
        "detect/glow@low/0/high/likelihood",
        "detect/glow@low/0/low/likelihood",
        "metric/glow@low/0/high/likelihood",
        "score/glow@low/0/high/test/decomposition",
        "score/glow@low/0/low/held_out/decomposition",
        "score/glow@low/0/low/test/decomposition",
        "train/glow@low/0",
    ]
    assert kept.skips == plan.skips
    assert shown == plan, "what is stored is shown"
