"""Corruptions: deterministic, stronger at higher strengths, in catalogue sets and provenance."""

from typing import get_args

import numpy as np
import pytest

from ood_bench.data import DataOptions, Library, Shape
from ood_bench.data.corruption import AMOUNTS, corrupted
from ood_bench.data.options import Corruption, CorruptionKind
from ood_bench.errors import DataError

KINDS: tuple[CorruptionKind, ...] = get_args(CorruptionKind)
RESIZED = ("pixelate", "resize")


def photos(channels: int) -> np.ndarray:
    """Return smooth images with some texture."""
    rows, columns = np.mgrid[:32, :32] / 31
    base = 120 + 60 * np.sin(5 * rows + 3 * columns) + 30 * rows
    random = np.random.default_rng(0)
    waves = base + 20 * random.standard_normal((6, channels, 1, 1))
    return np.clip(waves + 6 * random.standard_normal((6, channels, 32, 32)), 0, 255).astype(
        np.uint8
    )


def change(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.abs(after.astype(int) - before).mean())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_strength_changes_images_more(kind: CorruptionKind, channels: int) -> None:
    images = photos(channels)
    found = [corrupted(images, Corruption(kind=kind, strength=s)) for s in range(1, 6)]
    assert all(one.dtype == np.uint8 and one.shape == images.shape for one in found)
    changes = [change(images, one) for one in found]
    assert changes[0] > 0
    assert changes[4] > changes[0]
    if kind not in RESIZED:  # whose error depends on how the sizes divide
        assert changes == sorted(changes)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_corrupted_alike_in_any_order(kind: CorruptionKind) -> None:
    images, corruption = photos(3), Corruption(kind=kind, strength=3)
    whole = corrupted(images, corruption)
    assert np.array_equal(corrupted(images[::-1], corruption)[::-1], whole)
    assert np.array_equal(corrupted(images[2:3], corruption)[0], whole[2])


def test_noise_has_the_published_size_and_another_pattern_for_each_image() -> None:
    gray = np.stack([np.full((3, 64, 64), 128, np.uint8), np.full((3, 64, 64), 127, np.uint8)])
    for strength, amount in enumerate(AMOUNTS["gaussian_noise"], 1):
        noise = corrupted(gray, Corruption(kind="gaussian_noise", strength=strength))
        noise = noise - gray.astype(float)
        assert noise.std() == pytest.approx(255 * amount, rel=0.03)
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05
    for strength, amount in enumerate(AMOUNTS["impulse_noise"], 1):
        found = corrupted(gray, Corruption(kind="impulse_noise", strength=strength))
        assert np.mean(found == 0) == pytest.approx(amount / 2, rel=0.25)
        assert np.mean(found == 255) == pytest.approx(amount / 2, rel=0.25)


def test_brightness_adds_to_the_value_and_keeps_the_hue() -> None:
    colour = np.array([100, 50, 25], np.uint8).reshape(1, 3, 1, 1)
    raised = corrupted(colour, Corruption(kind="brightness", strength=2)).ravel()
    assert raised.tolist() == [126, 63, 31]  # 100 + 0.1 * 255 = 125.5
    black = np.zeros((1, 1, 2, 2), np.uint8)
    assert (corrupted(black, Corruption(kind="brightness", strength=5)) == 76).all()


def test_a_constant_image_keeps_what_only_changes_detail() -> None:
    flat = np.full((1, 3, 16, 16), 90, np.uint8)
    for kind in ("gaussian_blur", "contrast", "pixelate", "resize"):
        assert np.array_equal(corrupted(flat, Corruption(kind=kind, strength=5)), flat)


def test_a_data_set_of_a_suite_is_corrupted_and_says_so() -> None:
    library = Library(root=None, index=None, hub=False)
    plain = DataOptions(use="mnist_20k", limit=20)
    changed = DataOptions.model_validate(
        {"use": "mnist_20k", "limit": 20, "corruption": {"kind": "gaussian_blur", "strength": 5}}
    )
    shape = Shape(1, 28, 28)
    before = library.load("digits", plain, "test", shape)
    after = library.load("blurred", changed, "test", shape)
    assert changed.corruption is not None
    assert np.array_equal(after.pixels, corrupted(before.pixels, changed.corruption))
    assert before.labels is not None
    assert after.labels is not None
    assert np.array_equal(after.labels, before.labels)
    info = library.info("blurred", changed, "test", shape)
    assert info.transform == "gaussian blur of strength 5"
    assert info.digest != library.info("digits", plain, "test", shape).digest
    assert "not equal to the published" not in info.note


def test_a_generated_set_takes_no_corruption() -> None:
    library = Library(root=None, index=None, hub=False)
    options = DataOptions(use="noise", corruption=Corruption(kind="jpeg", strength=1))
    with pytest.raises(DataError, match="does not take `corruption`"):
        library.missing("noise", options)
