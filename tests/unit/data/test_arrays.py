"""Arrays are images of the shape and values that they stand for, or are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.data.sets import random_pixels

from ood_bench.data import DataOptions, Images, Library, Shape
from ood_bench.errors import DataError


def load(path: Path, shape: Shape, **arrays: Any) -> tuple[Images, str]:
    np.savez(path / "own.npz", **arrays)
    library, options = Library(root=None, index=None, hub=False), DataOptions(npz=path / "own.npz")
    images = library.load("own", options, "test", shape)
    return images, library.info("own", options, "test", shape).note


@pytest.mark.parametrize(
    ("shape", "one"),
    [
        ((32, 32, 3), r"\(1, H, W, C\)"),
        ((32, 32, 4), r"\(1, H, W, C\)"),
        ((32, 48, 1), r"\(1, H, W, C\)"),
        ((5, 32, 3), r"\(1, H, W, C\)"),
        ((3, 32, 32), r"\(1, C, H, W\)"),
        ((3, 32, 48), r"\(1, C, H, W\)"),
    ],
)
def test_one_image_of_several_channels_is_not_taken_for_many_gray_ones(
    tmp_path: Path, shape: tuple[int, ...], one: str
) -> None:
    pixels = np.zeros(shape, np.uint8)
    with pytest.raises(DataError, match=rf"own.npz: 'images' has shape .*Write one as {one}"):
        load(tmp_path, Shape(1, *shape[1:]), images=pixels)


def test_three_gray_images_are_three_where_labels_or_the_shape_say_so(tmp_path: Path) -> None:
    pixels = random_pixels(3, 1, 8, 8).images
    labelled, _ = load(tmp_path, Shape(1, 8, 8), images=pixels[:, 0], labels=np.arange(3))
    shaped, _ = load(tmp_path, Shape(1, 8, 8), images=pixels)
    assert np.array_equal(labelled.pixels, pixels)
    assert np.array_equal(shaped.pixels, pixels)


@pytest.mark.parametrize("kind", ["f2", "f4", ">f4", "f8"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 32)])
def test_fractions_of_255_are_the_8_bit_values_that_they_stand_for(
    tmp_path: Path, kind: str, shape: tuple[int, int, int]
) -> None:
    pixels = random_pixels(4, *shape).images
    images, note = load(tmp_path, Shape(*shape), images=(pixels / 255).astype(kind))
    assert np.array_equal(images.pixels, pixels)
    assert "4 of 4 images given as fractions v/255" in note


def test_labels_are_found_under_every_name_of_them(tmp_path: Path) -> None:
    pixels = random_pixels(4, 1, 8, 8)
    images, _ = load(tmp_path, Shape(1, 8, 8), images=pixels.images, y=pixels.labels)
    assert images.labels is not None
    assert images.labels.tolist() == pixels.labels.tolist()
