"""A model of one's own in a suite, without a package: by its file, its module, its class path."""

import json
from pathlib import Path

import pytest
from tests.conftest import NORMAL, Command
from tests.stored import members


@pytest.fixture
def own(tiny: Path) -> Path:
    """A suite that names a model of a file beside it."""
    (tiny.parent / "normal.py").write_text(NORMAL)
    path = tiny.parent / "own.yaml"
    path.write_text(
        "extends: tiny.yaml\nname: own\nclaims: []\nanalyses: [histogram]\n"
        "models:\n  normal: {use: './normal.py:Normal', options: {width: 0.4}}\n"
        "pairs:\n  - {inside: low, outside: [high], models: [normal]}\n"
    )
    return path


def trained(folder: Path) -> list[dict[str, object]]:
    cells = (json.loads(path.read_text()) for path in members(folder / "results").values())
    return [cell for cell in cells if cell["kind"] == "train"]


def test_a_model_of_a_file_is_trained_and_reported(own: Path, ood_bench: Command) -> None:
    done = ood_bench("run", own)
    assert done.status == 0, done.err
    assert "normal trained on low" in done.out
    (cell,) = trained(own.parent)
    assert cell["options"]["options"] == {"width": 0.4}  # type: ignore[index]
    assert ood_bench("report", "own").status == 0


def test_a_model_with_forward_in_place_of_log_prob_is_told_so(
    own: Path, ood_bench: Command
) -> None:
    (own.parent / "normal.py").write_text(NORMAL.replace("def log_prob(", "def forward("))
    done = ood_bench("run", own)
    assert (done.status, len(done.err.splitlines())) == (2, 1)
    assert "Normal must define log_prob; it has 'forward' instead: rename it" in done.err


def test_a_changed_file_is_trained_anew_and_an_unchanged_one_is_not(
    own: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", own).status == 0
    assert "will run" not in ood_bench("run", own, "--dry-run").out
    (own.parent / "normal.py").write_text(NORMAL + "\n# a remark\n")
    assert "will run  train/normal@low/0" in ood_bench("run", own, "--dry-run").out


@pytest.mark.parametrize(
    "entry",
    [
        "{use: 'ood_bench_models.glow:Glow', options: {levels: 1, steps: 1, width: 8}}",
        "{class_path: ood_bench_models.glow.Glow, init_args: {levels: 1, steps: 1, width: 8}}",
    ],
)
def test_a_model_of_a_module_needs_no_entry_point(
    own: Path, ood_bench: Command, entry: str
) -> None:
    own.write_text(
        own.read_text().replace("{use: './normal.py:Normal', options: {width: 0.4}}", entry)
    )
    planned = ood_bench("run", own, "--dry-run")
    assert planned.status == 0, planned.err
    assert "train/normal@low/0" in planned.out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("./normal.py:Normal", "./norml.py:Normal", "there is no file"),
        ("./normal.py:Normal", "./normal.py:Norml", "has no class 'Norml'; did you mean 'Normal'"),
        ("./normal.py:Normal", "no.such:Model", "does not import: ModuleNotFoundError"),
        ("./normal.py:Normal", "pathlib:Path", "'pathlib:Path' is no plugin"),
        ("width: 0.4", "widht: 0.4", "has no option 'widht'; did you mean 'width'"),
    ],
)
def test_mistakes_in_own_plugins_are_one_line_each(
    own: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    own.write_text(own.read_text().replace(old, new))
    done = ood_bench("run", own)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_ones_own_model_scores_by_name_and_that_of_another_users_run_needs_leave(
    own: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ood_bench("run", own, "--set", "analyses=[]").status == 0
    arguments = ("score", "--model=normal", "--images", "high.npz", "-o", "a.csv")
    done = ood_bench(*arguments)
    assert done.status == 0, done.err
    monkeypatch.setenv("XDG_STATE_HOME", str(own.parent / "another user"))
    refused = ood_bench(*arguments)
    which, said = refused.err.splitlines()
    assert refused.status == 2
    assert "no run here is of a whole suite: using" in which
    assert "--trust-code" in said
    assert ood_bench(*arguments, "--trust-code").status == 0
