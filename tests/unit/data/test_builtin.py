"""The sets that need no files of the user's: embedded subsets, constants, noise."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ood_bench.data import DataOptions, Library, Shape, catalogue
from ood_bench.data.sources import embedded
from ood_bench.errors import DataError

GRAY = Shape(1, 28, 28)
COLOUR = Shape(3, 32, 32)


def generated(library: Library, shape: Shape, split: str = "test", **options: object) -> np.ndarray:
    return library.load("made", DataOptions.model_validate(options), split, shape).pixels


@pytest.mark.parametrize("name", ["fashion_mnist_20k", "mnist_20k"])
@pytest.mark.parametrize(("split", "count"), [("train", 20_000), ("test", 10_000)])
def test_embedded_subsets_have_their_pinned_content(
    library: Library, name: str, split: str, count: int
) -> None:
    images = library.load(name, DataOptions(), split, GRAY)
    assert images.pixels.shape == (count, *GRAY)
    assert images.digest == catalogue()[name].digests[split]
    assert images.labels is not None
    assert len(images.labels) == count
    assert set(images.labels.tolist()) == set(range(10))


# MD5 of the published IDX files, unpacked.
@pytest.mark.parametrize(
    ("name", "images_md5", "labels_md5"),
    [
        ("mnist_20k", "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
        (
            "fashion_mnist_20k",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    ],
)
def test_embedded_test_splits_are_the_published_files_byte_for_byte(
    library: Library, name: str, images_md5: str, labels_md5: str
) -> None:
    images = library.load(name, DataOptions(), "test", GRAY)
    assert images.labels is not None
    header = bytes([0, 0, 8, 3]) + np.array([10_000, 28, 28], ">u4").tobytes()
    assert hashlib.md5(header + images.pixels.tobytes()).hexdigest() == images_md5
    header = bytes([0, 0, 8, 1]) + np.array([10_000], ">u4").tobytes()
    labels = images.labels.astype(np.uint8).tobytes()
    assert hashlib.md5(header + labels).hexdigest() == labels_md5


def test_embedded_subsets_are_small() -> None:
    files = sorted(embedded.FOLDER.iterdir())
    assert len(files) == 4
    assert sum(path.stat().st_size for path in files) < 17_500_000


def test_a_flipped_bit_in_an_embedded_subset_is_detected(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "mnist_20k-test.parquet"
    data = bytearray((embedded.FOLDER / name).read_bytes())
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    for place in (1, 100, len(data) // 2, len(data) - 20):
        damaged = data.copy()
        damaged[place] ^= 1
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DataError, match=f"{name}: damaged; install ood-bench again"):
            Library(root=None, index=None).load("mnist_20k", DataOptions(), "test", GRAY)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_constant_has_one_gray_level_in_every_channel(library: Library, level: int) -> None:
    for shape in (GRAY, COLOUR):
        pixels = generated(library, shape, use="constant", level=level, count=3)
        assert pixels.shape == (3, *shape)
        assert (pixels == level).all()


def test_constant_has_one_colour_where_there_are_three_channels(library: Library) -> None:
    pixels = generated(library, COLOUR, use="constant", colour=[255, 0, 7])
    assert len(pixels) == 100
    assert (pixels == np.array([255, 0, 7]).reshape(3, 1, 1)).all()
    with pytest.raises(DataError, match="colour has three channels but 1×28×28 is wanted"):
        generated(library, GRAY, use="constant", colour=[255, 0, 7])


def test_constant_is_black_unless_said(library: Library) -> None:
    assert not generated(library, GRAY, use="constant").any()


def test_noise_is_the_same_on_every_machine(library: Library) -> None:
    pixels = generated(library, Shape(1, 2, 3), use="noise", count=2)
    assert pixels.ravel().tolist() == [148, 238, 13, 13, 97, 156, 86, 252, 70, 111, 217, 133]


def test_noise_is_uniform_and_independent(library: Library) -> None:
    pixels = generated(library, COLOUR, use="noise", count=500)
    counts = np.bincount(pixels.ravel(), minlength=256)
    expected = pixels.size / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert 170 < chi_square < 360  # 255 degrees of freedom
    values = pixels.reshape(500, -1).astype(float)
    neighbours = np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.005


def test_noise_depends_on_seed_and_split_and_a_smaller_count_is_its_beginning(
    library: Library,
) -> None:
    base = generated(library, GRAY, use="noise", count=20)
    assert np.array_equal(base, generated(library, GRAY, use="noise", count=20, seed=0))
    assert np.array_equal(base[:7], generated(library, GRAY, use="noise", count=7))
    assert (base != generated(library, GRAY, use="noise", count=20, seed=1)).mean() > 0.9
    assert (base != generated(library, GRAY, "train", use="noise", count=20)).mean() > 0.9


def test_provenance_of_generated_sets_says_with_which_options(library: Library) -> None:
    info = library.info("black", DataOptions(use="constant", level=0), "test", GRAY)
    assert (info.title, info.source, info.transform) == (
        "Constant images, level 0",
        "generated",
        "none",
    )
    assert info.note == ""
    assert library.splits("noise", DataOptions()) == ("train", "test")
