"""Ctrl-C and SIGTERM at any moment: one line, exit status 130 or 143, no traceback."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import SUITE, within_pytest

from ood_bench.cli.signals import SAYS, Signals

LONG = SUITE.replace("steps: 20,", "steps: 20000,")
MOMENTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
BY_NAME = signal.Signals.__getitem__

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="asks the system which signals are heard"
)


def start(arguments: list[str], folder: Path) -> "subprocess.Popen[str]":
    """Start Python, and wait until it hears signals: its own start is not ours to guard."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        caught = next(line for line in status.read_text().splitlines() if "SigCgt" in line)
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            break
        time.sleep(0.002)
    return process


def run(tiny: Path) -> "subprocess.Popen[str]":
    return start(["-m", "ood_bench", "run", "tiny.yaml", "--jobs", "1"], tiny.parent)


def assert_stopped(process: "subprocess.Popen[str]", number: int) -> None:
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    told = (" cells, ", "] train", "reading the suite")
    said = [line for line in err.splitlines() if not any(part in line for part in told)]
    assert said == [SAYS]
    assert process.returncode == 128 + number


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_at_any_moment_is_one_line_and_its_status(tiny: Path, name: str) -> None:
    tiny.write_text(LONG)
    for moment in MOMENTS:
        process = run(tiny)
        time.sleep(moment)
        assert_stopped(process, BY_NAME(name))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_training_that_is_stopped_closes_what_is_open(tiny: Path, name: str) -> None:
    tiny.write_text(LONG)
    process = run(tiny)
    while not list(tiny.parent.glob("results/store/partial/*/training")):
        time.sleep(0.05)
        assert process.poll() is None
    assert_stopped(process, BY_NAME(name))


SWALLOWED = """\
import sys, time
from ood_bench.cli.signals import Signals
signals = Signals()
signals.working = True
try:
    signals.listen()
    time.sleep(60)
except BaseException:
    sys.stderr.write("swallowed\\n")
while True:
    time.sleep(0.1)
"""
IN_DEL = """\
import time
from ood_bench.cli.signals import Signals
class Slow:
    def __del__(self):
        signals.listen()
        while True:
            time.sleep(0.1)
signals = Signals()
signals.working = True
slow = Slow()
del slow
"""


def test_code_that_swallows_a_signal_is_ended_by_the_next_but_not_by_an_echo(
    tmp_path: Path,
) -> None:
    process = start(["-c", SWALLOWED], tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)  # as a wrapper passes it on
    time.sleep(1.0)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert err.splitlines() == ["swallowed", SAYS]
    assert process.returncode == 130


def test_a_signal_that_code_cannot_pass_on_ends_the_process(tmp_path: Path) -> None:
    assert_stopped(start(["-c", IN_DEL], tmp_path), signal.SIGINT)


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    with within_pytest():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Signals().listen()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL)
