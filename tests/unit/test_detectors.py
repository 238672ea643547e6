"""The detectors of the likelihood family: what they score, in which unit, which way up."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ood_bench.detectors import Columns, Detector
from ood_bench.detectors.input_complexity import InputComplexity
from ood_bench.detectors.likelihood import Likelihood
from ood_bench.detectors.typicality import Typicality
from ood_bench.statistics.complexity import Complexity

NATS = np.array([-7300.0, -7000.0, -6900.0])
HELD_OUT: Columns = {"log_prob": np.array([-7100.0, -6900.0])}


def lengths(**bits: float) -> dict[str, NDArray[np.float64]]:
    return {f"complexity_{codec}": np.array([value]) for codec, value in bits.items()}


def test_likelihood_scores_the_least_likely_image_highest() -> None:
    scores = Likelihood().fit(HELD_OUT)({"log_prob": NATS})
    assert scores.tolist() == [7300.0, 7000.0, 6900.0]


def test_typicality_is_the_distance_from_the_held_out_mean_to_either_side() -> None:
    scores = Typicality().fit(HELD_OUT)({"log_prob": NATS})
    assert scores.tolist() == [300.0, 0.0, 100.0]


def test_typicality_of_an_image_does_not_depend_on_the_images_beside_it() -> None:
    scorer = Typicality().fit(HELD_OUT)
    alone = [scorer({"log_prob": nats[None]})[0] for nats in NATS]
    assert scorer({"log_prob": NATS}).tolist() == alone


@pytest.mark.parametrize(
    ("codec", "length"), [("png", 900.0), ("webp", 500.0), ("jpeg2000", 700.0), ("best", 500.0)]
)
def test_input_complexity_is_in_bits_of_the_codec_that_was_asked_for(
    codec: str, length: float
) -> None:
    detector = InputComplexity(codec=codec)  # type: ignore[arg-type]  # a str is what YAML gives
    columns = lengths(png=900.0, webp=500.0, jpeg2000=700.0)
    images = {"log_prob": np.array([-784 * math.log(256)])} | columns
    scores = detector.fit({**HELD_OUT, **columns})({name: images[name] for name in detector.needs})
    assert scores.tolist() == pytest.approx([784 * 8 - length])


def test_the_best_codec_is_chosen_for_each_image_by_itself() -> None:
    images = {
        "log_prob": np.zeros(2),
        "complexity_png": np.array([100.0, 400.0]),
        "complexity_webp": np.array([300.0, 200.0]),
        "complexity_jpeg2000": np.array([500.0, 500.0]),
    }
    assert InputComplexity().fit(images)(images).tolist() == [-100.0, -200.0]


def test_a_simple_image_that_is_likely_scores_as_a_rich_one_that_is_not() -> None:
    """The point of the method: bits that a codec saves are taken off the likelihood."""
    nats = np.array([-2000.0, -9000.0])
    bits = -nats / math.log(2)
    images = {"log_prob": nats, "complexity_png": bits + 100}
    scores = InputComplexity(codec="png").fit(images)(images)
    assert scores == pytest.approx(np.array([-100.0, -100.0]))


@pytest.mark.parametrize("codec", ["best", "png", "webp", "jpeg2000"])
def test_input_complexity_needs_no_more_columns_than_it_reads(codec: str) -> None:
    needs = InputComplexity(codec=codec).needs  # type: ignore[arg-type]
    assert set(needs) <= {"log_prob", *Complexity.columns}
    assert len(needs) == (4 if codec == "best" else 2)


@pytest.mark.parametrize("detector", [Likelihood(), Typicality(), InputComplexity()])
def test_a_detector_hides_no_missing_value(detector: Detector) -> None:
    held_out = {name: np.ones(3) for name in detector.needs}
    scorer = detector.fit(held_out)
    for name in detector.needs:
        images = {**held_out, name: np.array([1.0, np.nan, 1.0])}
        assert np.isnan(scorer(images)).tolist() == [False, True, False]
