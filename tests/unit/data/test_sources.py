"""Every source, through files written as its publisher writes them."""

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import savemat
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Library, Shape, Transform
from ood_bench.data.images import content_digest
from ood_bench.data.sources.restricted_pickle import load_arrays
from ood_bench.errors import DataError

COLOUR = Shape(3, 32, 32)
GRAY = Shape(1, 28, 28)
PNG = {"bytes": sets.encoded(np.zeros(COLOUR, np.uint8)), "path": "0"}


def use(name: str) -> DataOptions:
    return DataOptions(use=name)


def write_mat(root: Path, colour: Pixels) -> DataOptions:
    labels = np.where(colour.labels == 0, 10, colour.labels)
    content = {"X": colour.images.transpose(2, 3, 1, 0), "y": labels[:, None].astype(np.uint8)}
    savemat(root / "test_32x32.mat", content, do_compression=True)
    return use("svhn")


def write_npz(root: Path, colour: Pixels, *, last: bool = False) -> DataOptions:
    images = colour.images.transpose(0, 2, 3, 1) if last else colour.images
    np.savez(root / "own.npz", x_test=images, y_test=colour.labels)
    return DataOptions(npz=root / "own.npz")


def write_parquet(root: Path, colour: Pixels, *, shards: int = 1) -> DataOptions:
    sets.write_parquet(root / "cifar10", colour, shards=shards)
    return use("cifar10")


def write_own_parquet(root: Path, colour: Pixels) -> DataOptions:
    pq.write_table(sets.image_table(colour, "img", "fine"), root / "some.parquet")
    return DataOptions(parquet=root / "some.parquet", image_column="img", label_column="fine")


def write_datasets_parquet(root: Path, colour: Pixels) -> DataOptions:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {
        "image": [sets.as_image(image) for image in colour.images],
        "label": colour.labels.tolist(),
    }
    (root / "cifar10").mkdir()
    table = datasets.Dataset.from_dict(rows, features=features)
    table.to_parquet(str(root / "cifar10/test-00000-of-00001.parquet"))
    return use("cifar10")


def write_batches(root: Path, colour: Pixels) -> DataOptions:
    sets.write_cifar10(root / "cifar-10-batches-py", colour)
    return use("cifar10")


def write_folder(root: Path, colour: Pixels) -> DataOptions:
    sets.write_images(root / "own/test", colour)
    return DataOptions(folder=root / "own")


COLOUR_WRITERS: dict[str, Callable[[Path, Pixels], DataOptions]] = {
    "batches": write_batches,
    "mat": write_mat,
    "npz": write_npz,
    "npz, channels last": lambda root, colour: write_npz(root, colour, last=True),
    "Parquet": write_parquet,
    "Parquet, three shards": lambda root, colour: write_parquet(root, colour, shards=3),
    "Parquet by datasets": write_datasets_parquet,
    "own Parquet": write_own_parquet,
    "folder": write_folder,
}


@pytest.mark.parametrize("writer", COLOUR_WRITERS)
def test_the_same_pixels_have_the_same_digest_from_every_source(
    writer: str, tmp_path: Path, library: Library, colour: Pixels
) -> None:
    options = COLOUR_WRITERS[writer](tmp_path, colour)
    images = library.load("photos", options, "test", COLOUR)
    assert np.array_equal(images.pixels, colour.images)
    assert images.pixels.flags.c_contiguous
    assert images.digest == content_digest(colour.images)
    if writer != "folder":
        assert images.labels is not None
        assert images.labels.tolist() == colour.labels.tolist()


@pytest.mark.parametrize("writer", COLOUR_WRITERS)
def test_a_limit_keeps_the_first_images_of_every_source(
    writer: str, tmp_path: Path, library: Library, colour: Pixels
) -> None:
    options = COLOUR_WRITERS[writer](tmp_path, colour).model_copy(update={"limit": 4})
    images = library.load("photos", options, "test", COLOUR)
    assert np.array_equal(images.pixels, colour.images[:4])
    assert images.labels is None or images.labels.tolist() == colour.labels[:4].tolist()
    assert "first 4 images only" in library.info("photos", options, "test", COLOUR).note


@pytest.mark.parametrize("folder", ["FashionMNIST/raw", "fashion-mnist"])
@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read_plain_and_gzipped(
    tmp_path: Path, library: Library, gray: Pixels, folder: str, zipped: bool
) -> None:
    sets.write_idx(tmp_path / folder, gray, zipped=zipped)
    images = library.load("fashion_mnist", DataOptions(), "test", GRAY)
    assert np.array_equal(images.pixels, gray.images)
    assert images.labels is not None
    assert images.labels.tolist() == gray.labels.tolist()
    assert library.info("fashion_mnist", DataOptions(), "test").source == "data root, IDX"


def test_cifar_batches_are_joined_in_order(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    options = write_batches(tmp_path, colour)
    train = library.load("cifar10", options, "train", COLOUR)
    assert np.array_equal(train.pixels, colour.images)


def test_a_folder_of_class_folders_gives_labels_in_the_order_of_their_names(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    sets.write_images(tmp_path / "own/train", colour, classes=True)
    (tmp_path / "own/train/.DS_Store").write_text("not an image")
    images = library.load("own", DataOptions(folder=tmp_path / "own"), "train", COLOUR)
    assert images.labels is not None
    order = np.argsort(colour.labels, kind="stable")
    assert np.array_equal(images.pixels, colour.images[order])
    classes = np.unique(colour.labels, return_inverse=True)[1]
    assert images.labels.tolist() == classes[order].tolist()


def cache(folder: Path, repo: str, splits: dict[str, Pixels], image: str) -> None:
    """Let `datasets` prepare a data set in a cache, under the name that a repository has there."""
    from datasets.packaged_modules.parquet.parquet import Parquet

    files = {}
    for split, pixels in splits.items():
        files[split] = [str(folder / f"{split}.parquet")]
        pq.write_table(sets.image_table(pixels, image), files[split][0])
    owner, name = repo.split("/")
    builder = Parquet(cache_dir=str(folder), data_files=files, dataset_name=name, hash="abc")
    builder.download_and_prepare()
    (folder / name).rename(folder / f"{owner}___{name}")


def test_the_hub_is_read_from_what_datasets_has_cached(
    tmp_path: Path, colour: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache(tmp_path, "uoft-cs/cifar10", {"test": colour}, "img")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    library = Library(root=None, index=None)
    options = DataOptions(hub="uoft-cs/cifar10", image_column="img")
    for name, chosen in (("cifar10", DataOptions()), ("own", options)):
        images = library.load(name, chosen, "test", COLOUR)
        assert np.array_equal(images.pixels, colour.images)
        assert library.info(name, chosen, "test").source == "hub, uoft-cs/cifar10"
    assert Library(root=None, index=None, hub=False).missing("cifar10", DataOptions())


def test_a_split_that_the_hub_names_otherwise_takes_the_place_of_its_own(
    tmp_path: Path, colour: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = {"validation": colour, "test": sets.random_pixels(3, 3, 32, 32, seed=1)}
    cache(tmp_path, "benjamin-paine/imagenet-1k-32x32", splits, "image")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    library = Library(root=None, index=None)
    assert library.splits("imagenet32", DataOptions()) == ("test",)
    images = library.load("imagenet32", DataOptions(), "test", COLOUR)
    assert np.array_equal(images.pixels, colour.images)


def test_celeba_is_divided_by_its_published_partition(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    sets.write_images(tmp_path / "celeba/img_align_celeba", colour)
    lines = [f"{i:03}.png {part}" for i, part in enumerate([0, 0, 0, 1, 1, 2, 2, 2, 2, 0])]
    (tmp_path / "celeba/list_eval_partition.txt").write_text("\n".join(lines))
    test = library.load("celeba", DataOptions(), "test", COLOUR)
    train = library.load("celeba", DataOptions(), "train", COLOUR)
    assert np.array_equal(test.pixels, colour.images[5:9])
    assert np.array_equal(train.pixels, colour.images[[0, 1, 2, 9]])


def test_textures_are_divided_by_the_first_published_lists(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    sets.write_images(tmp_path / "dtd/dtd/images", colour, classes=True)
    (tmp_path / "dtd/dtd/labels").mkdir()
    names = [f"{label}/{i:03}.png" for i, label in enumerate(colour.labels)]
    for part, chosen in (("train1", names[:3]), ("val1", names[3:5]), ("test1", names[5:])):
        (tmp_path / f"dtd/dtd/labels/{part}.txt").write_text("\n".join(chosen) + "\n")
    train = library.load("textures", DataOptions(), "train", COLOUR)
    order = sorted(range(5), key=lambda i: names[i])
    assert np.array_equal(train.pixels, colour.images[order])
    assert len(library.load("textures", DataOptions(), "test", COLOUR).pixels) == 5


def test_tiny_imagenet_and_omniglot_are_read_as_their_authors_lay_them_out(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    for label, one in zip(("n02", "n01"), colour.images, strict=False):
        path = tmp_path / f"tiny-imagenet-200/train/{label}/images/{label}_0.JPEG"
        path.parent.mkdir(parents=True)
        path.write_bytes(sets.encoded(one))
        (path.parent.parent / f"{label}_boxes.txt").write_text("n02_0.JPEG 0 0 1 1")
    images = library.load("tiny_imagenet", DataOptions(), "train", COLOUR)
    assert np.array_equal(images.pixels, colour.images[[1, 0]])
    assert images.labels is not None
    assert images.labels.tolist() == [0, 1]

    stroke = np.full((1, 1, 105, 105), 255, np.uint8)
    stroke[..., 50, :] = 0
    path = tmp_path / "omniglot-py/images_evaluation/Greek/character01/0001_01.png"
    path.parent.mkdir(parents=True)
    sets.as_image(stroke[0]).convert("1").save(path)
    images = library.load("omniglot", DataOptions(), "test", Shape(1, 105, 105))
    assert np.array_equal(images.pixels, 255 - stroke)


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


def test_palettes_opaque_alpha_and_1_bit_images_become_8_bit(
    tmp_path: Path, library: Library
) -> None:
    from PIL import Image

    values = np.array([[0, 255], [255, 0]], np.uint8)
    gray = Image.fromarray(values)
    (tmp_path / "own").mkdir()
    for i, mode in enumerate(("1", "LA", "P", "RGBA")):
        gray.convert(mode).save(tmp_path / f"own/{i}.png")
    options = DataOptions(folder=tmp_path / "own", transform=Transform(channels="gray"))
    images = library.load("own", options, "test", Shape(1, 2, 2))
    assert (images.pixels == values).all()
