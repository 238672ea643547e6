"""What a library answers: splits, shapes, provenance, what is missing, and when it decodes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Library, Shape, Transform, catalogue
from ood_bench.errors import DataError

COLOUR = Shape(3, 32, 32)
PLAIN = DataOptions()
SETTLED = -(10**18)
"""A clock's granularity with which files are remembered that were written a moment ago."""


@pytest.fixture
def root(tmp_path: Path, colour: Pixels) -> Path:
    """A data root with cifar10, train and test, and cifar100, undivided."""
    first = Pixels(colour.images[:6], colour.labels[:6])
    rest = Pixels(colour.images[6:], colour.labels[6:])
    sets.write_parquet(tmp_path / "cifar10", first, split="train")
    sets.write_parquet(tmp_path / "cifar10", rest)
    sets.write_parquet(tmp_path / "cifar100", colour, split="all")
    return tmp_path


def opened(root: Path, index: Path | None = None, *, embedded: bool = False) -> Library:
    return Library(root=root, index=index, embedded=embedded, hub=False)


def test_splits_are_those_at_hand(root: Path) -> None:
    library = opened(root)
    assert library.splits("cifar10", PLAIN) == ("train", "test")
    assert library.splits("cifar100", PLAIN) == ("all",)
    assert library.shape("cifar10", PLAIN) == COLOUR


def test_an_undivided_source_is_scored_whole_as_test_and_never_trained_on(
    root: Path, colour: Pixels
) -> None:
    library = opened(root)
    assert np.array_equal(library.load("cifar100", PLAIN, "test", COLOUR).pixels, colour.images)
    info = library.info("cifar100", PLAIN, "test")
    assert info.split == "all"
    assert info.note == "no test split; all images used; 10 of 60,000 published images"
    with pytest.raises(DataError, match="'cifar100' has no split 'train' here; there is all"):
        library.load("cifar100", PLAIN, "train", COLOUR)


def test_a_training_split_scored_as_test_is_not_offered_to_train_on(
    root: Path, colour: Pixels
) -> None:
    library, options = opened(root), DataOptions(split="train")
    assert library.splits("cifar10", options) == ("test",)
    info = library.info("cifar10", options, "test")
    assert (info.split, info.count) == ("train", 6)
    assert "split `train` used as test" in info.note
    with pytest.raises(DataError, match="'cifar10' has no split 'train'"):
        library.load("cifar10", options, "train", COLOUR)


def test_provenance_says_what_was_read_and_done(root: Path) -> None:
    info = opened(root).info("photos", DataOptions(use="cifar10"), "test", Shape(1, 28, 28))
    assert (info.name, info.title, info.split, info.count) == ("photos", "CIFAR-10", "test", 4)
    assert info.shape == Shape(1, 28, 28)
    assert info.source == "data root, Parquet"
    assert info.transform == "bicubic to 28×28, gray"
    assert info.note == "4 of 10,000 published images"
    assert "Krizhevsky" in info.citation
    assert info.licence == catalogue()["cifar10"].licence


def test_images_at_hand_in_another_size_than_published_are_noted(
    tmp_path: Path, colour: Pixels
) -> None:
    sets.write_parquet(tmp_path / "celeba", colour)
    info = opened(tmp_path).info("celeba", PLAIN, "test")
    assert info.transform == "none"
    assert "available as 3×32×32, published as 3×218×178" in info.note


def test_a_suites_own_transform_replaces_the_catalogues(root: Path) -> None:
    options = DataOptions(transform=Transform())
    with pytest.raises(DataError, match="'cifar10' is 3×32×32 but 1×28×28 is wanted"):
        opened(root).info("cifar10", options, "test", Shape(1, 28, 28))


def test_both_sides_of_a_pair_go_through_the_same_pipeline(tmp_path: Path) -> None:
    pixels = sets.random_pixels(5, 3, 40, 40)
    sets.write_images(tmp_path / "own", pixels)
    np.savez(tmp_path / "own.npz", images=pixels.images)
    transform = Transform(resize="bicubic", channels="match")
    library = opened(tmp_path)
    inside = DataOptions(folder=tmp_path / "own", transform=transform)
    outside = DataOptions(npz=tmp_path / "own.npz", transform=transform)
    one = library.info("inside", inside, "test", Shape(1, 28, 28))
    other = library.info("outside", outside, "test", Shape(1, 28, 28))
    assert one.digest == other.digest
    assert one.transform == other.transform == "bicubic to 28×28, gray"


def test_an_unknown_name_is_answered_with_a_near_match(library: Library) -> None:
    with pytest.raises(DataError, match="unknown data set 'cifar1'; did you mean 'cifar10'"):
        library.missing("cifar1", PLAIN)


@pytest.mark.parametrize("name", [e.name for e in catalogue().values() if e.sources])
def test_a_missing_set_is_one_line_with_three_ways_to_get_it(name: str, tmp_path: Path) -> None:
    line = opened(tmp_path).missing(name, PLAIN)
    if name.endswith("_20k"):
        assert line is None
        return
    assert line is not None
    assert "\n" not in line
    assert f"put it at {tmp_path}/{name}/<split>-*.parquet" in line
    assert (f"`ood-bench data fetch {name}`" in line) == (catalogue()[name].hub is not None)
    assert "--embedded" in line or f"datasets.{name}: {{folder: PATH}}" in line
    with pytest.raises(DataError, match="is not available"):
        opened(tmp_path).info(name, PLAIN, "test", COLOUR)


def test_an_own_source_that_is_not_there_is_missing(tmp_path: Path) -> None:
    library = Library(root=None, index=None)
    library.roots = type(library.roots)(None, tmp_path)
    for options in (DataOptions(folder=tmp_path / "no"), DataOptions(hub="nobody/nothing")):
        line = library.missing("own", options)
        assert line is not None
        assert line.startswith("'own' is not available; ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (DataOptions(use="cifar10", level=3), "'cifar10' does not take `level`"),
        (DataOptions(use="constant", limit=3), "'constant' does not take `limit`"),
        (DataOptions(use="constant", seed=3), "takes colour, count, level"),
        (DataOptions(use="noise", transform=Transform()), "'noise' does not take `transform`"),
        (DataOptions(npz=Path("a.npz"), count=3), "a npz does not take `count`"),
    ],
)
def test_an_option_that_nothing_would_read_is_refused(
    options: DataOptions, message: str, library: Library
) -> None:
    with pytest.raises(DataError, match=message):
        library.missing("x", options)


def test_a_first_source_lacking_a_split_leaves_it_to_the_next(
    tmp_path: Path, colour: Pixels
) -> None:
    sets.write_cifar10(tmp_path / "cifar-10-batches-py", colour)
    sets.write_parquet(tmp_path / "cifar10", Pixels(colour.images[:2], colour.labels[:2]))
    library = opened(tmp_path)
    assert library.splits("cifar10", PLAIN) == ("train", "test")
    assert library.info("cifar10", PLAIN, "train").source == "data root, python batches"
    assert library.info("cifar10", PLAIN, "test").source == "data root, Parquet"


def test_sets_of_many_sizes_ask_for_a_shape(tmp_path: Path, colour: Pixels) -> None:
    sets.write_parquet(tmp_path / "textures", colour)
    with pytest.raises(DataError, match="'textures' has images of many sizes; give the pair"):
        opened(tmp_path).shape("textures", PLAIN)
    with pytest.raises(DataError, match="'black' takes any shape; give the pair"):
        opened(tmp_path).shape("black", DataOptions(use="constant"))


def test_the_index_is_asked_anew_where_a_shape_or_an_option_changes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.data.index.GRANULARITY", SETTLED)
    index = tmp_path / "index"
    path = root / "cifar10/test-00000-of-00001.parquet"
    assert opened(root, index).info("cifar10", PLAIN, "test", COLOUR).count == 4
    for known, (options, shape) in enumerate(
        (
            (PLAIN, Shape(3, 16, 16)),
            (DataOptions(limit=2), COLOUR),
            (DataOptions(transform=Transform(invert=True)), COLOUR),
        )
    ):
        opened(root, index).info("cifar10", options, "test", shape)
        assert len(list(index.iterdir())) == known + 2
    shutil.copy(root / "cifar10/train-00000-of-00001.parquet", path)
    assert opened(root, index).info("cifar10", PLAIN, "test", COLOUR).count == 6


def test_a_damaged_record_of_the_index_is_made_anew(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.data.index.GRANULARITY", SETTLED)
    index = tmp_path / "index"
    first = opened(root, index).info("cifar10", PLAIN, "test", COLOUR)
    (record,) = index.iterdir()
    content = record.read_bytes()
    for damaged in (b"", b"{}", b"[1]", content[:-5]):
        record.write_bytes(damaged)
        assert opened(root, index).info("cifar10", PLAIN, "test", COLOUR) == first
        assert record.read_bytes() == content


def test_nothing_is_decoded_twice_in_one_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = opened(root)
    images = library.load("cifar10", PLAIN, "test", COLOUR)
    monkeypatch.delattr("ood_bench.data.library._decode")
    assert library.info("cifar10", PLAIN, "test", COLOUR).digest == images.digest
    assert library.load("cifar10", PLAIN, "test", COLOUR) is images


def test_memory_is_given_back_to_the_sets_used_last(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.data.library.MEMORY", 8 * 3072)
    library = opened(root)
    train = library.load("cifar10", PLAIN, "train", COLOUR)
    test = library.load("cifar10", PLAIN, "test", COLOUR)
    assert library.load("cifar10", PLAIN, "test", COLOUR) is test
    assert library.load("cifar10", PLAIN, "train", COLOUR) is not train


def test_embedded_replaces_a_set_that_has_a_subset_and_says_so(
    tmp_path: Path, gray: Pixels
) -> None:
    sets.write_parquet(tmp_path / "mnist", gray)
    own, embedded = opened(tmp_path), opened(tmp_path, embedded=True)
    assert own.info("mnist", PLAIN, "test").count == 7
    info = embedded.info("mnist", PLAIN, "test")
    assert info.count == 10_000
    assert info.source == "embedded subset"
    assert info.note == "embedded subset mnist_20k stands in for mnist"
    assert embedded.missing("fashion_mnist", PLAIN) is None
    assert embedded.missing("cifar10", PLAIN) is not None


def test_images_of_the_right_number_that_are_not_the_published_ones_are_noted(
    tmp_path: Path,
) -> None:
    library = opened(tmp_path)
    right = library.load("mnist_20k", PLAIN, "test", Shape(1, 28, 28))
    for changed, note in ((False, ""), (True, "not equal to the published images")):
        pixels = right.pixels.copy()
        pixels[77, 0, 3, 3] += changed
        images = (pixels[:, 0], np.zeros(10_000, np.int64))
        folder = tmp_path / f"{changed}"
        sets.write_idx(folder / "MNIST/raw", Pixels(pixels, images[1]), zipped=False)
        assert opened(folder).info("mnist", PLAIN, "test").note == note
