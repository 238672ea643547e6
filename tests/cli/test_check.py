"""`models check` and `detectors check`: a verdict a law, advice for a failure, an exit status."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import NORMAL, Command

DETECTOR = """\
import numpy as np

from ood_bench.detectors import Columns, Detector, Scorer


class Rank(Detector):
    \"\"\"Rank of an image's likelihood.\"\"\"

    needs = ("log_prob",)

    def fit(self, held_out: Columns) -> Scorer:
        known = np.sort(held_out["log_prob"])
        return lambda images: -np.searchsorted(known, images["log_prob"]).astype(np.float64)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "normal.py").write_text(NORMAL)
    (tmp_path / "rank.py").write_text(DETECTOR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_right_model_passes_with_a_verdict_a_law(own: Path, ood_bench: Command) -> None:
    done = ood_bench("models", "check", "./normal.py:Normal", "--set", "width=0.5")
    assert done.status == 0, done.out
    lines = done.out.splitlines()
    assert lines[0] == "./normal.py:Normal on images of two pixels and of 1×4×4"
    assert "passed   scores do not depend on the batch" in lines
    assert "skipped  decode inverts encode: Normal does not name Encodes" in lines
    assert lines[-1] == "13 passed, 0 failed, 12 skipped"
    assert lines[-2].startswith("measured speed: ")


def test_a_models_file_is_executed_once(own: Path, ood_bench: Command) -> None:
    (own / "normal.py").write_text("with open('log', 'a') as log: log.write('x')\n" + NORMAL)
    assert ood_bench("models", "check", "./normal.py:Normal", "--shape", "1,4,4").status == 0
    assert (own / "log").read_text() == "x"


def test_a_broken_law_is_told_with_advice_and_status_1(own: Path, ood_bench: Command) -> None:
    (own / "normal.py").write_text(NORMAL.replace(" - math.log(256)", ""))
    done = ood_bench("models", "check", "./normal.py:Normal")
    assert done.status == 1
    lines = done.out.splitlines()
    (at,) = (
        i for i, line in enumerate(lines) if line.startswith("failed   probabilities add up to")
    )
    assert "more than 1" in lines[at]
    assert "Most often −D·ln 256" in lines[at + 1]
    assert int(lines[-1].split(", ")[1].removesuffix(" failed")) > 2


def test_a_classifier_is_held_to_laws_of_its_own(ood_bench: Command) -> None:
    done = ood_bench("models", "check", "classifier", "--set", "width=8")
    assert done.status == 0, done.out
    lines = done.out.splitlines()
    assert lines[0] == "classifier on images of 1×4×4"
    assert "passed   scores do not depend on the batch" in lines
    assert lines[-1] == "8 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(DensityModule)", "(nn.Module)", "'./normal.py:Normal' is no DensityModule; derive"),
        (
            "        super().__init__(shape)\n",
            "",
            "begin its __init__ with super().__init__(shape)",
        ),
        ("def log_prob", "def log_probs", "Normal must define log_prob"),
        ("shape: Shape, *, ", "shape: Shape, ", "write '*,' before the options in its __init__"),
        ("shape: Shape, *, ", "*, ", "its constructor is __init__(self, shape, *, option=...)"),
        ("*, width: float = 0.3", "**options", "takes **options; name every option"),
        ("class Normal", "klass Normal", "SyntaxError: invalid syntax (normal.py, line 10)"),
        ("class Normal", "class Norml", "has no class 'Normal'; did you mean 'Norml'?"),
        ("torch.full(", "torch.fulll(", "AttributeError: module 'torch' has no attribute 'fulll'"),
    ],
)
def test_what_cannot_be_loaded_is_one_line_and_status_2(
    own: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    assert old in NORMAL
    (own / "normal.py").write_text(NORMAL.replace(old, new))
    done = ood_bench("models", "check", "./normal.py:Normal")
    assert done.status == 2, done.out
    assert message in done.err
    assert len(done.err.splitlines()) == 1, done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models", "check", "glwo"], "unknown model 'glwo'; did you mean 'glow'?"),
        (["models", "check", "normal.py"], "is a file; name the class in it: 'normal.py:Class'"),
        (["models", "check", "normal:Normal"], "for the file write './normal.py:Normal'"),
        (["models", "check", "glow", "--set", "widht=8"], "did you mean 'width'?"),
        (["models", "check", "glow", "--set", "width"], "--set width: write it as option=value"),
        (["models", "check", "classifier", "--exact"], "is a classifier; --exact is for densities"),
        (["models", "check", "classifier", "--tiny", "width=8"], "--tiny is for densities"),
        (["models", "check", "classifier", "--set", "width=3"], "a width that 8 divides"),
        (["models", "check", "glow", "--shape", "28"], "write channels, height and width"),
        (["models", "check", "glow", "--shape", "1,7,7"], "divisible by 4"),
        (["models", "check"], "Missing argument 'MODEL'"),
        (["detectors", "check", "./normal.py:Normal"], "is no Detector; derive it from"),
        (["detectors", "check", "typicalty"], "did you mean 'typicality'?"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line_and_status_2(
    own: Path, ood_bench: Command, arguments: list[str], message: str
) -> None:
    done = ood_bench(*arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1, done.err


def test_a_detector_is_checked_likewise(own: Path, ood_bench: Command) -> None:
    done = ood_bench("detectors", "check", "./rank.py:Rank")
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[1].endswith("reads no more: it reads log_prob")
    (at,) = (i for i, line in enumerate(lines) if line.startswith("failed"))
    assert "a missing value is not hidden" in lines[at]
    assert "must become a nan score" in lines[at + 1]
    done = ood_bench("detectors", "check", "typicality", "--set", "group=4")
    assert done.status == 0
    assert "skipped  a score does not depend on the images beside it: " in done.out


def test_a_check_needs_no_pytest(own: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['pytest'] = None\n"
        "sys.argv = ['ood-bench', 'detectors', 'check', 'likelihood']\n"
        "from ood_bench.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("7 passed, 0 failed, 0 skipped\n")
