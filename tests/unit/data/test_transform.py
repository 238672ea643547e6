"""Transforms against Pillow and NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.unit.data import sets

from ood_bench.data import Shape, Transform
from ood_bench.data.catalogue import catalogue
from ood_bench.data.pictures import Decoded, Encoded
from ood_bench.data.transform import apply, describe, fit_shape
from ood_bench.errors import DataError


def photo(height: int, width: int, *, channels: int = 3, seed: int = 0) -> Image.Image:
    return sets.as_image(sets.random_pixels(1, channels, height, width, seed=seed).images[0])


def planes(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def test_crop_takes_the_centre_and_drops_odd_rows_and_columns_below_and_right() -> None:
    pixels = planes(photo(9, 6))
    square = apply(photo(9, 6), Transform(crop="square"), Shape(3, 6, 6))
    assert np.array_equal(square, pixels[:, 1:7, :])
    four = apply(photo(9, 6), Transform(crop=3), Shape(3, 3, 3))
    assert np.array_equal(four, pixels[:, 3:6, 1:4])


def test_a_crop_larger_than_the_image_changes_nothing() -> None:
    assert np.array_equal(
        apply(photo(5, 5), Transform(crop=8), Shape(3, 5, 5)), planes(photo(5, 5))
    )


def test_the_usual_celeba_crop_is_the_box_15_35_163_183() -> None:
    face = photo(218, 178)
    expected = face.crop((15, 35, 163, 183)).resize((32, 32), Image.Resampling.BICUBIC)
    usual = catalogue()["celeba"].transform
    assert np.array_equal(apply(face, usual, Shape(3, 32, 32)), planes(expected))


@pytest.mark.parametrize("name", ["bicubic", "bilinear", "box", "lanczos"])
def test_resize_is_pillows_filter_of_that_name(name: str) -> None:
    transform = Transform.model_validate({"resize": name})
    for target in (Shape(3, 8, 12), Shape(3, 50, 60)):
        size = (target.width, target.height)
        expected = photo(32, 40).resize(size, Image.Resampling[name.upper()])
        assert np.array_equal(apply(photo(32, 40), transform, target), planes(expected))


@pytest.mark.parametrize("name", ["bicubic", "bilinear", "box", "lanczos"])
def test_shrinking_is_antialiased(name: str) -> None:
    stripes = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (64, 32)))
    shrunk = apply(stripes, Transform.model_validate({"resize": name}), Shape(1, 8, 8))
    assert np.abs(shrunk[:, 2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_box_by_a_whole_factor_is_the_mean_of_each_block() -> None:
    shrunk = apply(photo(64, 64), Transform(resize="box"), Shape(3, 32, 32))
    means = planes(photo(64, 64)).reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))
    assert np.abs(shrunk - means).max() <= 1  # two passes, each rounded


def test_gray_is_the_itu_601_luma() -> None:
    gray = apply(photo(16, 16), Transform(channels="gray"), Shape(1, 16, 16))
    red, green, blue = planes(photo(16, 16)).astype(float)
    assert np.abs(gray[0] - (0.299 * red + 0.587 * green + 0.114 * blue)).max() <= 0.51


def test_rgb_repeats_gray_and_match_does_what_the_target_needs() -> None:
    gray = photo(4, 4, channels=1)
    repeated = planes(gray).repeat(3, axis=0)
    for channels in ("rgb", "match"):
        transform = Transform.model_validate({"channels": channels})
        assert np.array_equal(apply(gray, transform, Shape(3, 4, 4)), repeated)
    match = Transform(channels="match")
    assert np.array_equal(apply(gray, match, Shape(1, 4, 4)), planes(gray))
    assert apply(photo(4, 4), match, Shape(1, 4, 4)).shape == (1, 4, 4)


@pytest.mark.parametrize(("mode", "reference"), [("zero", "constant"), ("edge", "edge")])
def test_pad_centres_the_image_with_odd_rows_and_columns_below_and_right(
    mode: str, reference: str
) -> None:
    transform = Transform.model_validate({"pad": mode, "resize": "bicubic"})
    padded = apply(photo(28, 25), transform, Shape(3, 33, 32))
    widths = ((0, 0), (2, 3), (3, 4))
    assert np.array_equal(padded, np.pad(planes(photo(28, 25)), widths, mode=reference))  # type: ignore[call-overload] # mode by name


def test_an_image_too_large_to_pad_is_resized() -> None:
    transform = Transform(pad="zero", resize="bicubic")
    expected = photo(40, 20).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(apply(photo(40, 20), transform, Shape(3, 32, 32)), planes(expected))


@given(st.integers(0, 255))
def test_inverting_a_value_gives_255_minus_it(value: int) -> None:
    image = Image.new("L", (2, 2), value)
    assert (apply(image, Transform(invert=True), Shape(1, 2, 2)) == 255 - value).all()


def test_the_steps_come_in_the_documented_order() -> None:
    everything = Transform(crop="square", resize="bicubic", channels="gray", invert=True)
    image = photo(40, 50)
    cropped = image.crop((5, 0, 45, 40)).resize((16, 16), Image.Resampling.BICUBIC)
    expected = 255 - planes(cropped.convert("L"))
    assert np.array_equal(apply(image, everything, Shape(1, 16, 16)), expected)
    small = apply(photo(4, 4), Transform(pad="zero", channels="gray", invert=True), Shape(1, 6, 6))
    assert (small[:, 0] == 255).all()  # the border is padded first, inverted after


@pytest.mark.parametrize(
    "transform",
    [
        Transform(),
        Transform(invert=True),
        Transform(crop="square", resize="lanczos", channels="match"),
        Transform(pad="edge", channels="match", invert=True),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_files_and_arrays_go_through_the_same_pipeline(transform: Transform, channels: int) -> None:
    images, labels = sets.random_pixels(9, channels, 20, 20)
    stays = not (transform.resize or transform.pad)
    target = Shape(channels, 20, 20) if stays else Shape(3, 24, 24)
    files = [(str(i), sets.encoded(one)) for i, one in enumerate(images)]
    from_files = fit_shape(Encoded(9, labels, lambda: iter(files)), transform, target, name="a")
    from_array = fit_shape(Decoded(images, labels), transform, target, name="b")
    assert np.array_equal(from_files.pixels, from_array.pixels)
    assert from_files.native == from_array.native == Shape(channels, 20, 20)


def test_large_files_come_in_order_though_threads_decode_them() -> None:
    images, _ = sets.random_pixels(300, 3, 64, 64)
    files = [(str(i), sets.encoded(one)) for i, one in enumerate(images)]
    assert len(files[0][1]) > 8192
    fitted = fit_shape(
        Encoded(300, None, lambda: iter(files)), Transform(), Shape(3, 64, 64), name="a"
    )
    assert np.array_equal(fitted.pixels, images)


def test_every_default_transform_fits_every_shape() -> None:
    for entry in catalogue().values():
        if entry.generate:
            continue
        _, height, width = entry.shape or Shape(3, 61, 47)
        channels = entry.shape.channels if entry.shape else 3
        for target in (Shape(1, 28, 28), Shape(3, 32, 32), Shape(1, 8, 8), Shape(3, 64, 64)):
            image = photo(height, width, channels=channels)
            assert apply(image, entry.transform, target).shape == target


def test_a_shape_that_does_not_fit_is_answered_with_the_transform_to_write() -> None:
    images = Decoded(sets.random_pixels(2, 3, 32, 32).images, None)
    with pytest.raises(DataError) as caught:
        fit_shape(images, Transform(), Shape(1, 28, 28), name="cifar10")
    assert str(caught.value) == (
        "'cifar10' is 3×32×32 but 1×28×28 is wanted; give it a transform: "
        "datasets.cifar10.transform: {resize: bicubic, channels: match}"
    )
    with pytest.raises(DataError, match=r"after its transform 1×32×32, but 1×28×28 is wanted"):
        fit_shape(images, Transform(channels="gray"), Shape(1, 28, 28), name="cifar10")
    gray = Decoded(sets.random_pixels(2, 1, 4, 4).images, None)
    with pytest.raises(DataError, match=r"is 1×4×4, after its transform 3×4×4, but 1×4×4"):
        fit_shape(gray, Transform(channels="rgb"), Shape(1, 4, 4), name="gray")


def test_mixed_sizes_need_resize() -> None:
    files = [
        ("a.png", sets.encoded(planes(photo(8, 8)))),
        ("b.png", sets.encoded(planes(photo(8, 9)))),
    ]
    mixed = Encoded(2, None, lambda: iter(files))
    with pytest.raises(DataError, match=r"b\.png is 3×8×9, unlike 3×8×8 before it"):
        fit_shape(mixed, Transform(), Shape(3, 8, 8), name="own")
    fitted = fit_shape(mixed, Transform(resize="bicubic"), Shape(3, 8, 8), name="own")
    assert fitted.native is None


@pytest.mark.parametrize(
    ("transform", "native", "target", "words"),
    [
        (Transform(), Shape(3, 8, 8), Shape(3, 8, 8), "none"),
        (Transform(crop=148, resize="bicubic"), Shape(3, 218, 178), Shape(3, 32, 32),
         "148 px crop, bicubic to 32×32"),
        (Transform(crop=148, resize="bicubic"), Shape(3, 32, 32), Shape(3, 32, 32), "none"),
        (Transform(pad="zero", resize="box"), Shape(1, 28, 28), Shape(1, 32, 32),
         "zero pad to 32×32"),
        (Transform(pad="zero", resize="box"), Shape(1, 28, 28), Shape(1, 8, 8), "box to 8×8"),
        (Transform(crop="square", pad="edge", resize="box", channels="match", invert=True), None,
         Shape(1, 8, 8), "square crop, edge pad or box to 8×8, gray, inverted"),
        (Transform(channels="match"), Shape(1, 8, 8), Shape(3, 8, 8), "rgb"),
    ],
)  # fmt: skip
def test_the_description_lists_the_steps_that_change_the_images(
    transform: Transform, native: Shape | None, target: Shape, words: str
) -> None:
    assert describe(transform, native, target) == words
