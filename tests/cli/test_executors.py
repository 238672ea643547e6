"""An executor is one file: named on the command line, or installed by a stranger's package."""

from pathlib import Path

import pytest
from tests.conftest import Command
from tests.packaging.pages import ROOT, blocks

from ood_bench.errors import OodBenchError
from ood_bench.execute import Processes, load_executor

CODE = next(
    block.code
    for block in blocks((ROOT / "docs" / "add-an-executor.md").read_text(encoding="utf-8"))
    if block.title == "time_limit.py"
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a stranger's package with the docs' executor is installed."""
    place = tmp_path / "installed"
    metadata = place / "limit_for_ood_bench-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: limit-for-ood-bench\nVersion: 1\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[ood_bench.executors]\ntime_limit = limit_for_ood_bench:TimeLimit\n"
    )
    (place / "limit_for_ood_bench.py").write_text(CODE)
    monkeypatch.syspath_prepend(place)
    return place


def test_a_strangers_executor_runs_a_suite_and_the_report_names_it(
    installed: Path, tiny: Path, ood_bench: Command
) -> None:
    ran = ood_bench("run", tiny, "--executor", "time_limit")
    assert ran.status == 0, ran.err
    (page,) = tiny.parent.glob("results/tiny-*/report.md")
    assert "TimeLimit" in page.read_text(encoding="utf-8")
    assert "Starts no cell after a time limit" in ood_bench("executors", "list").out
    assert "minutes: float, default 60.0" in ood_bench("executors", "show", "time_limit").out


def test_an_executor_in_a_file_is_found_from_the_working_directory(
    tiny: Path, ood_bench: Command
) -> None:
    Path("late.py").write_text(CODE.replace("minutes: float = 60.0", "minutes: float = -1.0"))
    ran = ood_bench("run", tiny, "--executor", "./late.py:TimeLimit", "--only", "train/glow@*")
    assert ran.status == 1
    assert "failed: train/glow@low/0: not begun within -1 minutes" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--executor", "procesess"), "unknown executor 'procesess'; did you mean 'processes'?"),
        (("--executor", "ood_bench.data:Shape"), "'ood_bench.data:Shape' is no executor; derive"),
        (("--executor", "inline", "--jobs", "2"), "--jobs 2: the executor 'inline' has no such"),
    ],
)
def test_an_executor_that_cannot_be_had_is_one_line(
    tiny: Path, ood_bench: Command, arguments: tuple[str, ...], said: str
) -> None:
    ran = ood_bench("run", tiny, *arguments)
    assert ran.status == 2
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err


def test_jobs_are_an_option_of_the_executor() -> None:
    made = load_executor("processes", jobs=3)
    assert isinstance(made, Processes)
    assert made.jobs == 3
    with pytest.raises(OodBenchError, match="must be positive"):
        load_executor("processes", jobs=0)
