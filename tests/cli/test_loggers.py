"""What a logger writes stays after the training, and a resumed one adds to it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Command

ONE = ("--only", "train/glow@low/0")


def test_tensorboards_files_stay(tiny: Path, ood_bench: Command) -> None:
    pytest.importorskip("tensorboard")
    text = tiny.read_text().replace("steps: 20,", "steps: 400, logger: tensorboard,")
    tiny.write_text(text)
    command = [sys.executable, "-m", "ood_bench", "run", tiny, *ONE, "--checkpoint-seconds", "0.2"]
    run = subprocess.Popen(list(map(str, command)), cwd=tiny.parent, stderr=subprocess.PIPE)
    partial = tiny.parent / "results/store/partial"
    while run.poll() is None and not list(partial.glob("*/training/last.ckpt")):
        pass
    run.send_signal(signal.SIGINT)
    run.communicate()
    assert ood_bench("run", tiny, *ONE).status == 0
    (folder,) = (tiny.parent / "results/logs/glow@low-0").iterdir()
    assert list(folder.glob("events.out.tfevents.*"))
    assert not partial.exists() or not list(partial.iterdir())


def test_the_default_logger_leaves_nothing(tiny: Path, ood_bench: Command) -> None:
    assert ood_bench("run", tiny, *ONE).status == 0
    assert not (tiny.parent / "results/logs").exists()
