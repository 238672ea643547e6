import csv
import logging
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from tests.fitting import TINY, Images, Normal, model, random_images, tiny, trained
from torch import Tensor, nn
from torch.nn.functional import pad

from ood_bench.data import Shape
from ood_bench.errors import CellError, PluginError
from ood_bench.lit import TrainingProgress, TrainingState, accelerator, build, fit
from ood_bench.lit.augmentation import augmented
from ood_bench.lit.average import WeightAverage
from ood_bench.lit.guard import ATTEMPTS
from ood_bench.lit.module import Batch
from ood_bench.noise import mutated
from ood_bench.recipe import Recipe
from ood_bench_models.glow import Glow


@pytest.fixture
def images() -> Images:
    return random_images()


def test_training_lowers_bits_per_dim_and_reports_what_it_did(
    images: Images, tmp_path: Path
) -> None:
    before = trained(model(), images, tmp_path / "a", tiny(steps=0))
    after = trained(model(), images, tmp_path / "b", tiny(steps=200, learning_rate=0.05))
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
    plain, background = model(), model()
    trained(plain, images, tmp_path / "a")
    trained(background, images, tmp_path / "b", tiny(mutation=0.5))
    assert not torch.equal(plain.mean, background.mean)


NUMBERED = torch.arange(1, 65, dtype=torch.uint8).view(1, 1, 8, 8).repeat(200, 3, 1, 1)


def test_a_recipe_mirrors_half_of_the_images() -> None:
    found = augmented(NUMBERED, Recipe(flip=True), seed=0, step=3)
    mirrored = (found == NUMBERED.flip(3)).flatten(1).all(dim=1)
    assert torch.equal(mirrored, ~(found == NUMBERED).flatten(1).all(dim=1))
    assert 60 < int(mirrored.sum()) < 140


@pytest.mark.parametrize("flip", [False, True])
def test_a_recipe_shifts_each_image_by_its_own_number_of_pixels(flip: bool) -> None:
    recipe, seen = Recipe(shift=2, flip=flip), set()
    for image in augmented(NUMBERED, recipe, seed=0, step=3):
        places = [
            (down, right, mirrored)
            for down in range(5)
            for right in range(5)
            for mirrored in ((False, True) if flip else (False,))
            if torch.equal(
                image,
                pad(NUMBERED[0].flip(2) if mirrored else NUMBERED[0], [2] * 4)[
                    :, down : down + 8, right : right + 8
                ],
            )
        ]
        assert len(places) == 1
        seen |= {*places}
    assert len(seen) > (40 if flip else 23), "of 50 or 25"


def test_augmentation_is_a_function_of_seed_and_step() -> None:
    recipe = Recipe(flip=True, shift=2)
    found = augmented(NUMBERED, recipe, seed=0, step=3)
    assert torch.equal(found, augmented(NUMBERED, recipe, seed=0, step=3))
    for seed, step in ((1, 3), (0, 4)):
        assert not torch.equal(found, augmented(NUMBERED, recipe, seed=seed, step=step))
    assert augmented(NUMBERED, Recipe(), seed=0, step=3) is NUMBERED


@pytest.mark.parametrize("change", [{"flip": True}, {"shift": 1}])
def test_a_recipe_with_augmentation_trains_on_other_images(
    images: Images, tmp_path: Path, change: dict[str, object]
) -> None:
    plain, other = model(), model()
    trained(plain, images, tmp_path / "a")
    report = trained(other, images, tmp_path / "b", tiny(**change))
    assert not torch.equal(plain.mean, other.mean)
    scores = other.log_prob(torch.tensor(images[60:])).detach().double()
    expected = -float(scores.mean()) / (16 * np.log(2))
    assert report.bpd_validation == pytest.approx(expected, rel=1e-6), "as they are"


def test_the_trained_model_is_in_evaluation_and_scores_what_was_reported(
    images: Images, tmp_path: Path
) -> None:
    normal = model()
    report = trained(normal, images, tmp_path)
    assert not normal.training
    assert normal.training_state == TrainingState(), "nothing of the training is left on it"
    scores = normal.log_prob(torch.tensor(images[60:])).detach().double()
    expected = -float(scores.mean()) / (16 * np.log(2))
    assert report.bpd_validation == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("recipe", [tiny(), tiny(validate_every=4, clip_norm=0.1)])
def test_a_device_that_lightning_does_not_know_trains_the_same_weights(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe
) -> None:
    known, unknown = model(), model()
    expected = trained(known, images, tmp_path / "a", recipe)
    monkeypatch.delitem(accelerator.OF_LIGHTNING, "cpu")
    found = trained(unknown, images, tmp_path / "b", recipe)
    assert torch.equal(known.mean, unknown.mean)
    assert (found.bpd_validation, found.device) == (expected.bpd_validation, "cpu")


def test_the_same_seed_trains_the_same_weights_and_another_does_not(
    images: Images, tmp_path: Path
) -> None:
    first, again, other = model(), model(), model()
    trained(first, images, tmp_path / "a")
    torch.rand(1)
    trained(again, images, tmp_path / "b")
    fit(other, TINY, images[:60], images[60:], seed=1, workdir=tmp_path / "c")
    assert torch.equal(first.mean, again.mean)
    assert not torch.equal(first.mean, other.mean)


def test_a_compiled_training_ends_where_an_eager_one_does(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, compiled = model(), model()
    trained(eager, images, tmp_path / "a")
    calls: list[object] = []
    monkeypatch.setattr("ood_bench.lit.compiled.worthwhile", lambda *_: True)
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


def test_a_divergence_goes_back_and_halves_the_rate(
    images: Images, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    normal = model()
    normal.diverges_at = {12}
    report = trained(normal, images, tmp_path, tiny(steps=30))
    assert report.divergences == ((15, 0.5),)
    assert normal.mean.isfinite().all()
    assert "back to the state of step 10, learning rate × 0.5" in caplog.text


def test_a_divergence_at_the_last_step_leaves_the_last_good_weights(
    images: Images, tmp_path: Path
) -> None:
    normal, shorter = model(), model()
    normal.diverges_at = {12}
    report = trained(normal, images, tmp_path / "a", tiny(steps=13, decay=()))
    trained(shorter, images, tmp_path / "b", tiny(steps=10, decay=()))
    assert report.divergences == ((13, 0.5),)
    assert torch.equal(normal.mean, shorter.mean)


def test_training_fails_after_three_returns(images: Images, tmp_path: Path) -> None:
    normal = model()
    normal.diverges_at = set(range(20, 100))
    with pytest.raises(CellError, match=f"after {ATTEMPTS} returns") as failure:
        trained(normal, images, tmp_path, tiny(steps=100))
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
    trained(model(), images, tmp_path / "work", tiny(validate_every=5))
    assert capfd.readouterr() == ("", "")
    assert not list(elsewhere.iterdir())
    assert logging.getLogger("pytorch_lightning").level == level


def test_the_log_has_bits_per_dim_of_training_and_validation(
    images: Images, tmp_path: Path
) -> None:
    report = trained(model(), images, tmp_path, tiny(steps=20, validate_every=10))
    (path,) = tmp_path.glob("logs/version_0/metrics.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    validated = [float(row["val/bits_per_dim"]) for row in rows if row["val/bits_per_dim"]]
    assert len(validated) == 2
    assert validated[-1] == pytest.approx(report.bpd_validation, rel=1e-5)
    assert [row["step"] for row in rows if row["train/bits_per_dim"]]


def test_an_average_of_the_weights_is_the_trained_model(images: Images, tmp_path: Path) -> None:
    plain, averaged = model(), model()
    start = plain.mean.detach().clone()
    trained(plain, images, tmp_path / "a", tiny(steps=30))
    trained(averaged, images, tmp_path / "b", tiny(steps=30, ema=0.9))
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
                trained(model(), images, tmp_path, tiny(logger=name))


def test_ctrl_c_stays_a_keyboard_interrupt(images: Images, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)

    def interrupt(progress: TrainingProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(model(), images, tmp_path, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler


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
    noting.diverges_at = {3, 52}
    report = trained(noting, images, tmp_path, recipe)
    assert report.divergences == ((5, 0.5), (55, 0.25))
    for step, rate in noting.rates.items():
        factor = 1.0 if step < 5 else 0.5 if step < 55 else 0.25
        expected = recipe.learning_rate * recipe.rate_at(step) * factor
        assert rate == pytest.approx(expected), step
