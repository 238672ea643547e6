"""The predicted gaps are exact where the theory is, and keep their sign and their intervals."""

import io
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ood_bench.analyses import Finding, Split, Study
from ood_bench.analyses.second_order import SecondOrder
from ood_bench.capabilities import ConstantVolume, Differentiable, LinearLevel
from ood_bench.data import Shape
from ood_bench.detectors import Columns
from ood_bench.lit import build
from ood_bench.testing import displaced
from ood_bench_models.glow import Glow

Pixels = NDArray[np.uint8]

FORMS = ("second_order", "closed_form", "jacobian")
SQUARE = Shape(1, 2, 2)
PLAIN = Shape(2, 1, 2)


class Quadratic(Differentiable, ConstantVolume):
    """A Gaussian whose coordinates are independent; 8-bit images lie in their bins' middle."""

    matrices = torch.diag_embed(torch.tensor([[2.0, -3.0], [4.0, 0.5]], dtype=torch.float64))
    variance = torch.tensor([[[0.3, 2.0]], [[1.7, 0.9]]], dtype=torch.float64)

    def log_density(self, y: Tensor) -> Tensor:
        scale = self.matrices.diagonal(dim1=1, dim2=2).prod(dim=0)
        z = (y - 0.4) * scale[:, None, None]
        return -0.5 * (z.square() / self.variance).flatten(1).sum(dim=1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_density((x.double() + 0.5) / 256.0)

    def linear_part(self, y: Tensor) -> tuple[LinearLevel, ...]:
        return (LinearLevel(1, self.matrices, self.variance),)


def studied(model: Quadratic | Glow, sets: dict[str, Pixels], train: Pixels | None = None) -> Study:
    """Return a study of sets of test images, the first inside and its own training set."""
    inside, *outside = sets
    with torch.no_grad():
        columns: dict[tuple[str, Split], Columns] = {
            (name, "test"): {"log_prob": model.log_prob(torch.tensor(images)).double().numpy()}
            for name, images in sets.items()
        }

    def images(data: str, split: Split) -> Pixels:
        return train if train is not None and split == "train" else sets[data]

    return Study(
        model="glow",
        inside=inside,
        outside=tuple(outside),
        shape=Shape(*sets[inside].shape[1:]),
        columns=columns,
        scores={},
        images=images,
        trained=lambda: model,
    )


def value(table: pd.DataFrame, quantity: str, outside: str = "out", unit: str = "nats") -> float:
    row = table[
        (table["quantity"] == quantity) & (table["outside"] == outside) & (table["unit"] == unit)
    ]
    return float(row["value"].item())


def mirrored(seed: int, spread: int, shape: Shape = PLAIN) -> Pixels:
    """Return images whose mean is exactly 127.5 everywhere."""
    drawn = np.random.default_rng(seed).integers(-spread, spread, (200, *shape))
    return np.concatenate([127 - drawn, 128 + drawn]).astype(np.uint8)


def factorial(levels: list[int], middle: int = 128) -> Pixels:
    """Return all images of pixels `middle` ± level, whose covariance is exactly diagonal."""
    signs = np.array(list(product((-1, 1), repeat=len(levels))))
    return (middle + signs * np.array(levels)).reshape(-1, *SQUARE).astype(np.uint8)


def additive(seed: int, shape: Shape = SQUARE, **options: object) -> Glow:
    return build(Glow, shape, {"levels": 1, "width": 8, "coupling": "additive", **options}, seed)


def test_all_forms_are_the_observed_gap_of_a_gaussian_whose_pixels_are_independent() -> None:
    study = studied(Quadratic(), {"in": mirrored(0, 100), "out": mirrored(1, 40)})
    table = SecondOrder(count=1000).tabulate(study)
    observed = value(table, "observed_gap")
    assert abs(observed) > 1
    for form in FORMS:
        assert value(table, f"{form}_gap") == pytest.approx(observed, rel=1e-9)
        assert value(table, f"{form}_sign_agrees", unit="truth") == 1.0


def test_with_the_shift_of_the_means_the_taylor_polynomial_of_a_gaussian_is_complete() -> None:
    out = (mirrored(1, 40) // 2 + 9).astype(np.uint8)
    study = studied(Quadratic(), {"in": mirrored(0, 90), "out": out}, train=mirrored(2, 30) // 3)
    table = SecondOrder(count=1000).tabulate(study)
    terms = [value(table, name) for name in ("second_order_gap", "mean_shift")]
    assert min(map(abs, terms)) > 1
    assert sum(terms) == pytest.approx(value(table, "observed_gap"), rel=1e-9)
    gradient, outside, inside = (
        value(table, name) for name in ("gradient_term", "trace_outside", "trace_inside")
    )
    assert terms[0] == pytest.approx(gradient + (outside - inside) / 2, rel=1e-12)


def test_without_shifts_the_jacobian_form_of_glow_is_exact_on_uncorrelated_pixels() -> None:
    model = additive(0)
    model.initialise(torch.tensor(mirrored(0, 90, SQUARE)))
    model.eval()
    sets = {"in": factorial([90, 20, 50, 70]), "out": factorial([30, 40, 10, 60])}
    table = SecondOrder().tabulate(studied(model, sets))
    exact = value(table, "jacobian_gap")
    assert abs(exact) > 0.1
    assert value(table, "second_order_gap") == pytest.approx(exact, rel=1e-6)
    with torch.no_grad():
        inside, outside = (
            model.log_density((torch.tensor(images) + 0.5) / 256).double().mean()
            for images in sets.values()
        )
    assert float(outside - inside) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_images_of_less_variance_are_predicted_to_be_likelier_whatever_the_weights(
    seed: int,
) -> None:
    model = displaced(additive(seed, Shape(1, 4, 4), levels=2), scale=0.05, seed=seed)
    inside = mirrored(seed, 120, Shape(1, 4, 4))
    gray = (inside // 2 + 64).astype(np.uint8)
    table = SecondOrder(count=2).tabulate(studied(model, {"in": inside, "gray": gray}))
    for form in ("closed_form", "jacobian"):
        assert value(table, f"{form}_gap", "gray") > 0
        assert value(table, f"{form}_gap", "gray", "bits_per_dim") > 0


def test_a_model_whose_volume_varies_has_no_closed_form_and_the_caption_says_so() -> None:
    model = displaced(build(Glow, SQUARE, {"levels": 1, "width": 8}, 0))
    sets = {"in": mirrored(0, 90, SQUARE), "out": mirrored(1, 30, SQUARE)}
    table = SecondOrder(count=4).tabulate(studied(model, sets))
    assert np.isnan(value(table, "closed_form_gap"))
    assert np.isnan(value(table, "closed_form_sign_agrees", unit="truth"))
    assert "There is no closed form" in SecondOrder().caption(table)
    names = {finding.name for finding in SecondOrder().findings(table)}
    assert "second_order_gap_bpd" in names
    assert not any("closed_form" in name or "jacobian" in name for name in names)
    assert len(SecondOrder().draw(table).axes[0].get_yticklabels()) == 3


def test_intervals_hold_the_gap_of_the_population_as_often_as_they_say() -> None:
    model, random = Quadratic(), np.random.default_rng(0)
    train = random.integers(0, 200, (500, *PLAIN)).astype(np.uint8)
    centre = torch.tensor((train.mean(axis=0) + 0.5) / 256, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.log_density(centre[None]).sum(), centre)
    scale = model.matrices.diagonal(dim1=1, dim2=2).prod(dim=0)[:, None, None]
    curvature = -(scale.square() / model.variance)
    lows, highs = (0, 40), (256, 120)
    means = [(low + high) / 512 for low, high in zip(lows, highs, strict=True)]
    variances = [
        ((high - low) ** 2 - 1) / 12 / 256**2 for low, high in zip(lows, highs, strict=True)
    ]
    truth = float(gradient.sum()) * (means[1] - means[0])
    truth += 0.5 * float(curvature.sum()) * (variances[1] - variances[0])
    held = []
    for _ in range(100):
        sets = {
            name: random.integers(low, high, (300, *PLAIN)).astype(np.uint8)
            for name, low, high in zip(("in", "out"), lows, highs, strict=True)
        }
        table = SecondOrder(count=200).tabulate(studied(model, sets, train))
        row = table[(table["quantity"] == "second_order_gap") & (table["unit"] == "nats")].iloc[0]
        held.append(row["low"] <= truth <= row["high"])
    assert 0.88 <= np.mean(held) <= 0.99


def test_findings_are_outside_minus_inside_in_bits_per_dimension() -> None:
    study = studied(Quadratic(), {"in": mirrored(0, 100), "out": mirrored(1, 40)})
    table = SecondOrder(count=50).tabulate(study)
    found = {(item.name, item.outside): item for item in SecondOrder().findings(table)}
    for form in (*FORMS, "observed"):
        nats = value(table, f"{form}_gap")
        gap = found[f"{form}_gap_bpd", "out"]
        assert gap.value == pytest.approx(nats / (PLAIN.dims * np.log(2)))
        assert gap.low <= gap.value <= gap.high
    assert found["observed_gap_bpd", "out"].value > 0
    assert found["second_order_gap_bpd", "out"].low < found["second_order_gap_bpd", "out"].value
    assert found["second_order_sign_agrees", "out"] == Finding(
        "second_order_sign_agrees", 1.0, 1.0, 1.0, outside="out"
    )


def test_a_sign_that_its_interval_leaves_open_agrees_with_nothing_for_sure() -> None:
    """Of two halves of one set the gaps are those of chance."""
    images = np.random.default_rng(3).integers(0, 256, (80, *PLAIN), dtype=np.uint8)
    apart = np.full((40, *PLAIN), 102, dtype=np.uint8)
    sets = {"in": images[:40], "same": images[40:], "apart": apart}
    table = SecondOrder(count=40).tabulate(studied(Quadratic(), sets))
    found = {(f.name, f.outside): f for f in SecondOrder().findings(table)}
    gap = found["second_order_gap_bpd", "same"]
    assert gap.low < 0 < gap.high
    unclear = found["second_order_sign_agrees", "same"]
    assert (unclear.low, unclear.high) == (0.0, 1.0)
    assert unclear.value in (0.0, 1.0)
    clear = found["second_order_sign_agrees", "apart"]
    assert (clear.low, clear.value, clear.high) == (1.0, 1.0, 1.0)
    caption = SecondOrder().caption(table)
    assert "of 2 (for 1 of them an interval includes both signs) OOD sets" in caption


def test_variances_of_each_channel_are_summed_over_pixels_on_the_unit_scale() -> None:
    sets = {"in": mirrored(0, 100), "out": mirrored(1, 40)}
    table = SecondOrder(count=2).tabulate(studied(Quadratic(), sets))
    for name, outside in (("in", ""), ("out", "out")):
        part = table[table["outside"] == outside]
        expected = (sets[name] / 256).var(axis=0).sum(axis=(1, 2))
        found = part[part["quantity"] == "variance"]["value"]
        assert found.to_numpy() == pytest.approx(expected)
        assert part[part["quantity"] == "mean"]["value"].to_numpy() == pytest.approx([0.5, 0.5])
    found = [item for item in SecondOrder().findings(table) if item.name == "variance_channel_1"]
    assert [item.outside for item in found] == ["", "out"]


def test_the_figure_is_drawn_from_the_stored_table_and_nothing_is_cut_off(tmp_path: Path) -> None:
    sets = {
        "in": mirrored(0, 100),
        "out$1": mirrored(1, 40),
        "black": np.zeros((3, *PLAIN), np.uint8),
        "near": mirrored(1, 99),
    }
    table = SecondOrder(count=20).tabulate(studied(Quadratic(), sets))
    table.to_parquet(tmp_path / "table.parquet", index=False)
    stored = pd.read_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(stored, table)
    figure = SecondOrder().draw(stored)
    figure.savefig(io.BytesIO(), format="png")
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.01
    assert [axes.get_title("left") for axes in figure.axes] == [r"out\$1", "black", "near"]
    assert figure.axes[0].get_xscale() == "symlog"
    assert "3 of 3" not in SecondOrder().caption(stored)


def test_a_gaussian_leaves_no_remainder_and_its_expansion_reaches_every_image() -> None:
    study = studied(Quadratic(), {"in": mirrored(0, 100), "out": mirrored(1, 40) // 2})
    table = SecondOrder(count=50).tabulate(study)
    found = {(item.name, item.outside): item.value for item in SecondOrder().findings(table)}
    for side in ("", "out"):
        assert found["remainder_bpd", side] == pytest.approx(0.0, abs=1e-9)
        assert found["reach", side] == 1.0
    assert "up to 1 of the way there" in SecondOrder().caption(table)


class Quartic(Quadratic):
    """Its second derivative at 1/2 is zero, so that the expansion misses all of it."""

    def log_density(self, y: Tensor) -> Tensor:
        return -(y - 0.5).pow(4).flatten(1).sum(dim=1)


def test_what_the_expansion_misses_is_the_remainder_and_it_reaches_nothing() -> None:
    inside, centre = mirrored(0, 100), np.full((2, *PLAIN), 127, np.uint8)
    centre[1] = 128
    table = SecondOrder(count=400).tabulate(studied(Quartic(), {"in": inside, "out": centre}))
    expected = -((((inside + 0.5) / 256 - 0.5) ** 4).sum(axis=(1, 2, 3))).mean()
    assert value(table, "remainder", "") == pytest.approx(expected, rel=1e-9)
    assert value(table, "reach", "", "share") == 0.0
    assert "even a 64th of the way" in SecondOrder().caption(table)


def test_the_reach_is_where_a_cubic_term_passes_a_tenth_of_the_change() -> None:
    class Cubic(Quadratic):
        def log_density(self, y: Tensor) -> Tensor:
            t = (y - 0.5).flatten(1).sum(dim=1)
            return t.square() + t.abs().pow(3)

    level = 128 + np.array(
        [-51, 51]
    )  # |t| = 4 · 51.5 / 256: at share λ the cubic is 0.8 λ as large
    inside = np.stack([np.full(PLAIN, level[0] - 1), np.full(PLAIN, level[1])]).astype(np.uint8)
    table = SecondOrder(count=2).tabulate(studied(Cubic(), {"in": inside, "out": inside}))
    assert value(table, "reach", "", "share") == 1 / 8


@pytest.mark.parametrize("others", [{}, {"out2": mirrored(1, 40)}], ids=["alone", "beside others"])
def test_a_set_that_does_not_differ_can_be_drawn(others: dict[str, Pixels]) -> None:
    same = mirrored(0, 100)
    study = studied(Quadratic(), {"in": same, "out": same, **others})
    table = SecondOrder(count=20).tabulate(study)
    assert value(table, "observed_gap") == 0.0
    SecondOrder().draw(table).savefig(io.BytesIO(), format="png")


def test_a_count_that_shows_no_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be at least 2"):
        SecondOrder(count=1)


class Folded(Differentiable):
    """Linear by pieces, as a network of ReLUs is: −|y − 0.3| · 60 in each value."""

    def log_density(self, y: Tensor) -> Tensor:
        return -60 * (y - 0.3).abs().flatten(1).sum(dim=1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_density((x.double() + 0.5) / 256.0)


def test_the_hessian_of_linear_pieces_is_zero_and_second_differences_see_the_fold() -> None:
    train = (mirrored(2, 30) // 2 + 14).astype(np.uint8)
    sets = {"in": mirrored(0, 120), "out": mirrored(1, 12)}
    model = Folded()
    study = studied(model, sets, train=train)  # type: ignore[arg-type]  # as a Quadratic is used
    table = SecondOrder(count=1000).tabulate(study)
    gradient = value(table, "gradient_term")
    assert value(table, "second_order_gap") == pytest.approx(gradient)
    centre = float((train.mean() + 0.5) / 256)
    expected = []
    for images in sets.values():
        way = 0.25 * (images.astype(float) - images.mean(axis=0)) / 256
        ends = [-60 * np.abs(centre + sign * way - 0.3) for sign in (1, -1)]
        both = (ends[0] + ends[1] + 2 * 60 * abs(centre - 0.3)) / 0.25**2
        expected.append(float(both.sum(axis=(1, 2, 3)).mean()))
    found = value(table, "second_difference_gap") - gradient
    assert expected[0] < -1
    assert found == pytest.approx((expected[1] - expected[0]) / 2, rel=0.02)


def test_of_a_gaussian_second_differences_are_the_hessians() -> None:
    study = studied(Quadratic(), {"in": mirrored(0, 100), "out": mirrored(1, 40)})
    table = SecondOrder(count=1000).tabulate(study)
    for unit in ("nats", "bits_per_dim"):
        assert value(table, "second_difference_gap", unit=unit) == pytest.approx(
            value(table, "second_order_gap", unit=unit), rel=1e-9
        )


def test_the_finding_says_that_a_hessian_of_relus_is_an_artefact() -> None:
    analysis = SecondOrder(count=1000)
    study = studied(Quadratic(), {"in": mirrored(0, 100), "out": mirrored(1, 40)})
    table = analysis.tabulate(study)
    found = {finding.name: finding for finding in analysis.findings(table)}
    assert "an artefact" in found["second_order_gap_bpd"].note
    assert "second difference" in found["second_order_gap_bpd"].note
    assert found["second_difference_gap_bpd"].note == ""
    assert "second differences over a quarter" in analysis.caption(table)
    without = table[~table["quantity"].str.startswith("second_difference")]
    assert "second differences" not in analysis.caption(without)
