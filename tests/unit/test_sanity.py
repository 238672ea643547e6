"""What a trained density is judged by: noise costs 8 bits at least, and a histogram is no model."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from ood_bench.data import Shape
from ood_bench.errors import CellError
from ood_bench.lit import DensityModule, judged
from ood_bench.lit.sanity import histogram_bits
from ood_bench.results import TrainingCard, untrained, why_untrained

SHAPE = Shape(2, 4, 4)


class Uniform(DensityModule):
    """So many bits for every image; 8 is the uniform distribution."""

    def __init__(self, shape: Shape, *, bits: float = 8.0, spread: float = 0.0) -> None:
        super().__init__(shape)
        self.bits, self.spread = bits, spread

    def log_prob(self, x: Tensor) -> Tensor:
        self.admit(x)
        odd = x.flatten(1).double().mean(dim=1) / 127.5 - 1
        return -(self.bits + self.spread * odd) * self.shape.dims * math.log(2)


def images(n: int = 50, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def density(**options: float) -> Uniform:
    model = Uniform(SHAPE, **options)
    model.initialise(torch.tensor(images()))
    return model.eval()


@pytest.mark.parametrize("bits", [7.99, 0.873, 0.0, -3.0])
def test_a_density_with_less_than_eight_bits_on_noise_is_refused_in_one_line(bits: float) -> None:
    with pytest.raises(CellError, match=rf"Uniform gives .* {bits:.3f} bits per dim") as error:
        judged(density(bits=bits), images(), images())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"bits": 8.0}, {"bits": 9.5}, {"bits": 7.9, "spread": 6.0}])
def test_a_density_that_may_have_eight_is_not(options: dict[str, float]) -> None:
    found = judged(density(**options), images(), images())
    assert found.bpd_noise == pytest.approx(options["bits"], abs=0.1)


def test_the_histograms_bits_are_the_cross_entropy_of_each_channel() -> None:
    train, validation = images(200) // 64, images(30, seed=1) // 64
    train[:, 1] = 7
    validation[:, 1] = 7
    expected = 0.0
    for channel in range(2):
        counts = np.array([(train[:, channel] == level).sum() + 1.0 for level in range(256)])
        share = counts / counts.sum()
        expected += float(-np.log2(share[validation[:, channel]]).mean()) / 2
    assert histogram_bits(train, validation) == pytest.approx(expected, rel=1e-12)
    assert histogram_bits(train, validation) == pytest.approx(1.17, abs=0.1)


def card(bits: float | None, histogram: float | None) -> TrainingCard:
    return TrainingCard(
        "glow", "glow", "mnist", 3, 10, 5, 40, 1.0, 40.0, bits, "float32", "cpu", (),
        bpd_histogram=histogram,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "histogram", "said"),
    [
        (8.0, None, "8.00 bits per dimension on its own validation images, and a uniform"),
        (9.3, 4.0, "9.30 bits per dimension on its own validation images, and a uniform"),
        (3.99, 4.0, "3.99 bits per dimension on its own validation images, and one histogram a"),
        (4.7, 4.0, "one histogram a channel 4.00"),
        (7.9, None, ""),
        (3.0, 4.0, ""),
        (None, None, ""),
    ],
)
def test_a_model_that_has_learnt_nothing_is_called_so(
    bits: float | None, histogram: float | None, said: str
) -> None:
    told = why_untrained(card(bits, histogram))
    assert said in told
    assert bool(told) == bool(said)
    assert untrained([f"embedded subset; {told}", "1 seed"]) == ([told] if told else [])
