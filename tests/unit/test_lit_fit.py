import csv
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytorch_lightning import Trainer
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.errors import CellError, PluginError
from ood_bench.lit import DensityModule, FitReport, TrainingProgress, build, fit
from ood_bench.lit.average import WeightAverage
from ood_bench.lit.checkpoint import Checkpoint
from ood_bench.lit.guard import ATTEMPTS
from ood_bench.lit.module import Batch
from ood_bench.noise import mutated
from ood_bench.recipe import Recipe
from ood_bench_models.glow import Glow

Images = NDArray[np.uint8]
TINY = Recipe(steps=12, batch_size=8, precision="float32")


class Normal(DensityModule):
    """Independent normal pixels, with a switch that makes the loss infinite at some steps."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.randn(shape.dims))
        self.diverges_at: set[int] = set()

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)
        log_prob = -0.5 * (y - self.mean).square().sum(dim=1)
        if self.training and self.global_step in self.diverges_at:
            return log_prob / 0.0
        return log_prob


@pytest.fixture
def images() -> Images:
    return np.random.default_rng(0).integers(0, 256, (70, 1, 4, 4), dtype=np.uint8)


def model(recipe: Recipe = TINY, **changes: object) -> Normal:
    normal = build(Normal, Shape(1, 4, 4), {}, 0)
    normal.recipe = recipe.model_copy(update=changes)
    return normal


def trained(normal: Normal, images: Images, folder: Path, **options: object) -> FitReport:
    return fit(normal, images[:60], images[60:], seed=0, workdir=folder, **options)  # type: ignore[arg-type]


def test_training_lowers_bits_per_dim_and_reports_what_it_did(
    images: Images, tmp_path: Path
) -> None:
    untrained, longer = model(steps=0), model(steps=200, learning_rate=0.05)
    before = trained(untrained, images, tmp_path / "a")
    after = trained(longer, images, tmp_path / "b")
    assert before.bpd_validation is not None
    assert after.bpd_validation is not None
    assert after.bpd_validation < before.bpd_validation
    assert (after.steps, after.images, after.parameters) == (200, 1600, 16)
    assert (after.precision, after.device, after.divergences) == ("float32", "cpu", ())
    assert after.images_per_second == pytest.approx(1600 / after.seconds)
    assert (before.steps, before.images, before.images_per_second) == (0, 0, 0.0)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_mutation_replaces_a_share_of_the_values_with_uniform_ones(rate: float) -> None:
    x = torch.full((50, 1, 20, 20), 77, dtype=torch.uint8) + torch.arange(50).view(-1, 1, 1, 1)
    x = x.to(torch.uint8)
    changed = mutated(x, rate, salt=3)
    share = float((changed != x).double().mean())
    assert share == pytest.approx(rate * 255 / 256, abs=4 * (rate * (1 - rate) / x.numel()) ** 0.5)
    levels = changed[changed != x].double()
    assert float(levels.mean()) == pytest.approx(127.5, abs=4 * 74 / len(levels) ** 0.5)
    assert torch.equal(mutated(x[5:6], rate, salt=3), changed[5:6])
    assert not torch.equal(mutated(x, rate, salt=4), changed)


def test_a_recipe_with_mutation_trains_on_other_images(images: Images, tmp_path: Path) -> None:
    plain, background = model(), model(mutation=0.5)
    trained(plain, images, tmp_path / "a")
    trained(background, images, tmp_path / "b")
    assert not torch.equal(plain.mean, background.mean)


def test_the_trained_model_is_in_evaluation_and_scores_what_was_reported(
    images: Images, tmp_path: Path
) -> None:
    normal = model()
    report = trained(normal, images, tmp_path)
    assert not normal.training
    scores = normal.log_prob(torch.tensor(images[60:])).detach().double()
    expected = -float(scores.mean()) / (16 * np.log(2))
    assert report.bpd_validation == pytest.approx(expected, rel=1e-6)


def test_the_same_seed_trains_the_same_weights_and_another_does_not(
    images: Images, tmp_path: Path
) -> None:
    first, again, other = model(), model(), model()
    trained(first, images, tmp_path / "a")
    torch.rand(1)
    trained(again, images, tmp_path / "b")
    fit(other, images[:60], images[60:], seed=1, workdir=tmp_path / "c")
    assert torch.equal(first.mean, again.mean)
    assert not torch.equal(first.mean, other.mean)


def test_a_compiled_training_ends_where_an_eager_one_does(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, compiled = model(), model()
    trained(eager, images, tmp_path / "a")
    calls: list[object] = []
    monkeypatch.setattr("ood_bench.lit.compiled.worthwhile", lambda _: True)
    monkeypatch.setattr(
        torch, "compile", lambda log_prob: lambda x: (calls.append(x), log_prob(x))[1]
    )
    trained(compiled, images, tmp_path / "b")
    assert len(calls) == 12
    assert compiled.optimized is None
    assert torch.equal(compiled.mean, eager.mean)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler warns of its own ways
def test_glow_compiles_to_the_same_log_likelihoods() -> None:
    shape = Shape(1, 8, 8)
    glow = build(Glow, shape, {"steps": 2, "width": 8}, 0)
    x = torch.randint(256, (16, *shape), dtype=torch.uint8)
    glow.initialise(x)
    compiled = torch.compile(glow.log_prob)
    for salt in (0, 7):
        glow.salt.fill_(salt)
        torch.testing.assert_close(compiled(x), glow.log_prob(x), rtol=1e-5, atol=1e-3)


def test_building_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    build(Normal, Shape(1, 2, 2), {}, 0)
    assert torch.equal(torch.rand(1), expected)


class Killed(Exception):  # noqa: N818  it stands for no error
    """Stands for a kill: nothing after it runs."""


def kill_at(step: int) -> object:
    def progress(progress: TrainingProgress) -> None:
        if progress.step >= step:
            raise Killed

    return progress


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("optimizer", ["adam", "adamax", "rmsprop"])
def test_a_resumed_training_ends_with_the_same_weights(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, ema: float
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    options = {"steps": 33, "optimizer": optimizer, "ema": ema, "warmup": 3, "validate_every": 7}
    undisturbed, stopped, resumed = model(**options), model(**options), model(**options)
    trained(undisturbed, images, tmp_path / "a")
    with pytest.raises(Killed):
        trained(stopped, images, tmp_path / "b", checkpoint_seconds=0.0, progress=kill_at(20))
    steps: list[int] = []
    report = trained(
        resumed, images, tmp_path / "b", progress=lambda progress: steps.append(progress.step)
    )
    assert min(steps) > 15, "training went on from the checkpoint"
    assert torch.equal(resumed.mean, undisturbed.mean)
    assert report.images == 33 * 8


def test_a_training_resumed_around_a_divergence_ends_with_the_same_weights(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)
    models = [model(steps=40) for _ in range(3)]
    for each in models:
        each.diverges_at = {7, 23}
    undisturbed, stopped, resumed = models
    expected = trained(undisturbed, images, tmp_path / "a")
    with pytest.raises(Killed):
        trained(stopped, images, tmp_path / "b", checkpoint_seconds=0.0, progress=kill_at(20))
    report = trained(resumed, images, tmp_path / "b")
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


def test_a_divergence_goes_back_and_halves_the_rate(
    images: Images, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    normal = model(steps=30)
    normal.diverges_at = {12}
    report = trained(normal, images, tmp_path)
    assert report.divergences == ((15, 0.5),)
    assert normal.mean.isfinite().all()
    assert "back to the state of step 10, learning rate × 0.5" in caplog.text


def test_a_divergence_at_the_last_step_leaves_the_last_good_weights(
    images: Images, tmp_path: Path
) -> None:
    normal, shorter = model(steps=13), model(steps=10)
    normal.recipe = normal.recipe.model_copy(update={"decay": ()})
    shorter.recipe = shorter.recipe.model_copy(update={"decay": ()})
    normal.diverges_at = {12}
    report = trained(normal, images, tmp_path / "a")
    trained(shorter, images, tmp_path / "b")
    assert report.divergences == ((13, 0.5),)
    assert torch.equal(normal.mean, shorter.mean)


def test_training_fails_after_three_returns(images: Images, tmp_path: Path) -> None:
    normal = model(steps=100)
    normal.diverges_at = set(range(20, 100))
    with pytest.raises(CellError, match=f"after {ATTEMPTS} returns") as failure:
        trained(normal, images, tmp_path)
    assert "\n" not in str(failure.value)


def test_progress_ends_at_the_last_step(images: Images, tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    trained(model(), images, tmp_path, progress=seen.append)
    assert (seen[-1].step, seen[-1].steps) == (12, 12)
    assert seen[-1].images_per_second > 0


def test_training_is_quiet_and_writes_below_its_folder(
    images: Images,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    level = logging.getLogger("pytorch_lightning").level
    trained(model(validate_every=5), images, tmp_path / "work")
    assert capfd.readouterr() == ("", "")
    assert not list(elsewhere.iterdir())
    assert logging.getLogger("pytorch_lightning").level == level


def test_the_log_has_bits_per_dim_of_training_and_validation(
    images: Images, tmp_path: Path
) -> None:
    report = trained(model(steps=20, validate_every=10), images, tmp_path)
    (path,) = tmp_path.glob("logs/version_0/metrics.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    validated = [float(row["val/bits_per_dim"]) for row in rows if row["val/bits_per_dim"]]
    assert len(validated) == 2
    assert validated[-1] == pytest.approx(report.bpd_validation, rel=1e-5)
    assert [row["step"] for row in rows if row["train/bits_per_dim"]]


def test_an_average_of_the_weights_is_the_trained_model(images: Images, tmp_path: Path) -> None:
    plain, averaged = model(steps=30), model(steps=30, ema=0.9)
    start = plain.mean.detach().clone()
    trained(plain, images, tmp_path / "a")
    trained(averaged, images, tmp_path / "b")
    moved = (plain.mean - start).abs().mean()
    behind = (plain.mean - averaged.mean).abs().mean()
    assert 0 < behind < 0.5 * moved


def test_training_is_quiet_beside_slurms_client(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "bin/srun"
    client.parent.mkdir()
    client.write_text("#!/bin/sh\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("srun") == str(client)
    trained(model(), images, tmp_path / "work")  # any warning is an error in tests


def test_a_missing_logger_is_a_plugin_error(images: Images, tmp_path: Path) -> None:
    for name in ("tensorboard", "wandb", "mlflow"):
        try:
            __import__(name)
        except ModuleNotFoundError:
            with pytest.raises(PluginError, match=rf"pip install 'ood-bench\[{name}\]'"):
                trained(model(logger=name), images, tmp_path)


def test_ctrl_c_stays_a_keyboard_interrupt(images: Images, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(progress: TrainingProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(model(), images, tmp_path, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler


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
model.recipe = Recipe(steps=400, batch_size=32, ema=0.99)
fit(model, images[:400], images[400:], seed=0, workdir=folder, checkpoint_seconds=0.2)
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


def test_the_averages_ramp_is_that_of_its_docstring() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    average = WeightAverage(0.95)
    trainer = SimpleNamespace(global_step=0)
    average.on_train_start(trainer, layer)  # type: ignore[arg-type]  # what it reads of either
    expected = 0.0
    for step in range(1, 400):
        trainer.global_step = step
        layer.weight.data.fill_(float(step))
        average.on_train_batch_end(trainer, layer)  # type: ignore[arg-type]  # likewise
        share = min(0.95, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * step
        assert float(average.average[0]) == pytest.approx(expected, rel=1e-4), step


class NotesItsRates(Normal):
    """Keeps the learning rate of every step."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.rates: dict[int, float] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        self.rates[self.global_step] = optimizer.param_groups[0]["lr"]
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("schedule", ["halvings", "linear", "cosine"])
def test_after_a_divergence_the_rate_follows_the_schedule_at_half_its_height(
    images: Images, tmp_path: Path, schedule: str
) -> None:
    recipe = Recipe.model_validate({**dict(TINY), "steps": 60, "schedule": schedule, "warmup": 8})
    noting = build(NotesItsRates, Shape(1, 4, 4), {}, 0)
    noting.recipe, noting.diverges_at = recipe, {3, 52}
    report = trained(noting, images, tmp_path)
    assert report.divergences == ((5, 0.5), (55, 0.25))
    for step, rate in noting.rates.items():
        factor = 1.0 if step < 5 else 0.5 if step < 55 else 0.25
        expected = recipe.learning_rate * recipe.rate_at(step) * factor
        assert rate == pytest.approx(expected), step
