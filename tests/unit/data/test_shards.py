"""Parquet files in the layouts of the hub, and shards that are not each there once."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Library, Shape
from ood_bench.errors import DataError

SHAPE = Shape(1, 8, 8)


@pytest.fixture(scope="module")
def halves() -> list[Pixels]:
    pixels = sets.random_pixels(6, *SHAPE)
    return [
        Pixels(pixels.images[:3], pixels.labels[:3]),
        Pixels(pixels.images[3:], pixels.labels[3:]),
    ]


def opened(folder: Path) -> tuple[Library, DataOptions]:
    return Library(root=None, index=None, hub=False), DataOptions(parquet=folder)


def write(folder: Path, names: tuple[str, ...], halves: list[Pixels]) -> Path:
    for name, half in zip(names, halves, strict=False):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(sets.image_table(half), folder / name)
    return folder


SHARDS = ("-00000-of-00002.parquet", "-00001-of-00002.parquet")
LAYOUTS = {
    "train": ("train{}", *SHARDS),
    "hashed": ("train{}", "-00000-of-00002-0a1b2c.parquet", "-00001-of-00002-3d4e5f.parquet"),
    "data": ("data/train{}", *SHARDS),
    "converted": ("default/train/{}", "0000.parquet", "0001.parquet"),
    "split folders": ("train/{}", "0000.parquet", "0001.parquet"),
    "a configuration": ("plain_text/train{}", *SHARDS),
    "data and folders": ("data/train/{}", "0000.parquet", "0001.parquet"),
    "shards in folders": ("train/train{}", *SHARDS),
    "lettered": ("train-{}", "a.parquet", "b.parquet"),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("named", [True, False])
def test_the_layouts_of_the_hub_are_read(
    tmp_path: Path, halves: list[Pixels], name: str, named: bool
) -> None:
    pattern, *shards = LAYOUTS[name]
    folder = tmp_path / "cifar10"
    write(folder, tuple(pattern.format(shard) for shard in shards), halves)
    (folder / "README.md").write_text("x")
    (folder / ".cache").mkdir()
    library, options = opened(folder)
    if not named:
        library, options = Library(root=tmp_path, index=None, hub=False), DataOptions()
    assert library.splits("cifar10", options) == ("train",)
    images = library.load("cifar10", options, "train", SHAPE)
    assert np.array_equal(images.pixels, np.concatenate([half.images for half in halves]))


def test_two_splits_of_a_converted_data_set_are_two(tmp_path: Path, halves: list[Pixels]) -> None:
    names = ("default/train/0000.parquet", "default/test/0000.parquet")
    library, options = opened(write(tmp_path, names, halves))
    assert library.splits("own", options) == ("train", "test")
    for split, half in zip(("train", "test"), halves, strict=True):
        assert np.array_equal(library.load("own", options, split, SHAPE).pixels, half.images)


@pytest.mark.parametrize(
    "names",
    [
        ("0000.parquet", "0001.parquet"),
        ("part-00000-12ab-c000.snappy.parquet", "part-00001-12ab-c000.snappy.parquet"),
        ("part-0.parquet", "part-1.parquet"),
    ],
)
def test_numbered_files_are_the_whole_of_a_set_without_splits(
    tmp_path: Path, halves: list[Pixels], names: tuple[str, ...]
) -> None:
    library, options = opened(write(tmp_path, names, halves))
    assert library.splits("own", options) == ("all",)
    assert len(library.load("own", options, "test", SHAPE).pixels) == 6


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("train-00000-of-00002.parquet", "train-00000-of-00002 (1).parquet"),
            r"train-00000-of-00002 \(1\)\.parquet: by its name a copy of another file",
        ),
        (
            ("train-00000-of-00001.parquet", "train-00000-of-00001 - Copy.parquet"),
            r"- Copy\.parquet: by its name a copy",
        ),
        (
            ("train-00000-of-00001.parquet", "train-00000-of-00001-0a1b2c.parquet"),
            r"'train-00000-of-00001-0a1b2c\.parquet' and .* are the same shard of split 'train'",
        ),
        (
            ("train-00000-of-00001.parquet", "train.parquet"),
            "split 'train' lies there more than once: 'train-00000-of-00001.parquet', 'train",
        ),
        (
            ("train-00000-of-00001.parquet", "train-00001-of-00002.parquet"),
            "split 'train' lies there more than once",
        ),
        (
            ("train-00001-of-00002.parquet", "train-00005-of-00002.parquet"),
            "1 of 2 shards; there is no 00000; train-00005-of-00002.parquet is beyond them",
        ),
        (
            ("train-00000-of-00003.parquet", "train-00002-of-00003.parquet"),
            "split 'train' has 2 of 3 shards; there is no 00001",
        ),
        (
            ("one/train-00000-of-00001.parquet", "two/train-00000-of-00001.parquet"),
            "Parquet files of several configurations, one, two; name the folder of one",
        ),
        (
            ("train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
            "Parquet files both in it and in data below; name one folder",
        ),
        (
            ("train/0000.parquet", "data/test-00000-of-00001.parquet"),
            "cannot tell the splits of the Parquet files in data, train",
        ),
        (
            ("train/0000.parquet", "test/train-00000-of-00001.parquet"),
            "cannot tell the splits of the Parquet files in test, train",
        ),
    ],
)
def test_shards_that_are_not_each_there_once_are_one_line(
    tmp_path: Path, halves: list[Pixels], names: tuple[str, ...], message: str
) -> None:
    library, options = opened(write(tmp_path, names, halves))
    with pytest.raises(DataError, match=message) as refused:
        library.missing("own", options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(["a", "b", "c"], "string"), ([0.0, 1.0, 2.0], "double"), ([True, False, True], "bool")],
)
def test_labels_that_are_no_classes_are_left_out_and_that_is_said(
    tmp_path: Path, halves: list[Pixels], labels: list[object], kind: str
) -> None:
    table = sets.image_table(halves[0]).set_column(1, "label", pa.array(labels))
    pq.write_table(table, tmp_path / "own.parquet")
    library, options = opened(tmp_path / "own.parquet")
    info = library.info("own", options, "test")
    assert info.labels == ""
    assert f"3 of 3 images without labels, as column 'label' holds {kind}" in info.note


def test_images_in_a_view_of_bytes_are_read(tmp_path: Path, halves: list[Pixels]) -> None:
    files = [sets.encoded(one) for one in halves[0].images]
    pq.write_table(pa.table({"image": pa.array(files, pa.binary_view())}), tmp_path / "a.parquet")
    library, options = opened(tmp_path / "a.parquet")
    assert np.array_equal(library.load("a", options, "test", SHAPE).pixels, halves[0].images)
