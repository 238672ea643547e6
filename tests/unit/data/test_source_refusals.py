"""Files that a source refuses: damaged, unsafe or of another kind, each named in one line."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels
from tests.unit.data.writers import write_batches, write_folder, write_mat, write_parquet

from ood_bench.data import DataOptions, Library, Shape
from ood_bench.data.sources.restricted_pickle import load_arrays
from ood_bench.errors import DataError

COLOUR = Shape(3, 32, 32)
GRAY = Shape(1, 28, 28)
PNG = {"bytes": sets.encoded(np.zeros(COLOUR, np.uint8)), "path": "0"}


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_that_runs_something_is_refused_before_it_runs(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    write_batches(tmp_path, colour)
    path = tmp_path / "cifar-10-batches-py/test_batch"
    path.write_bytes(pickle.dumps({"data": Evil(tmp_path / "ran"), "labels": []}))
    with pytest.raises(DataError, match=r"test_batch: not a CIFAR batch: it asks for pathlib"):
        library.load("cifar10", DataOptions(), "test", COLOUR)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "eval")])
def test_the_restricted_unpickler_admits_no_function(module: str, name: str) -> None:
    program = f"c{module}\n{name}\n(S'1'\ntR.".encode()
    with pytest.raises(pickle.UnpicklingError, match=f"{module}.{name}"):
        load_arrays(program)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_the_restricted_unpickler_reads_arrays_in_plain_containers(protocol: int) -> None:
    value = {"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, 2]}
    found = load_arrays(pickle.dumps(value, protocol=protocol))
    assert np.array_equal(found["data"], value["data"])
    assert found["labels"] == [1, 2]


def test_a_missing_shard_is_named(tmp_path: Path, library: Library, colour: Pixels) -> None:
    write_parquet(tmp_path, colour, shards=3)
    (tmp_path / "cifar10/test-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match="cifar10: split 'test' has 2 of 3 shards"):
        library.missing("cifar10", DataOptions())


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_cut_parquet_file_is_named(
    tmp_path: Path, library: Library, colour: Pixels, keep: float
) -> None:
    write_parquet(tmp_path, colour)
    path = tmp_path / "cifar10/test-00000-of-00001.parquet"
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else int(keep)])
    with pytest.raises(DataError, match=r"test-00000-of-00001.parquet: not a readable Parquet"):
        library.load("cifar10", DataOptions(), "test", COLOUR)


def test_damage_in_the_middle_of_a_parquet_file_is_an_error_in_one_line(
    tmp_path: Path, colour: Pixels
) -> None:
    write_parquet(tmp_path, colour)
    path = tmp_path / "cifar10/test-00000-of-00001.parquet"
    data = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = []
    for _ in range(60):
        start = int(generator.integers(4, len(data) - 40))
        path.write_bytes(data[:start] + generator.bytes(32) + data[start + 32 :])
        library = Library(root=tmp_path, index=None, hub=False)
        try:
            library.load("cifar10", DataOptions(), "test", COLOUR)
        except DataError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert all(path.name in message and "\n" not in message for message in refused)


def test_an_image_that_does_not_decode_is_named_by_file_and_row(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    table = sets.image_table(colour).to_pylist()
    table[5]["image"]["bytes"] = b"this is text"
    path = tmp_path / "cifar10/test-00000-of-00001.parquet"
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(table), path)
    with pytest.raises(DataError, match=r"parquet: row 5: not a readable image: unknown format"):
        library.load("cifar10", DataOptions(), "test", COLOUR)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"x": [1]}, {}, "no column 'image'; there are x"),
        ({"image": ["text"]}, {}, "the image column holds string, not encoded images"),
        ({"image": [PNG, {"bytes": None, "path": "a"}]}, {}, "row 1: the image's bytes are not"),
        ({"image": [b"1"], "y": ["a"]}, {"label_column": "y"}, "column 'y' must hold an integer"),
        ({"image": pa.array([], pa.binary())}, {}, "'own': its split 'all' is empty"),
    ],
)
def test_a_table_of_another_kind_is_refused(
    tmp_path: Path,
    library: Library,
    table: dict[str, object],
    options: dict[str, str],
    message: str,
) -> None:
    pq.write_table(pa.table(table), tmp_path / "own.parquet")
    chosen = DataOptions(parquet=tmp_path / "own.parquet", **options)  # type: ignore[arg-type] # by name
    with pytest.raises(DataError, match=message):
        library.load("own", chosen, "test", COLOUR)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.full((2, 4, 4), 0.3)}, "is float64; store uint8 values"),
        ({"images": np.full((2, 4, 4), 2.0)}, "is float64; store uint8 values"),
        ({"images": np.full((2, 4, 4), np.nan)}, "is float64; store uint8 values"),
        ({"images": np.zeros((2, 4, 4), np.uint16)}, "is uint16; store uint8 .* 257"),
        ({"images": np.zeros((2, 4, 4), np.int64)}, "is int64; store uint8 values"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8)}, "must be .N, H, W."),
        ({"images": np.zeros((2, 3, 4, 3), np.uint8)}, "must be .N, H, W."),
        ({"pictures": np.zeros((2, 4, 4), np.uint8)}, "none of its arrays pictures is named"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "'own': its split 'all' is empty"),
        (
            {"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(3, int)},
            "'labels' must hold one integer for each of 2 images",
        ),
        ({"images": np.array([None])}, "own.npz: not a readable .npz archive: Object arrays"),
    ],
)
def test_an_npz_of_another_kind_is_refused(
    tmp_path: Path, library: Library, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "own.npz", allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=message):
        library.load("own", DataOptions(npz=tmp_path / "own.npz"), "test", Shape(1, 4, 4))


def test_files_that_are_not_what_their_names_say_are_refused(
    tmp_path: Path, library: Library, gray: Pixels, colour: Pixels
) -> None:
    sets.write_idx(tmp_path / "MNIST/raw", gray, zipped=True)
    write_mat(tmp_path, colour)
    write_batches(tmp_path, colour)
    (tmp_path / "own.npz").write_text("text")
    cut = tmp_path / "MNIST/raw/t10k-images-idx3-ubyte.gz"
    cut.write_bytes(gzip.compress(gzip.decompress(cut.read_bytes())[:-1]))
    (tmp_path / "test_32x32.mat").write_bytes(b"MATLAB 5.0 no" * 20)
    (tmp_path / "cifar-10-batches-py/test_batch").write_bytes(b"\x80\x02}")
    own = DataOptions(npz=tmp_path / "own.npz")
    for name, options, message in (
        ("mnist", DataOptions(), "5487 bytes of data where its header says 5488"),
        ("svhn", DataOptions(), r"test_32x32.mat: not SVHN's \.mat file"),
        ("cifar10", DataOptions(), "test_batch: not a CIFAR batch"),
        ("own", own, "own.npz: not a readable .npz archive"),
    ):
        with pytest.raises(DataError, match=message):
            library.load(name, options, "test", GRAY)


def test_a_text_file_in_an_image_folder_is_named(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    options = write_folder(tmp_path, colour)
    (tmp_path / "own/test/labels.txt").write_text("0 1 2")
    with pytest.raises(DataError, match=r"own/test/labels.txt: not an image"):
        library.missing("own", options)


def test_a_text_file_named_as_an_image_is_named(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    options = write_folder(tmp_path, colour)
    (tmp_path / "own/test/zz.png").write_text("0 1 2")
    with pytest.raises(DataError, match=r"own/test/zz.png: not a readable image: unknown format"):
        library.load("own", options, "test", COLOUR)


def test_an_empty_folder_is_refused(tmp_path: Path, library: Library) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="'own': its split 'all' is empty"):
        library.load("own", DataOptions(folder=tmp_path / "empty"), "test", COLOUR)


def test_images_of_more_than_8_bits_and_transparent_ones_are_refused(
    tmp_path: Path, library: Library
) -> None:
    from PIL import Image

    for name, image, message in (
        ("deep", Image.fromarray(np.zeros((4, 4), np.uint16)), "more than 8 bits"),
        ("clear", Image.new("RGBA", (4, 4), (1, 2, 3, 0)), "transparent pixels"),
    ):
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "0.png")
        with pytest.raises(DataError, match=message):
            library.load(name, DataOptions(folder=tmp_path / name), "test", Shape(3, 4, 4))
