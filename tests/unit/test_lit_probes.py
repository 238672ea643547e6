"""Probes follow a training without changing it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ood_bench.data import Shape
from ood_bench.lit import DensityModule, FitReport, build, fit
from ood_bench.lit.course import TrainingProgress
from ood_bench.lit.probes import images_per_probe, probed_steps
from ood_bench.recipe import Recipe

Images = NDArray[np.uint8]


class Normal(DensityModule):
    """Independent normal pixels."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.randn(shape.dims))

    def log_prob(self, x: Tensor) -> Tensor:
        y = self.dequantize(x).flatten(1)
        return -0.5 * (y - self.mean).square().sum(dim=1)


class Killed(Exception):  # noqa: N818  it stands for no error
    """Stands for a kill: nothing after it runs."""


@pytest.fixture
def sets() -> dict[str, Images]:
    random = np.random.default_rng(0)
    return {
        name: random.integers(low, low + 56, (40, 1, 2, 2), dtype=np.uint8)
        for name, low in (("in/test", 0), ("out/test", 200))
    }


def trained(
    sets: dict[str, Images] | None, images: Images, folder: Path, **options: object
) -> tuple[Normal, FitReport]:
    model = build(Normal, Shape(1, 2, 2), {}, 0)
    recipe = Recipe(steps=37, batch_size=8, learning_rate=0.1)
    report = fit(
        model,
        recipe,
        images,
        images[:4],
        seed=0,
        workdir=folder,
        probes=sets,
        **options,  # type: ignore[arg-type]
    )
    return model, report


def test_probes_are_taken_at_the_planned_steps_and_change_no_weight(
    sets: dict[str, Images], tmp_path: Path
) -> None:
    images = sets["in/test"]
    plain, unprobed = trained(None, images, tmp_path / "a")
    probed, report = trained(sets, images, tmp_path / "b")
    assert torch.equal(plain.mean, probed.mean)
    assert unprobed.probes == ()
    assert [p.step for p in report.probes if p.data == "in/test"] == list(probed_steps(37))
    assert {p.data for p in report.probes} == set(sets)
    assert 0 < report.probe_seconds < report.seconds + 1


def test_a_probe_is_the_mean_bits_per_dimension_of_its_images(
    sets: dict[str, Images], tmp_path: Path
) -> None:
    model, report = trained(sets, sets["in/test"], tmp_path)
    last = next(p for p in reversed(report.probes) if p.data == "out/test")
    assert last.images == images_per_probe(37, batch_size=8, sets=2) == 8
    rows = np.linspace(0, 39, last.images).round().astype(int)
    bits = -model.log_prob(torch.tensor(sets["out/test"][rows])).detach() / (4 * np.log(2))
    # the noise of the probes differs from that of evaluation by less than a level
    assert last.bits_per_dim == pytest.approx(float(bits.mean()), abs=0.01)
    assert last.error == pytest.approx(float(bits.std()) / 8**0.5, rel=0.1)


def test_a_resumed_training_has_the_probes_of_an_undisturbed_one(
    sets: dict[str, Images], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.lit.course.PROGRESS_SECONDS", 0.0)

    def kill(progress: TrainingProgress) -> None:
        if progress.step >= 20:
            raise Killed

    images = sets["in/test"]
    _, undisturbed = trained(sets, images, tmp_path / "a")
    with pytest.raises(Killed):
        trained(sets, images, tmp_path / "b", checkpoint_seconds=0.0, progress=kill)
    _, resumed = trained(sets, images, tmp_path / "b")
    assert resumed.probes == undisturbed.probes


def test_the_share_of_time_holds_whatever_the_length_of_training() -> None:
    for steps in (100, 1_000, 100_000):
        images = images_per_probe(steps, batch_size=64, sets=5) * 5 * len(probed_steps(steps))
        assert images / 3 <= 0.05 * steps * 64
