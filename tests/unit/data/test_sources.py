"""Every source, through files written as its publisher writes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels
from tests.unit.data.writers import (
    write_batches,
    write_datasets_parquet,
    write_folder,
    write_mat,
    write_npz,
    write_own_parquet,
    write_parquet,
)

from ood_bench.data import DataOptions, Library, Shape, Transform
from ood_bench.data.images import content_digest

COLOUR = Shape(3, 32, 32)
GRAY = Shape(1, 28, 28)


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


def test_places365_is_read_as_its_authors_lay_it_out(
    tmp_path: Path, library: Library, colour: Pixels
) -> None:
    folder = tmp_path / "places365"
    (folder / "val_256").mkdir(parents=True)
    (folder / "data_256_standard/a/airfield").mkdir(parents=True)
    for i, one in enumerate(colour.images[:2]):
        (folder / f"val_256/Places365_val_0000000{i}.jpg").write_bytes(sets.encoded(one))
    where = "/a/airfield/00000001.jpg"
    (folder / f"data_256_standard{where}").write_bytes(sets.encoded(colour.images[2]))
    listed = [f"Places365_val_0000000{i}.jpg {i}" for i in (1, 0)]
    (folder / "places365_val.txt").write_text("\n".join(listed) + "\n")
    (folder / "places365_train_standard.txt").write_text(f"{where} 7\n")
    images = library.load("places365", DataOptions(), "test", COLOUR)
    assert np.array_equal(images.pixels, colour.images[[1, 0]])
    assert images.labels is not None
    assert images.labels.tolist() == [1, 0]
    trained = library.load("places365", DataOptions(), "train", COLOUR)
    assert np.array_equal(trained.pixels, colour.images[2:3])


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
