"""Features and hashes of images: closed forms, brute force, and what they must not depend on."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.fft import dctn

from ood_bench.statistics.image_features import ImageFeatures
from ood_bench.statistics.image_hash import BITS, ImageHash, joined

Images = NDArray[np.uint8]

shapes = st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))
images = shapes.flatmap(lambda shape: arrays(np.uint8, shape))


def smooth(seed: int, count: int = 20, side: int = 32, channels: int = 3) -> Images:
    """Images of four by four random patches, enlarged."""
    patches = np.random.default_rng(seed).integers(30, 220, (count, channels, 4, 4))
    return np.kron(patches, np.ones((side // 4, side // 4))).astype(np.uint8)


@given(images)
def test_features_are_those_of_each_image_counted_by_hand(x: Images) -> None:
    found = ImageFeatures().compute(x, None)
    for i, image in enumerate(x.astype(np.float64)):
        assert found["image_mean"][i] == pytest.approx(image.mean())
        assert found["image_variance"][i] == pytest.approx(image.var(), abs=1e-7)
        assert found["image_unique_values"][i] == len(np.unique(image))
        energy = np.square(dctn(image, axes=(1, 2), norm="ortho"))
        energy[:, 0, 0] = 0
        _, height, width = image.shape
        high = (np.arange(height)[:, None] >= height / 2) | (np.arange(width) >= width / 2)
        share = energy[:, high].sum() / energy.sum() if energy.sum() > 1e-6 else 0.0
        assert found["image_high_frequency"][i] == pytest.approx(share, abs=1e-9)


def test_high_frequencies_of_noise_are_three_quarters_and_of_enlarged_images_little() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 1, 32, 32), dtype=np.uint8)
    found = ImageFeatures().compute(noise, None)["image_high_frequency"]
    assert found.mean() == pytest.approx(0.75, abs=0.005)
    assert ImageFeatures().compute(smooth(0), None)["image_high_frequency"].max() < 0.15


@given(images, st.data())
def test_an_image_has_the_same_columns_in_any_company(x: Images, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(x))))
    for statistic in (ImageFeatures(), ImageHash()):
        whole = statistic.compute(x, None)
        for i, row in enumerate(order):
            alone = statistic.compute(x[[row]], None)
            shuffled = statistic.compute(x[list(order)], None)
            for name in statistic.columns:
                assert alone[name][0] == pytest.approx(whole[name][row], abs=1e-12)
                assert shuffled[name][i] == pytest.approx(whole[name][row], abs=1e-12)


@given(images)
def test_pixel_hashes_are_blake2b_whole_in_two_halves(x: Images) -> None:
    columns = ImageHash().compute(x, None)
    for name, values in columns.items():
        assert (values == values.astype(np.uint32)).all(), name
    expected = [
        int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "big")
        for image in x
    ]
    assert joined(columns, "pixel_hash").tolist() == expected


def test_a_perceptual_hash_is_the_same_at_other_brightness_and_contrast() -> None:
    x = smooth(1)
    paler = (x * 0.5 + 60).round().astype(np.uint8)
    a, b = (joined(ImageHash().compute(of, None), "perceptual_hash") for of in (x, paler))
    assert np.bitwise_count(a ^ b).max() <= 4
    others = joined(ImageHash().compute(smooth(2), None), "perceptual_hash")
    assert np.bitwise_count(a[:, None] ^ others).mean() > 20
    assert (np.bitwise_count(a) <= BITS // 2 + 1).all()


def test_constant_and_tiny_images_have_an_empty_perceptual_hash() -> None:
    for x in (np.full((2, 3, 9, 9), 77, np.uint8), smooth(0, side=4)):
        assert not joined(ImageHash().compute(x, None), "perceptual_hash").any()
