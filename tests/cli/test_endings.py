"""Every way in which a run can end, with one, two and three jobs: it ends, and says how."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import SUITE, Command

LAST = """\
from ood_bench.analyses.histogram import Histogram


class Last(Histogram):
    \"\"\"Fails.\"\"\"

    def tabulate(self, study):
        raise RuntimeError("no")
"""

FAILING = """\
from ood_bench.detectors.likelihood import Likelihood


class Failing(Likelihood):
    \"\"\"Fails.\"\"\"

    def fit(self, held_out):
        raise RuntimeError("no")
"""

DROPPED = """\
import zipfile
from pathlib import Path

from ood_bench.detectors.likelihood import Likelihood


class Dropped(Likelihood):
    \"\"\"Loses what the store has of all scores of images, once.\"\"\"

    def fit(self, held_out):
        mark = Path("dropped")
        if not mark.exists():
            mark.touch()
            for path in Path("results/store/cells").glob("*.zip"):
                if "columns.parquet" in zipfile.ZipFile(path).namelist():
                    path.unlink()
        return super().fit(held_out)
"""


def write_detectors(tiny: Path, source: str, detectors: str) -> None:
    """Give the tiny suite other detectors, one of them in a file beside it."""
    (tiny.parent / "own.py").write_text(source)
    listed = "detectors: [likelihood, typicality, input_complexity]"
    tiny.write_text(SUITE.replace(listed, f"detectors: {{{detectors}}}"))


JOBS = pytest.mark.parametrize("jobs", [1, 2, 3])


@JOBS
def test_a_finished_suite_run_again_ends_at_once(
    tiny: Path, finished: Path, ood_bench: Command, jobs: int
) -> None:
    shutil.copytree(finished / "results", tiny.parent / "results")
    store = tiny.parent / "results/store"
    before = sorted((store / "cells").rglob("*"))
    ran = ood_bench("run", tiny, "--jobs", jobs)
    assert ran.status == 0, ran.err
    cells = len(list((store / "cells").iterdir()))
    assert f"{cells} cells, {cells} of them stored" in ran.err
    assert sorted((store / "cells").rglob("*")) == before
    assert not [path for name in ("held", "partial") for path in (store / name).glob("**/*")]
    files = [path for path in store.rglob("*") if path.is_file()]
    assert len(files) == cells + len(list(store.glob("data/*.json"))), "one file a cell"


@JOBS
def test_a_run_whose_last_cell_fails_ends(
    tiny: Path, finished: Path, ood_bench: Command, jobs: int
) -> None:
    shutil.copytree(finished / "results", tiny.parent / "results")
    (tiny.parent / "last.py").write_text(LAST)
    tiny.write_text(
        SUITE.replace(
            "analyses: [histogram, roc, extremes, course]",
            "analyses: {last: {use: './last.py:Last'}}",
        )
        .replace("claims:\n", "")
        .partition("  - id:")[0]
    )
    ran = ood_bench("run", tiny, "--jobs", jobs)
    assert ran.status == 1, ran.err
    assert ran.err.count("failed: analysis/") == 2


@JOBS
def test_a_run_whose_last_cells_need_a_failed_one_ends(
    tiny: Path, ood_bench: Command, jobs: int
) -> None:
    write_detectors(tiny, FAILING, "failing: {use: './own.py:Failing'}")
    only = ("--only", "metric/cv-glow@*/failing")
    ran = ood_bench("run", tiny, *only, "--jobs", jobs)
    assert ran.status == 1, ran.err
    assert ran.err.count("failed: metric/") == 2
    assert "needs detect/cv-glow@low/0/low/failing, which failed" in ran.err


@JOBS
def test_a_run_without_any_cell_ends(tiny: Path, ood_bench: Command, jobs: int) -> None:
    ran = ood_bench("run", tiny, "--skip", "*", "--jobs", jobs)
    assert ran.status == 0, ran.err
    assert "0 cells" in ran.err


@JOBS
def test_finished_cells_that_go_missing_in_a_run_are_made_again(
    tiny: Path, finished: Path, ood_bench: Command, jobs: int
) -> None:
    shutil.copytree(finished / "results", tiny.parent / "results")
    write_detectors(tiny, DROPPED, "dropped: {use: './own.py:Dropped'}, typicality: ")
    ran = ood_bench("run", tiny, "--jobs", jobs)
    assert ran.status == 0, ran.err
    assert (tiny.parent / "dropped").exists()
    assert "failed" not in ran.err


def test_what_is_skipped_is_left_out_and_nothing_is_called_failed_or_missing(
    tiny: Path, ood_bench: Command
) -> None:
    for _ in range(2):
        ran = ood_bench("run", tiny, "--skip", "train/glow@*")
        assert ran.status == 0, ran.err
        (report,) = tiny.parent.glob("results/*/report.md")
        text = report.read_text()
        assert "failed" not in text
        assert "not computed yet" not in text
        assert "train/glow@low/0, which is skipped" in text


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("checkpoint_seconds", [0, 30])
def test_a_machine_that_takes_no_more_bytes_ends_the_run_in_one_line_and_nothing_is_lost(
    tiny: Path, jobs: int, checkpoint_seconds: int
) -> None:
    suite = SUITE.replace("steps: 2, width: 8}}", "steps: 2, width: 96}}")
    suite = suite.replace("[high, black]", "[high]").partition("claims:")[0]
    tiny.write_text(suite.replace("[histogram, roc, extremes, course]", "[]"))
    command = [sys.executable, "-m", "ood_bench", "run", str(tiny), "--jobs", str(jobs)]
    limited = subprocess.run(
        [*command, "--checkpoint-seconds", str(checkpoint_seconds)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert limited.returncode == 1, limited.stderr
    *progress, last = limited.stderr.splitlines()
    assert "File too large" in last
    assert str(Path("results") / "store") in last
    assert not [line for line in progress if line.startswith(("failed", "Traceback"))]
    whole = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert whole.returncode == 0, whole.stderr
    assert not list((tiny.parent / "results/store/partial").iterdir())
