"""A resumed training equals an undisturbed one, whatever stopped it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer
from tests.fitting import Images, Killed, kill_at, model, random_images, tiny, trained

from ood_bench.lit.checkpoint import Checkpoint


@pytest.fixture
def images() -> Images:
    return random_images()


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("optimizer", ["adam", "adamax", "rmsprop"])
def test_a_resumed_training_ends_with_the_same_weights(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, ema: float
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    recipe = tiny(steps=33, optimizer=optimizer, ema=ema, warmup=3, validate_every=7, flip=True)
    undisturbed, stopped, resumed = model(), model(), model()
    trained(undisturbed, images, tmp_path / "a", recipe)
    disturbed = tmp_path / "b"
    with pytest.raises(Killed):
        trained(stopped, images, disturbed, recipe, checkpoint_seconds=0.0, progress=kill_at(20))
    steps: list[int] = []
    report = trained(
        resumed, images, disturbed, recipe, progress=lambda progress: steps.append(progress.step)
    )
    assert min(steps) > 15, "training went on from the checkpoint"
    assert torch.equal(resumed.mean, undisturbed.mean)
    assert report.images == 33 * 8


def test_a_training_resumed_around_a_divergence_ends_with_the_same_weights(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    recipe, models = tiny(steps=40), [model() for _ in range(3)]
    for each in models:
        each.diverges_at = {7, 23}
    undisturbed, stopped, resumed = models
    expected = trained(undisturbed, images, tmp_path / "a", recipe)
    disturbed = tmp_path / "b"
    with pytest.raises(Killed):
        trained(stopped, images, disturbed, recipe, checkpoint_seconds=0.0, progress=kill_at(20))
    report = trained(resumed, images, disturbed, recipe)
    assert torch.equal(resumed.mean, undisturbed.mean)
    assert report.divergences == expected.divergences == ((10, 0.5), (25, 0.25))


def flip(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


def make_folder(path: Path) -> None:
    path.unlink()
    (path / "below").mkdir(parents=True)


@pytest.mark.parametrize("name", ["last.ckpt", "last.ckpt.sha256"])
@pytest.mark.parametrize(
    "damage",
    [flip, make_folder, Path.unlink, lambda path: path.write_bytes(b"\xff\xfe\x00")],
    ids=["flipped", "a folder", "missing", "not text"],
)
def test_a_damaged_checkpoint_is_logged_and_training_starts_anew(
    damage: Callable[[Path], None],
    name: str,
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    undisturbed, stopped, resumed = model(), model(), model()
    trained(undisturbed, images, tmp_path / "a")
    with pytest.raises(Killed):
        trained(stopped, images, tmp_path / "b", checkpoint_seconds=0.0, progress=kill_at(10))
    damage(tmp_path / "b" / name)
    trained(resumed, images, tmp_path / "b")
    assert "last.ckpt is damaged" in caplog.text or not (tmp_path / "b" / "last.ckpt").exists()
    assert torch.equal(resumed.mean, undisturbed.mean)
    again = model()
    with pytest.raises(Killed):
        trained(again, images, tmp_path / "b", checkpoint_seconds=0.0, progress=kill_at(10))
    assert Checkpoint(tmp_path / "b" / "last.ckpt").usable()


def test_a_kill_between_the_two_renames_leaves_a_usable_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path / "last.ckpt")
    contents = iter(["one", "two", "three"])

    class Saver:
        def save_checkpoint(self, path: Path) -> None:
            path.write_text(next(contents))

    saver: Trainer = Saver()  # type: ignore[assignment]
    checkpoint.save(saver)
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target == checkpoint.path:
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            checkpoint.save(saver)
    assert checkpoint.path.read_text() == "one"
    assert checkpoint.usable()
    checkpoint.save(saver)
    assert checkpoint.path.read_text() == "three"
    assert checkpoint.usable()


TRAINING = """
import sys
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import save_file
from ood_bench.data import Shape
from ood_bench.lit import build, fit
from ood_bench.recipe import Recipe
from ood_bench_models.glow import Glow

torch.set_num_threads(1)
folder = Path(sys.argv[1])
images = np.random.default_rng(0).integers(0, 256, (500, 1, 8, 8), dtype=np.uint8)
model = build(Glow, Shape(1, 8, 8), {"steps": 2, "width": 16}, 0)
recipe = Recipe(steps=400, batch_size=32, ema=0.99)
fit(model, recipe, images[:400], images[400:], seed=0, workdir=folder, checkpoint_seconds=0.2)
save_file(model.state_dict(), folder / "weights.safetensors")
"""


@pytest.mark.parametrize(
    "kills", [1, pytest.param(20, marks=pytest.mark.slow)], ids=["once", "twenty times"]
)
def test_kill_9_at_random_moments_changes_no_byte_of_the_weights(
    tmp_path: Path, kills: int
) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAINING)

    def start(folder: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, script, tmp_path / folder], env=os.environ)

    assert start("undisturbed").wait() == 0
    expected = (tmp_path / "undisturbed" / "weights.safetensors").read_bytes()
    randomness = np.random.default_rng(kills)
    killed = 0
    while killed < kills:
        training = start("disturbed")
        checkpoint = tmp_path / "disturbed" / "last.ckpt"
        while not checkpoint.exists() and training.poll() is None:
            time.sleep(0.05)
        time.sleep(randomness.uniform(0, 6.0))
        training.kill()
        training.wait()
        killed += 1
    assert start("disturbed").wait() == 0
    assert (tmp_path / "disturbed" / "weights.safetensors").read_bytes() == expected
