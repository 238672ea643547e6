"""Means and variances of the data, dimension by dimension."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ood_bench.analyses import Finding, Study
from ood_bench.analyses.moments import CHUNK, Moments, moments, quotient
from ood_bench.data import Shape

SHAPE = Shape(3, 2, 4)


def random_images(count: int, low: int, high: int) -> NDArray[np.uint8]:
    random = np.random.default_rng([count, low, high])
    return random.integers(low, high, (count, *SHAPE), dtype=np.uint8)


def studied(study: Study, **images: NDArray[np.uint8]) -> Study:
    """Return a study of the given test images, the first inside; its train split is the same."""
    inside, *outside = images
    return replace(
        study,
        inside=inside,
        outside=tuple(outside),
        shape=Shape(*images[inside].shape[1:]),
        images=lambda data, split: images[data],
    )


def found(study: Study) -> dict[tuple[str, str], Finding]:
    findings = Moments().findings(Moments().tabulate(study))
    return {(finding.name, finding.outside): finding for finding in findings}


@pytest.mark.parametrize("count", [1, 7, CHUNK, 2 * CHUNK + 3])
def test_moments_are_those_of_the_pixels_on_the_unit_scale(count: int) -> None:
    images = random_images(count, 0, 256)
    mean, variance, error = moments(images)
    assert mean == pytest.approx((images / 255).mean(axis=0))
    assert variance == pytest.approx((images / 255).var(axis=0), abs=1e-15)
    distance = ((images / 255 - mean) ** 2).mean(axis=(1, 2, 3))
    assert error == pytest.approx(distance.std() / np.sqrt(count))
    assert variance.mean() == pytest.approx(distance.mean())


def test_images_that_are_all_the_same_have_no_variance_at_all() -> None:
    mean, variance, error = moments(np.repeat(random_images(1, 0, 256), 777, axis=0))
    assert variance.tolist() == np.zeros(SHAPE).tolist()
    assert error < 1e-15
    assert mean == pytest.approx(random_images(1, 0, 256)[0] / 255)


def test_the_variance_of_a_channel_is_summed_over_its_pixels(study: Study) -> None:
    wide, narrow = random_images(300, 0, 256), random_images(200, 100, 150)
    got = found(studied(study, wide=wide, narrow=narrow))
    for outside, images in (("", wide), ("narrow", narrow)):
        sums = (images / 255).var(axis=0).sum(axis=(1, 2))
        values = [got[f"channel_variance_{c}", outside].value for c in (1, 2, 3)]
        assert values == pytest.approx(sums.tolist())


def test_the_table_has_every_dimension_of_every_data_set_in_its_place(study: Study) -> None:
    images = random_images(50, 0, 256)
    table = Moments().tabulate(studied(study, a=images, b=images[:20]))
    dimensions = table[(table["part"] == "dimension") & (table["split"] == "test")]
    assert dimensions.groupby("data").size().to_dict() == {"a": 24, "b": 24}
    (place,) = dimensions[
        (dimensions["data"] == "b")
        & (dimensions["channel"] == 3)
        & (dimensions["row"] == 1)
        & (dimensions["column"] == 4)
    ].to_dict("records")
    assert place["mean"] == pytest.approx(images[:20, 2, 0, 3].mean() / 255)
    assert place["count"] == 20


def test_the_variance_ratio_is_below_one_where_the_outside_varies_less(study: Study) -> None:
    wide, narrow = random_images(300, 0, 256), random_images(200, 100, 150)
    ratio = found(studied(study, wide=wide, narrow=narrow))["variance_ratio", "narrow"]
    assert ratio.value == pytest.approx(narrow.var(axis=0).mean() / wide.var(axis=0).mean())
    assert ratio.low < ratio.value < ratio.high < 0.1


def test_the_interval_of_the_variance_ratio_holds_the_truth_19_times_in_20() -> None:
    random, hits = np.random.default_rng(0), 0
    for _ in range(1000):
        contrast = random.uniform(0.2, 1.0, (140, 1, 1, 1))
        pixels = 128 + 60 * contrast * random.standard_normal((140, 1, 4, 4))
        images = pixels.round().clip(0, 255).astype(np.uint8)
        a, b = moments(images[:80]), moments(images[80:])
        _, low, high = quotient(b.variance.mean(), b.error, a.variance.mean(), a.error)
        hits += low <= 1 <= high
    assert 0.925 <= hits / 1000 <= 0.97


def test_the_share_of_means_within_a_standard_deviation_is_counted(study: Study) -> None:
    inside = np.array([[90, 90, 90, 90], [110, 110, 110, 110]], np.uint8).reshape(2, 1, 2, 2)
    outside = np.array([[100, 109, 111, 200]], np.uint8).reshape(1, 1, 2, 2)
    got = found(studied(study, a=inside, b=outside))
    assert got["mean_within_sd", "b"].value == 0.5


def test_an_inside_of_no_variance_has_no_ratio(study: Study) -> None:
    constant, other = random_images(1, 0, 256), random_images(5, 0, 256)
    names = {name for name, _ in found(studied(study, a=constant, b=other))}
    assert names == {
        "channel_variance_1",
        "channel_variance_2",
        "channel_variance_3",
        "mean_within_sd",
    }


def test_the_caption_gives_the_variances_of_the_channels(study: Study) -> None:
    images = np.zeros((2, 3, 2, 2), np.uint8)
    images[1, 0], images[1, 1] = 255, 51
    table = Moments().tabulate(studied(study, a=images, b=images[:1]))
    assert "each channel: a 1.0, 0.0, 0.0; b 0.0, 0.0, 0.0." in Moments().caption(table)


def test_the_legends_give_the_averages_over_dimensions(study: Study) -> None:
    images = random_images(100, 0, 256)
    figure = Moments().draw(Moments().tabulate(studied(study, a=images, b=images // 2)))
    averages = []
    for below in figure.axes[2:]:
        legend = below.get_legend()
        assert legend is not None
        averages.append(float(legend.get_texts()[2].get_text().splitlines()[0].split()[-1]))
    unit = images // 2 / 255
    assert averages == pytest.approx([unit.mean(), unit.var(axis=0).mean()], abs=1e-4)
