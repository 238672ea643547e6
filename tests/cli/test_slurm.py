"""The executor `slurm` with a Slurm that is not there: what it submits, joins and gives up."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Command
from tests.undisturbed import outputs

from ood_bench.execute import driver, slurm_driver
from ood_bench.execute.journal import Entry, RunFiles, Training, Writer

pytest.importorskip("submitit")

FAKE = Path(__file__).with_name("fake_slurm.py")
SLURM = "ood_bench.execute.slurm:Slurm"
ONE = ("--only", "train/glow@low/0")


@pytest.fixture
def fake(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put the commands in the way; the mode is what calls it."""
    commands, state = tiny.parent / "commands", tiny.parent / "fake"
    commands.mkdir()
    state.mkdir()
    for name in ("sbatch", "srun", "squeue", "scancel", "scontrol"):
        (commands / name).write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(state))
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(slurm_driver, "QUEUE_SECONDS", 0.2)
    monkeypatch.setattr(slurm_driver, "GRACE_SECONDS", 0.5)
    yield lambda mode: monkeypatch.setenv("FAKE_SLURM_MODE", mode)
    for path in state.glob("*"):
        _, pid = path.read_text().split()
        try:
            os.killpg(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def folder(tiny: Path) -> Path:
    (found,) = (tiny.parent / "results" / "slurm").glob("tiny-*")
    return found


def test_a_run_gives_the_same_bytes_and_leaves_no_files(
    tiny: Path,
    fake: Callable[[str], None],
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake("run")
    monkeypatch.setenv("FAKE_SLURM_STATE", "PENDING|PartitionTimeLimit")
    ran = ood_bench("run", tiny, "--executor", SLURM)
    assert ran.status == 0, ran.err
    assert ran.err.count("job 1 waits: PartitionTimeLimit") == 1
    lines = ran.err.splitlines()
    assert [line for line in lines if line.startswith("submitted job")] == [
        "submitted job 1: 2 bundles without a GPU",
        "submitted job 2: 2 bundles with a GPU",
        "submitted job 3: score/1x8x8/low/test/image_features, without a GPU",
    ]
    assert not (tiny.parent / "results" / "slurm").exists()
    (page,) = tiny.parent.glob("results/tiny-*/report.md")
    assert "Slurm" in page.read_text(encoding="utf-8")
    assert ood_bench("run", tiny, "--results", "inline").status == 0
    assert outputs(tiny, "results") == outputs(tiny, "inline")


def test_a_lost_bundle_is_submitted_three_times_more_and_then_fails_alone(
    tiny: Path, fake: Callable[[str], None], ood_bench: Command
) -> None:
    fake("lose")
    ran = ood_bench("run", tiny, "--executor", SLURM, *ONE)
    assert ran.status == 1
    lines = ran.err.splitlines()
    assert sum("job 1 was lost: NODE_FAIL; it is submitted again, 1 of 3" in s for s in lines) == 1
    assert sum(line.startswith("submitted job") for line in lines) == 4
    (failed,) = [line for line in lines if line.startswith("failed:")]
    assert "train/glow@low/0: its job 4 was lost: NODE_FAIL; log: " in failed
    assert failed.endswith("/logs/4_0_log.err")
    assert (folder(tiny) / "logs").is_dir()
    fake("run")
    again = ood_bench("run", tiny, "--executor", SLURM, *ONE)
    assert again.status == 0, again.err
    assert not (tiny.parent / "results" / "slurm").exists()


def test_a_failed_cell_names_its_log_and_the_others_go_on(
    tiny: Path, fake: Callable[[str], None], ood_bench: Command
) -> None:
    (tiny.parent / "bad.py").write_text(
        "from ood_bench.detectors.likelihood import Likelihood\n\n\n"
        "class Bad(Likelihood):\n    '''Cannot.'''\n\n    def fit(self, held_out):\n        1 / 0\n"
    )
    text = tiny.read_text()
    tiny.write_text(
        text.replace("[likelihood, typicality,", "{likelihood: , bad: {use: './bad.py:Bad'}}\n#")
    )
    fake("run")
    globs = ("--only", "detect/glow@low/0/low/*")
    ran = ood_bench("run", tiny, "--executor", SLURM, *globs)
    assert ran.status == 1
    (failed,) = [line for line in ran.err.splitlines() if line.startswith("failed:")]
    assert "bad: ZeroDivisionError: division by zero; log: " in failed
    assert Path(failed.partition("log: ")[2]).is_file()
    (log,) = tiny.parent.glob("results/tiny-*/failures.log")
    assert "1 / 0" in log.read_text()


def test_a_driver_that_is_killed_before_it_knows_the_job_joins_it_by_its_name(
    tiny: Path, fake: Callable[[str], None], ood_bench: Command
) -> None:
    fake("run")
    tiny.write_text(tiny.read_text().replace("steps: 20,", "steps: 3000,"))
    command = [sys.executable, "-m", "ood_bench", "run", tiny, "--executor", SLURM, *ONE]
    first = subprocess.Popen(
        list(map(str, command)), cwd=tiny.parent, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr is not None
    for line in first.stderr:
        if line.startswith("submitted job"):
            break
    first.send_signal(signal.SIGKILL)
    first.communicate()
    (record,) = (folder(tiny) / "submissions").glob("*.json")
    record.write_text(record.read_text().replace('"job":"1"', '"job":null'))
    shown = ood_bench("status").out
    assert "train/glow@low/0" in shown
    lines = ood_bench("run", tiny, "--executor", SLURM, *ONE).err.splitlines()
    assert sum("joined job 1 of this run" in line for line in lines) == 1
    assert not [line for line in lines if line.startswith("submitted")], lines


def test_what_slurm_refuses_is_one_line(
    tiny: Path, fake: Callable[[str], None], ood_bench: Command
) -> None:
    fake("refuse")
    ran = ood_bench("run", tiny, "--executor", SLURM, *ONE)
    assert ran.status == 2
    assert "invalid partition specified: nowhere" in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


def test_a_machine_without_slurm_or_submitit_is_one_line(
    tiny: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tiny.parent))
    ran = ood_bench("run", tiny, "--executor", SLURM)
    assert (ran.status, len(ran.err.splitlines())) == (2, 1)
    assert "this machine has no sbatch and srun; use a login node" in ran.err
    monkeypatch.setitem(sys.modules, "submitit", None)
    ran = ood_bench("run", tiny, "--executor", SLURM)
    assert (ran.status, len(ran.err.splitlines())) == (2, 1)
    assert "pip install 'ood-bench[slurm]'" in ran.err
    assert not (tiny.parent / "results").exists()


def test_status_without_a_run_says_so(tiny: Path, ood_bench: Command) -> None:
    assert ood_bench("status").out == "no run is in progress on a cluster\n"
    ran = ood_bench("status", "tiny-12")
    assert ran.status == 2
    assert ran.err == "tiny-12: no such run is in progress on a cluster\n"


KEY = "0" * 32


def test_a_line_that_is_being_written_waits_and_a_damaged_one_is_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = RunFiles(tmp_path)
    writer = Writer(files, KEY, job="1_0", host="n1")
    writer.say("began")
    tail = files.tail(KEY)
    (path,) = tail.folder.glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"event":"done"')
    assert [entry.event for entry in tail.read()] == ["began"]
    assert tail.read() == []
    with path.open("a") as file:
        file.write(f',"job":"1_0","host":"n1","key":"{KEY}"}}\n{{"event":"x"}}\n')
    writer.write(Entry(event="ended", job="1_0", host="n1"))
    assert [entry.event for entry in tail.read()] == ["done", "ended"]
    assert "the line is ignored" in caplog.text
    assert [entry.event for entry in tail.entries] == ["began", "done", "ended"]


def test_the_progress_of_a_training_is_the_last_that_was_written(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    writer = Writer(files, KEY, job="1", host="n1")
    assert files.tail(KEY).training() is None
    first = Training(key=KEY, step=5, steps=9, loss="3.1 bits/dim", images_per_second=7.0)
    writer.train(first, last=False)
    writer.train(first.model_copy(update={"step": 6}), last=False)
    assert files.tail(KEY).training() == first
    last = first.model_copy(update={"step": 9, "seconds_left": 0.0})
    writer.train(last, last=True)
    assert files.tail(KEY).training() == last
    assert str(last.progress()) == "3.1 bits/dim, 7 images/s, step 9 of 9, 0:00:00 left"
