"""Sources without training and test images are divided by what the images show."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from tests.conftest import Command
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Images, Library, Shape, Transform
from ood_bench.data.division import divide
from ood_bench.data.options import Division
from ood_bench.errors import DataError, SuiteError
from ood_bench.suite import load_suite

GRAY = Shape(1, 8, 8)
FIFTH = {"test": 0.2, "seed": 0}


def drawn(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8), np.uint8)


def write(folder: Path, images: NDArray[np.uint8], names: list[str]) -> Path:
    for image, name in zip(images, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    return folder


def sides(shape: Shape = GRAY, **options: object) -> tuple[Images, Images]:
    library, given = Library(root=None, index=None, hub=False), DataOptions.model_validate(options)
    assert library.splits("own", given) == ("train", "test")
    train, test = (library.load("own", given, split, shape) for split in ("train", "test"))
    return train, test


def contents(images: Images) -> set[bytes]:
    return {image.tobytes() for image in images.pixels}


@given(
    st.lists(st.sampled_from("abcdefghijklmnop"), min_size=2, max_size=40),
    st.floats(0.01, 0.99),
    st.randoms(),
)
def test_every_row_is_on_one_side_and_equal_ones_on_the_same(
    hashes: list[str], share: float, random: object
) -> None:
    division = Division(test=share)
    try:
        rows = divide(hashes, [0] * len(hashes), division, name="own")
    except DataError:
        return
    assert sorted([*rows["train"], *rows["test"]]) == list(range(len(hashes)))
    train, test = ([hashes[row] for row in rows[side]] for side in ("train", "test"))
    assert train
    assert test
    assert not set(train) & set(test)
    assert len(test) >= round(share * len(hashes))
    turned = divide(hashes[::-1], [0] * len(hashes), division, name="own")
    assert [hashes[::-1][row] for row in turned["test"]] == test


def test_a_folder_is_divided_by_its_images_and_not_by_their_names(tmp_path: Path) -> None:
    images = drawn(50)
    plain = write(tmp_path / "plain", images, [f"{i}.png" for i in range(50)])
    other = write(tmp_path / "other", images[::-1], [f"{i:03}.bmp" for i in range(50)])
    train, test = sides(folder=plain, split=FIFTH)
    assert (len(train.pixels), len(test.pixels)) == (40, 10)
    assert contents(train) | contents(test) == {image.tobytes() for image in images}
    assert not contents(train) & contents(test)
    renamed = sides(folder=other, split=FIFTH)
    assert [side.digest for side in renamed] == [train.digest, test.digest]
    assert contents(sides(folder=plain, split={"test": 0.2, "seed": 1})[1]) != contents(test)
    assert len(sides(folder=plain, split={"test": 0.5})[1].pixels) == 25


def test_copies_of_an_image_fall_on_one_side_with_their_classes(tmp_path: Path) -> None:
    images = np.concatenate([drawn(20), drawn(20)])
    names = [f"{'ab'[i % 2]}/{i}.png" for i in range(40)]
    folder = write(tmp_path / "copies", images, names)
    train, test = sides(folder=folder, split={"test": 0.25})
    assert not contents(train) & contents(test)
    assert len(train.pixels) + len(test.pixels) == 40
    known = {image.tobytes(): i % 2 for i, image in enumerate(drawn(20))}
    for side in (train, test):
        assert side.labels is not None
        assert side.labels.tolist() == [known[image.tobytes()] for image in side.pixels]


def test_the_sides_are_the_same_at_every_size(tmp_path: Path) -> None:
    folder = write(tmp_path / "images", drawn(20), [f"{i}.png" for i in range(20)])
    transform = Transform(resize="box").model_dump()
    whole, small = (
        sides(shape, folder=folder, split={"test": 0.3}, transform=transform)
        for shape in (GRAY, Shape(1, 4, 4))
    )
    for side, halved in zip(whole, small, strict=True):
        pooled = side.pixels.reshape(-1, 1, 4, 2, 4, 2).mean((3, 5))
        assert np.abs(pooled - halved.pixels).max() <= 1


def test_all_splits_of_a_source_are_divided_together_and_the_provenance_says_so(
    tmp_path: Path,
) -> None:
    images = drawn(30)
    np.savez(tmp_path / "own.npz", train_images=images[:20], test_images=images[20:])
    given = DataOptions.model_validate({"npz": tmp_path / "own.npz", "split": FIFTH})
    library = Library(root=None, index=None, hub=False)
    info = library.info("own", given, "test")
    assert (info.split, info.count, info.source) == ("test", 6, "npz")
    assert info.note == (
        "divided by content: 0.2 of the images to test, seed 0; splits train, test together"
    )
    assert library.info("own", given, "train").count == 24
    limited = given.model_copy(update={"limit": 5})
    assert [library.info("own", limited, side).count for side in ("train", "test")] == [5, 5]


def test_a_set_of_the_catalogue_can_be_divided(tmp_path: Path, colour: Pixels) -> None:
    sets.write_parquet(tmp_path / "cifar100", colour, split="all")
    given = DataOptions.model_validate({"split": {"test": 0.3}})
    library = Library(root=tmp_path, index=tmp_path / "index", hub=False)
    assert library.info("cifar100", given, "train").count == 7
    assert library.info("cifar100", given, "test").count == 3
    with pytest.raises(DataError, match="'noise' does not take `split`"):
        library.splits("noise", given)


def test_both_sides_are_remembered_once_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.data.index.GRANULARITY", -(10**18))
    folder = write(tmp_path / "images", drawn(10), [f"{i}.png" for i in range(10)])
    given = DataOptions.model_validate({"folder": folder, "split": FIFTH})
    counts = []
    for side in ("train", "test"):
        library = Library(root=None, index=tmp_path / "index", hub=False)
        counts.append(library.info("own", given, side, GRAY).count)
        monkeypatch.delattr("ood_bench.data.library._decode", raising=False)
    assert counts == [8, 2]


@pytest.mark.parametrize("images", [np.zeros((6, 8, 8), np.uint8), drawn(1)])
def test_too_few_different_images_for_two_sides_are_refused(
    tmp_path: Path, images: NDArray[np.uint8]
) -> None:
    np.savez(tmp_path / "own.npz", images=images)
    with pytest.raises(DataError, match="1 of them different, are too few to be divided"):
        sides(npz=tmp_path / "own.npz", split=FIFTH)


def test_an_inside_without_training_images_is_told_of_the_division_and_planned_with_it(
    tiny: Path, ood_bench: Command
) -> None:
    images = drawn(100)
    shutil.rmtree(tiny.parent / "low", ignore_errors=True)
    write(tiny.parent / "low", images, [f"{i}.png" for i in range(100)])
    text = tiny.read_text().replace("low: {npz: low.npz}", "low: {folder: low}")
    tiny.write_text(text.replace("held_out: 60, validation: 20, ", ""))
    refused = ood_bench("run", tiny, "--dry-run", "--skip", "analysis/*")
    assert "datasets.low.split: {test: 0.2, seed: 0} divides it" in refused.out + refused.err
    planned = ood_bench("run", tiny, "--dry-run", "--set", "datasets.low.split={test: 0.2}")
    assert planned.status == 0
    assert (
        "training images of low on 1×8×8: 68 trained on, 4 to validate, 8 held out" in planned.out
    )


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("{test: 1.5}", "datasets.own.split.test: Input should be less than 1, got 1.5"),
        ("{test: true}", "datasets.own.split.test: Input should be less than 1, got true"),
        ("{tset: 0.2}", "datasets.own.split.tset: unknown key 'tset'; did you mean 'test'?"),
        ("{}", "datasets.own.split: the key 'test' is missing"),
        ("0.2", "datasets.own.split: Input should be a valid string, got 0.2"),
        ("{test: 0.2, seed: true}", "datasets.own.split.seed: a number is wanted, got true"),
    ],
)
def test_a_division_that_cannot_be_is_one_line(tiny: Path, split: str, message: str) -> None:
    path = tiny.with_name("own.yaml")
    entry = f"datasets:\n  own: {{folder: own, split: {split}}}\n"
    path.write_text(tiny.read_text().replace("datasets:\n", entry))
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    (said,) = str(caught.value).splitlines()
    assert message in said
