"""Bad input: one line that says what to do, exit status 2, and nothing lost."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import SUITE, Command


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("detectors:", "detektors:", "tiny.yaml:11: detektors: unknown key 'detektors'"),
        (
            "steps: 20",
            "steps: soon",
            "tiny.yaml:3: training.steps: Input should be a valid integer",
        ),
        ("steps: 20", "steps: -20", "tiny.yaml:3: training.steps: "),
        ("use: glow", "use: glwo", "unknown model 'glwo'; did you mean 'glow'?"),
        ("width: 8, coup", "widht: 8, coup", "has no option 'widht'; did you mean 'width'?"),
        ("additive", "addtive", "'affine' or 'additive'"),
        ("name: tiny", "name: tiny\nname: tiny", "duplicate key, first given in line 1"),
        ("levels: 1, steps: 2", "levels: 4, steps: 2", "divisible by 16"),
        ("[likelihood, ", "[likelyhood, ", "did you mean 'likelihood'?"),
        ("[histogram, ", "[histgram, ", "did you mean 'histogram'?"),
        ("use: constant", "use: constnat", "did you mean 'constant'?"),
        ("[high, black]", "[high, black, cifar10]", "ood-bench data fetch cifar10"),
        ("held_out: 60", "held_out: 600", "leave none to train on"),
        ("npz: high.npz", "npz: absent.npz", "absent.npz"),
        ("outside='black'", "outside='blakc'", "did you mean 'black'?"),
    ],
)
def test_a_mistake_in_a_suite_is_one_line_and_status_2_before_anything_trains(
    tiny: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    assert old in SUITE
    tiny.write_text(SUITE.replace(old, new, 1))
    outcome = ood_bench("run", tiny)
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert message in outcome.err
    assert not (tiny.parent / "results/store/cells").exists()


def run_with(tiny: Path, ood_bench: Command, high: str) -> str:
    tiny.write_text(SUITE.replace("{npz: high.npz}", high))
    outcome = ood_bench("run", tiny)
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert not (tiny.parent / "results/store/cells").exists()
    return outcome.err


def test_a_data_set_of_the_wrong_shape_is_refused_with_advice(
    tiny: Path, ood_bench: Command
) -> None:
    np.savez("big.npz", test_images=np.zeros((5, 1, 16, 16), np.uint8))
    said = run_with(tiny, ood_bench, "{npz: big.npz}")
    assert "1×16×16" in said
    assert "1×8×8" in said
    assert "transform" in said


def test_a_corrupt_parquet_is_named(tiny: Path, ood_bench: Command) -> None:
    folder = tiny.parent / "high"
    folder.mkdir()
    (folder / "test-00000-of-00001.parquet").write_bytes(b"PAR1 this is not one PAR1")
    assert "test-00000-of-00001.parquet" in run_with(tiny, ood_bench, "{parquet: high}")


def test_a_text_file_among_images_is_named(tiny: Path, ood_bench: Command) -> None:
    folder = tiny.parent / "high"
    folder.mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "a.png")
    (folder / "notes.txt").write_text("hello")
    assert "notes.txt" in run_with(tiny, ood_bench, "{folder: high}")


def test_an_empty_data_set_is_refused(tiny: Path, ood_bench: Command) -> None:
    np.savez("none.npz", test_images=np.zeros((0, 1, 8, 8), np.uint8))
    assert "'high': its split 'test' is empty" in run_with(tiny, ood_bench, "{npz: none.npz}")


def test_scores_that_are_not_finite_name_model_data_set_and_row(
    tiny: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ood_bench.statistics.decomposition import DecompositionTerms

    compute = DecompositionTerms.compute

    def spoil(self, images, model):  # type: ignore[no-untyped-def]  # patched in for the test
        columns = {name: column.copy() for name, column in compute(self, images, model).items()}
        columns["log_prob"][2] = np.nan
        return columns

    monkeypatch.setattr(DecompositionTerms, "compute", spoil)
    outcome = ood_bench("run", tiny, "--only", "metric/glow@low/0/high/likelihood")
    assert outcome.status == 2
    assert "glow@low/0" in outcome.err
    assert "high" in outcome.err
    assert "row 2 is nan" in outcome.err


def test_a_cell_that_fails_does_not_stop_the_others_and_the_status_is_1(
    tiny: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ood_bench.detectors.typicality import Typicality

    def broken(self, held_out):  # type: ignore[no-untyped-def]  # patched in for the test
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Typicality, "fit", broken)
    outcome = ood_bench("run", tiny, "--skip", "*cv-glow*")
    assert outcome.status == 1
    assert "ZeroDivisionError: planted" in outcome.err
    (log,) = tiny.parent.glob("results/tiny-*/failures.log")
    assert "Traceback" in log.read_text()
    monkeypatch.undo()
    monkeypatch.chdir(tiny.parent)
    again = ood_bench("run", tiny, "--skip", "*cv-glow*")
    assert again.status == 0, again.err
    assert not log.exists()


def test_data_that_changes_after_planning_is_noticed(tiny: Path, ood_bench: Command) -> None:
    ood_bench("run", tiny, "--skip", "*cv-glow*")
    archive = dict(np.load("high.npz"))
    archive["test_images"] = 255 - archive["test_images"]
    np.savez("high.npz", **archive)
    assert "will run" in ood_bench("run", tiny, "--dry-run").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "absent.yaml"],
        ["run", "tiny.yaml", "--scale", "0"],
        ["run", "tiny.yaml", "--scale", "often"],
        ["run", "tiny.yaml", "--only", "nothing/*"],
        ["run", "tiny.yaml", "--set", "x"],
        ["run", "tiny.yaml", "--device", "tpu9"],
        ["run", "tiny.yaml", "--frsh"],
        ["report", "absent"],
        ["report", "--format", "word"],
        ["data", "verify", "mnits"],
        ["data", "fetch", "mnits"],
        ["data", "show", "mnits"],
        ["data", "show", "cifar10"],
        ["dance"],
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_status_2(
    tiny: Path, ood_bench: Command, arguments: list[str]
) -> None:
    outcome = ood_bench(*arguments)
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert outcome.out == ""


def test_help_and_yaml_mistakes_come_without_torch(tiny: Path) -> None:
    tiny.write_text(SUITE.replace("detectors:", "detektors:"))
    for arguments in (["--help"], ["run", "--help"], ["run", "tiny.yaml"], ["report"]):
        code = (
            "import sys\n"
            f"sys.argv = {['ood-bench', *arguments]!r}\n"
            "from ood_bench.cli import main\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "assert 'torch' not in sys.modules, 'torch was imported'\n"
            "assert 'seaborn' not in sys.modules, 'seaborn was imported'\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_suite_that_comes_along_is_run_by_its_name(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("run", "quickstart", "--dry-run", "--embedded")
    assert outcome.status == 0, outcome.err
    assert "train/glow@fashion_mnist/0" in outcome.out
    assert not (tiny.parent / "results").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quikstart", "did you mean 'quickstart'?"),
        ("zzz", "known: cifar10, corruptions, denoisers"),
    ],
)
def test_an_unknown_suites_name_is_answered_with_a_near_one(
    tiny: Path, ood_bench: Command, name: str, said: str
) -> None:
    outcome = ood_bench("run", name)
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1
    assert said in outcome.err
