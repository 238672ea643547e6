"""What a terminal and a log are told while a run goes on."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ood_bench.api.events import Begun
from ood_bench.cells import Cell
from ood_bench.cells.metric import DetectionMetrics
from ood_bench.cli import progress
from ood_bench.cli.progress import Display
from ood_bench.execute import Done, Step
from ood_bench.plan import Plan

KEYS = ("0" * 31 + "1", "0" * 31 + "2")


def metric(level: int) -> Cell:
    spec = DetectionMetrics(inside=KEYS[0], outside=KEYS[1], resamples=level, level=0.95)
    return Cell(f"metric/glow@low/{level}", spec)


def begun(*cells: Cell) -> Begun:
    return Begun(Plan(cells, (), ()), 0, {cell.key: 90.0 for cell in cells})


def test_a_log_is_told_what_goes_on_after_a_silence_and_not_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = metric(1), metric(2)
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.5)
    with Display("reading") as display:
        time.sleep(1.8)
        assert capsys.readouterr().err == "reading\n"
        display(begun(first, second))
        display(Step(first))
        display(Done(first, stored=False, seconds=0.5))
        display(Step(second))
        display(Done(metric(3), stored=True, seconds=0.0))
        monkeypatch.setattr(progress, "LOG_SECONDS", 1000.0)
        assert capsys.readouterr().err == "2 cells, 0 of them stored\n"
        time.sleep(1.5)
        assert not capsys.readouterr().err
        monkeypatch.setattr(progress, "LOG_SECONDS", 1.0)
        time.sleep(1.8)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "metric 1/2; about 0.0 s left; now metric/glow@low/2"


def test_a_terminal_sees_at_once_what_goes_on(finished: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ood_bench", "run", "tiny.yaml", "--dry-run"]
    child = subprocess.Popen(command, cwd=finished, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # the other side is closed
        pass
    assert child.wait() == 0
    text = seen.decode(errors="replace")
    assert text.index("reading the suite") < text.index("stored")
    assert "\x1b[2K" in text  # the line is taken back
