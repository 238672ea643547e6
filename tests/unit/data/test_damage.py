"""Whatever a file holds, a source returns images or says in one line what is wrong with it."""

import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Library, Shape, Transform
from ood_bench.errors import DataError

ANY = Transform(crop="square", resize="bicubic", channels="match")
TARGET = Shape(3, 32, 32)
Written = tuple[DataOptions, list[Path]]


def read_all(options: DataOptions, root: Path) -> list[str]:
    """Plan with and load every split; return what was said, one line a mistake and no more."""
    library = Library(root=root, index=None, hub=False)
    options = options.model_copy(update={"transform": ANY})
    said: list[str] = []
    try:
        missing = library.missing("x", options)
        for split in () if missing else library.splits("x", options):
            library.shape("x", options)
            library.info("x", options, split, TARGET)
            library.load("x", options, split, TARGET)
    except DataError as error:
        said = str(error).splitlines()
        many = re.match(r"'x': (\d+) of \d+ images cannot be read", said[0])
        assert len(said) == (1 + int(many[1]) if many else 1)
    assert all(said)
    return said


def as_npz(root: Path, images: Pixels) -> Written:
    path = root / "own.npz"
    np.savez_compressed(path, x_test=images.images, y_test=images.labels)
    return DataOptions(npz=path), [path]


def as_plain_npz(root: Path, images: Pixels) -> Written:
    path = root / "own.npz"
    np.savez(path, images=images.images, labels=images.labels)
    return DataOptions(npz=path), [path]


def as_parquet(root: Path, images: Pixels) -> Written:
    path = root / "own.parquet"
    pq.write_table(sets.image_table(images), path, row_group_size=3)
    return DataOptions(parquet=path), [path]


def as_idx(root: Path, images: Pixels, *, zipped: bool = False) -> Written:
    gray = Pixels(images.images[:, :1], images.labels)
    sets.write_idx(root / "MNIST/raw", gray, zipped=zipped)
    return DataOptions(use="mnist"), sorted((root / "MNIST/raw").iterdir())


def as_zipped_idx(root: Path, images: Pixels) -> Written:
    return as_idx(root, images, zipped=True)


def as_batches(root: Path, images: Pixels) -> Written:
    sets.write_cifar10(root / "cifar-10-batches-py", images)
    return DataOptions(use="cifar10"), [root / "cifar-10-batches-py/test_batch"]


def as_mat(root: Path, images: Pixels, *, packed: bool = False) -> Written:
    path = root / "test_32x32.mat"
    content = {"X": images.images.transpose(2, 3, 1, 0), "y": images.labels[:, None]}
    savemat(path, content, do_compression=packed)
    return DataOptions(use="svhn"), [path]


def as_packed_mat(root: Path, images: Pixels) -> Written:
    return as_mat(root, images, packed=True)


def as_files(suffix: str) -> Callable[[Path, Pixels], Written]:
    def write(root: Path, images: Pixels) -> Written:
        path = root / f"own/0.{suffix}"
        path.parent.mkdir(parents=True)
        sets.as_image(images.images[0]).save(path)
        return DataOptions(folder=path.parent), [path]

    return write


FORMATS: dict[str, Callable[[Path, Pixels], Written]] = {
    "compressed npz": as_npz,
    "npz": as_plain_npz,
    "Parquet": as_parquet,
    "IDX": as_idx,
    "gzipped IDX": as_zipped_idx,
    "CIFAR batches": as_batches,
    "mat": as_mat,
    "compressed mat": as_packed_mat,
    **{name: as_files(name) for name in ("png", "jpg", "webp", "gif", "bmp", "tif", "ppm")},
}


def damaged(whole: bytes, seed: int, times: int) -> Iterator[bytes]:
    """Yield a file cut off, with bytes flipped, with a stretch gone, and with one doubled."""
    random = np.random.default_rng(seed)
    yield b""
    yield whole[:6]
    yield b"<!DOCTYPE html><html>404</html>"
    for _ in range(times):
        yield whole[: random.integers(len(whole))]
        for reach in (len(whole), min(len(whole), 200)):  # headers matter most
            flipped = bytearray(whole)
            for place in random.integers(reach, size=random.integers(1, 6)):
                flipped[place] ^= int(random.integers(1, 256))
            yield bytes(flipped)
        start = random.integers(len(whole))
        stop = start + random.integers(1, 50)
        yield whole[:start] + whole[stop:]
        yield whole[:stop] + whole[start:]


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_read_or_is_one_line(name: str, tmp_path: Path) -> None:
    images = sets.random_pixels(10, *TARGET)
    options, paths = FORMATS[name](tmp_path, images)
    assert read_all(options, tmp_path) == []
    said = 0
    for path in paths:
        whole = path.read_bytes()
        for content in damaged(whole, seed=len(whole), times=12):
            path.write_bytes(content)
            said += len(read_all(options, tmp_path))
        path.write_bytes(whole)
    assert said > 10


def write_png(folder: Path, width: int, height: int) -> None:
    folder.mkdir()
    Image.new("1", (width, height)).save(folder / "a.png")


@pytest.mark.parametrize("side", [9_700, 14_000])
def test_an_image_of_too_many_pixels_is_one_line_and_no_warning(side: int, tmp_path: Path) -> None:
    write_png(tmp_path / "own", side, side)
    with warnings.catch_warnings(record=True) as raw:
        warnings.simplefilter("always")
        (line,) = read_all(DataOptions(folder=tmp_path / "own"), tmp_path)
    assert "a.png: more than 89,478,485 pixels" in line
    assert not [warning for warning in raw if "Image size" in str(warning.message)]


def test_one_array_where_an_archive_is_wanted_says_how_to_write_one(tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", np.zeros((3, 8, 8), np.uint8))
    (line,) = read_all(DataOptions(npz=tmp_path / "own.npy"), tmp_path)
    assert line.endswith("write it with np.savez(path, images=array)")


def empty_folder(root: Path) -> DataOptions:
    (root / "own/test").mkdir(parents=True)
    return DataOptions(folder=root / "own")


def empty_class_folders(root: Path) -> DataOptions:
    (root / "own/a").mkdir(parents=True)
    return DataOptions(folder=root / "own")


def empty_archive(root: Path) -> DataOptions:
    np.savez(root / "own.npz", images=np.zeros((0, 8, 8), np.uint8), labels=np.zeros(0, int))
    return DataOptions(npz=root / "own.npz")


def empty_table(root: Path, *, label: bool = True) -> DataOptions:
    image = pa.array([], pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    columns: dict[str, Any] = {"image": image}
    if label:
        columns["label"] = pa.array([], pa.int64())
    pq.write_table(pa.table(columns), root / "own.parquet")
    return DataOptions(parquet=root / "own.parquet")


def empty_bare_table(root: Path) -> DataOptions:
    return empty_table(root, label=False)


def empty_idx(root: Path) -> DataOptions:
    none = Pixels(np.zeros((0, 1, 28, 28), np.uint8), np.zeros(0, np.int64))
    sets.write_idx(root / "MNIST/raw", none, zipped=False)
    return DataOptions(use="mnist")


def empty_batch(root: Path) -> DataOptions:
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    content = {"data": np.zeros((0, 3072), np.uint8), "labels": []}
    (folder / "test_batch").write_bytes(pickle.dumps(content))
    return DataOptions(use="cifar10")


EMPTY = (
    empty_folder,
    empty_class_folders,
    empty_archive,
    empty_table,
    empty_bare_table,
    empty_idx,
    empty_batch,
)


@pytest.mark.parametrize("write", EMPTY, ids=lambda write: write.__name__)
def test_an_empty_split_is_one_line_that_names_it(
    write: Callable[[Path], DataOptions], tmp_path: Path
) -> None:
    (line,) = read_all(write(tmp_path), tmp_path)
    assert "is empty" in line


INTEGERS = ("i1", "u1", "<i2", ">i2", "<u4", ">i4", "i8", "u8", ">u8")


@pytest.mark.parametrize("kind", INTEGERS)
def test_labels_of_every_integer_type_are_the_same_classes(kind: str, tmp_path: Path) -> None:
    labels = (np.arange(6) % 3).astype(kind)
    np.savez(tmp_path / "own.npz", images=np.zeros((6, 3, 32, 32), np.uint8), labels=labels)
    library = Library(root=None, index=None, hub=False)
    images = library.load("own", DataOptions(npz=tmp_path / "own.npz"), "test", TARGET)
    assert images.labels is not None
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2]


def huge_in_archive(root: Path) -> DataOptions:
    labels = np.arange(6, dtype=np.uint64) + np.uint64(2**63)
    np.savez(root / "own.npz", images=np.zeros((6, 3, 32, 32), np.uint8), labels=labels)
    return DataOptions(npz=root / "own.npz")


def huge_in_table(root: Path) -> DataOptions:
    table = sets.image_table(sets.random_pixels(3, *TARGET))
    huge = pa.array([2**63, 2**63 + 1, 0], pa.uint64())
    pq.write_table(table.set_column(1, "label", huge), root / "own.parquet")
    return DataOptions(parquet=root / "own.parquet")


@pytest.mark.parametrize("write", [huge_in_archive, huge_in_table])
def test_labels_beyond_64_bits_are_refused_and_do_not_wrap(
    write: Callable[[Path], DataOptions], tmp_path: Path
) -> None:
    (line,) = read_all(write(tmp_path), tmp_path)
    assert "is no class; number the classes from 0" in line
