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


HELPED = NORMAL.replace("import math\n", "import math\n\nfrom widths import WIDTH\n").replace(
    "width: float = 0.3", "width: float = WIDTH"
)


def test_a_file_imports_its_neighbour_and_an_edited_neighbour_is_trained_anew(
    own: Path, ood_bench: Command
) -> None:
    (own.parent / "normal.py").write_text(HELPED)
    (own.parent / "widths.py").write_text("WIDTH = 0.3\n")
    assert ood_bench("run", own, "--set", "analyses=[]").status == 0
    plan = ("run", own, "--set", "analyses=[]", "--dry-run", "--no-estimate")
    assert "will run" not in ood_bench(*plan).out
    (own.parent / "widths.py").write_text("WIDTH = 0.3  # as before\n")
    assert "will run  train/normal@low/0" in ood_bench(*plan).out


def test_an_error_in_a_neighbour_is_one_line_with_its_place(own: Path, ood_bench: Command) -> None:
    (own.parent / "normal.py").write_text(HELPED)
    for text, message in (
        ("import math\nWIDTH = 1 / 0\n", "ZeroDivisionError: division by zero (widths.py, line 2)"),
        ("WIDTH = = 3\n", "SyntaxError: invalid syntax (widths.py, line 1)"),
        ("OTHER = 3\n", "ImportError: cannot import name 'WIDTH'"),
    ):
        (own.parent / "widths.py").write_text(text)
        done = ood_bench("run", own)
        assert (done.status, len(done.err.splitlines())) == (2, 1), done.err
        assert message in done.err


FLOW = """\
import torch
from torch.distributions import Independent, Normal

from scales import SCALE


def build(dims, width=1.0):
    return Independent(Normal(torch.zeros(dims), torch.full((dims,), SCALE * width)), 1)
"""


def test_a_density_is_built_by_a_function_of_a_file_beside_the_suite(
    own: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows = own.parent / "flows"
    flows.mkdir()
    (flows / "flow.py").write_text(FLOW)
    (flows / "scales.py").write_text("SCALE = 2.0\n")
    (flows / "base.yaml").write_text(
        "extends: ../tiny.yaml\ntraining: {steps: 0}\nmodels:\n"
        "  flow: {use: density, options: {build: './flow.py:build', arguments: {width: 0.5}}}\n"
    )
    own.write_text(
        "extends: flows/base.yaml\nname: own\nclaims: []\nanalyses: []\n"
        "pairs:\n  - {inside: low, outside: [high], models: [flow]}\n"
    )
    monkeypatch.chdir(own.parent.parent)  # paths are the suite's, not the working directory's
    run = ("run", own, "--results", own.parent / "results")
    done = ood_bench(*run)
    assert done.status == 0, done.err
    (cell,) = trained(own.parent)
    options = cell["options"]
    assert isinstance(options, dict)
    assert options["options"]["build"] == "./flows/flow.py:build"
    assert options["revision"].startswith("1-")
    (flows / "scales.py").write_text("SCALE = 3.0\n")
    assert "will run  train/flow@low/0" in ood_bench(*run, "--dry-run", "--no-estimate").out
    (flows / "scales.py").unlink()
    lost = ood_bench(*run)
    assert (lost.status, len(lost.err.splitlines())) == (2, 1), lost.err
    assert "flows/flow.py:build' does not import: ModuleNotFoundError" in lost.err


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
