"""The audit: planted duplicates, brute force, and what tells sets apart without a model."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ood_bench.audit import (
    FEATURES,
    Audited,
    audit_pair,
    features_of,
    repeated,
    shared,
    summarise,
)
from ood_bench.audit.duplicates import CORRELATION, DISTANCE
from ood_bench.cells import Address
from ood_bench.metrics import delong
from ood_bench.results import Separation
from ood_bench.runs.audit import combine_audits
from ood_bench.statistics.complexity import Complexity
from ood_bench.statistics.image_hash import ImageHash, joined

Images = NDArray[np.uint8]


def blobs(seed: int, count: int, side: int = 16, channels: int = 3) -> Images:
    """Images of four by four random patches, enlarged, with a little noise."""
    random = np.random.default_rng(seed)
    patches = np.kron(random.integers(30, 220, (count, channels, 4, 4)), np.ones((side // 4,) * 2))
    return (patches + random.integers(-9, 10, patches.shape)).astype(np.uint8)


def hashed(x: Images) -> tuple[Images, dict[str, NDArray[np.float64]]]:
    return x, dict(ImageHash().compute(x, None))


def test_planted_copies_are_found_and_nothing_else() -> None:
    inside, outside = blobs(0, 300), blobs(1, 200)
    random = np.random.default_rng(2)
    outside[[3, 50, 51]] = inside[[7, 7, 9]]
    noisy = inside[20:25] + random.integers(-4, 5, inside[20:25].shape)
    outside[100:105] = noisy.clip(0, 255).astype(np.uint8)
    outside[110] = (inside[30] * 0.9 + 10).astype(np.uint8)
    assert shared(*hashed(outside), *hashed(inside)) == (3, 6)
    assert shared(*hashed(outside), *hashed(inside), near=False) == (3, None)
    assert shared(*hashed(blobs(1, 200)), *hashed(inside)) == (0, 0)


def test_images_that_look_the_same_are_those_of_brute_force() -> None:
    random = np.random.default_rng(0)
    inside = blobs(0, 60, channels=1)
    mixed = inside[random.integers(0, 60, 150)] * random.uniform(0.3, 1, (150, 1, 1, 1))
    outside = (mixed + random.normal(0, 14, mixed.shape)).clip(0, 255).astype(np.uint8)
    outside[:5] = outside[5]
    a, b = (joined(ImageHash().compute(x, None), "perceptual_hash") for x in (outside, inside))
    expected = 0
    for x, own in zip(outside, a, strict=True):
        expected += any(
            int(own ^ other).bit_count() <= DISTANCE
            and np.corrcoef(x.ravel(), y.ravel())[0, 1] >= CORRELATION
            for y, other in zip(inside, b, strict=True)
        )
    assert 10 < expected < 140
    assert shared(*hashed(outside), *hashed(inside)) == (0, expected)


def test_constant_images_are_the_same_only_where_their_pixels_are() -> None:
    black, gray = np.zeros((5, 1, 16, 16), np.uint8), np.full((4, 1, 16, 16), 90, np.uint8)
    assert shared(*hashed(black), *hashed(gray)) == (0, 0)
    assert shared(*hashed(black), *hashed(black)) == (5, 0)
    assert repeated(ImageHash().compute(np.concatenate([black, gray]), None)) == 7


def test_images_of_less_than_eight_pixels_a_side_are_not_looked_at() -> None:
    x = np.random.default_rng(0).integers(0, 256, (9, 3, 7, 30), dtype=np.uint8)
    assert shared(*hashed(x), *hashed(x[:4])) == (4, None)


def test_a_summary_is_that_of_all_pixels() -> None:
    x = blobs(0, 40)
    x[7] = x[3]
    found = summarise(Audited.of(x))
    assert found.images == 40
    assert found.channel_means == pytest.approx(x.mean(axis=(0, 2, 3)))
    assert found.channel_variances == pytest.approx(x.var(axis=(0, 2, 3)))
    assert found.image_variance == pytest.approx(x.reshape(40, -1).var(axis=1).mean())
    assert found.values == len(np.unique(x))
    assert found.png_bits == pytest.approx(
        Complexity().compute(x, None)["complexity_png"].mean() / (3 * 16 * 16)
    )
    assert found.repeated == 1


def test_a_number_alone_has_its_auroc_as_it_stands() -> None:
    inside, outside = (
        Audited.of(blobs(0, 50)),
        Audited.of((blobs(1, 40) // 2 + 60).astype(np.uint8)),
    )
    found = audit_pair(inside, None, outside, level=0.95)
    truth = np.r_[np.zeros(50), np.ones(40)]
    for feature, measure in found.separations.items():
        column = FEATURES[feature]
        scores = np.r_[inside.columns[column], outside.columns[column]]
        assert measure.value == pytest.approx(roc_auc_score(truth, scores))
        assert measure.low <= measure.value <= measure.high
    assert list(found.separations) == list(FEATURES)
    assert found.separations["variance"].value < 0.1
    assert (found.train, found.inside) == (None, None)


def test_the_intervals_of_a_pair_have_the_coverage_that_is_asked_for() -> None:
    random = np.random.default_rng(0)
    inside, outside = (
        Audited.of(random.integers(0, top, (40, 1, 8, 8), dtype=np.uint8)) for top in (200, 210)
    )
    for level in (0.95, 0.8):
        found = audit_pair(inside, None, outside, level=level).separations["mean"]
        means = (features_of(side.columns)["mean"] for side in (inside, outside))
        assert found == delong(*means, level=level)


def test_a_pair_is_marked_by_the_number_that_tells_it_apart_best_in_either_direction() -> None:
    inside, outside = (
        Audited.of(blobs(0, 50)),
        Audited.of((blobs(1, 40) // 2 + 60).astype(np.uint8)),
    )
    pair = audit_pair(inside, inside, outside, level=0.95)
    audit = combine_audits([(Address(inside="a", outside="b", shape="3×16×16"), pair._asdict())])
    best = audit.trivial("a", "b")
    assert best is not None
    assert best.strength == max(item.strength for item in audit.separations)
    assert audit.trivial("b", "a") is None
    assert [item.data for item in audit.overlaps] == ["b", "b", "a"]
    assert audit.overlaps[2].exact == 50


@pytest.mark.parametrize(("value", "trivial"), [(0.9, True), (0.1, True), (0.89, False)])
def test_nine_tenths_either_way_is_trivial(value: float, trivial: bool) -> None:
    assert Separation("a", "b", "", "mean", value, 0, 1, 9, 9).trivial is trivial
