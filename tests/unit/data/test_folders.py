"""No image of a folder is lost without a word: links, splits, and what is left out."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, ImagesInfo, Library, Shape
from ood_bench.data.sources.listing import image_files
from ood_bench.errors import DataError

SHAPE = Shape(1, 8, 8)


@pytest.fixture(scope="module")
def small() -> Pixels:
    return sets.random_pixels(6, *SHAPE)


@pytest.fixture
def split(tmp_path: Path, small: Pixels) -> Path:
    """A folder of six images to train on and six to test on."""
    for name in ("train", "test"):
        sets.write_images(tmp_path / "own" / name, small, classes=True)
    return tmp_path / "own"


def info(folder: Path, split: str = "test", **options: object) -> ImagesInfo:
    chosen = DataOptions(folder=folder, **options)  # type: ignore[arg-type] # by name
    return Library(root=None, index=None, hub=False).info("own", chosen, split)


def splits(folder: Path) -> tuple[str, ...]:
    library = Library(root=None, index=None, hub=False)
    return library.splits("own", DataOptions(folder=folder))


def test_linked_folders_and_files_are_read_as_if_they_lay_there(
    tmp_path: Path, small: Pixels
) -> None:
    sets.write_images(tmp_path / "own", small, classes=True)
    (tmp_path / "linked").mkdir()
    (tmp_path / "files").mkdir()
    for path in (tmp_path / "own").iterdir():
        (tmp_path / "linked" / path.name).symlink_to(path)
    for path in (tmp_path / "own").rglob("*.png"):
        (tmp_path / "files" / path.name).symlink_to(path)
    (tmp_path / "whole").symlink_to(tmp_path / "own")
    real = info(tmp_path / "own")
    for name in ("linked", "whole"):
        found = info(tmp_path / name)
        assert (found.digest, found.labels) == (real.digest, real.labels)
    assert info(tmp_path / "files").count == 6


def test_links_in_a_circle_end(tmp_path: Path, small: Pixels) -> None:
    sets.write_images(tmp_path / "own/a", small)
    (tmp_path / "own/a/again").symlink_to(tmp_path / "own")
    (tmp_path / "own/a/self").symlink_to(tmp_path / "own/a")
    found = info(tmp_path / "own")
    assert found.count == 6
    assert found.source == ("folder; files: 6 used, 2 left out (2 links back to a folder above)")


@pytest.mark.parametrize("target", ["/nowhere/annex/1.png", "gone", "7.png", "0.png/below"])
def test_links_that_lead_nowhere_are_all_named_or_left_out(
    tmp_path: Path, small: Pixels, target: str
) -> None:
    sets.write_images(tmp_path / "own", small)
    (tmp_path / "own/0.png").write_bytes(sets.encoded(small.images[0]))
    for name in ("7.png", "8.png"):
        (tmp_path / "own" / name).symlink_to(target)
    with pytest.raises(DataError) as refused:
        info(tmp_path / "own")
    lines = str(refused.value).splitlines()
    assert "2 files are no images that can be read; `on_bad: skip` leaves them out" in lines[0]
    assert lines[1:] == [
        f"  {tmp_path}/own/{name}.png: a link that leads nowhere" for name in (7, 8)
    ]
    found = info(tmp_path / "own", on_bad="skip")
    assert found.count == 7
    assert found.source.endswith("7 used, 2 left out (2 links that lead nowhere)")


def test_a_split_whose_link_leads_nowhere_is_named(split: Path) -> None:
    shutil.rmtree(split / "test")
    (split / "test").symlink_to("/nowhere")
    with pytest.raises(DataError, match=r"'test' \(a link that leads nowhere\)"):
        splits(split)


def hidden(folder: Path) -> None:
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints/a.png").write_bytes(b"")


def repository(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text("x")


def system(folder: Path) -> None:
    (folder / "__MACOSX/train").mkdir(parents=True)
    (folder / "__MACOSX/train/._0.png").write_bytes(b"x")


def empty(folder: Path) -> None:
    (folder / "extra/below").mkdir(parents=True)
    (folder / "extra/below/.DS_Store").write_bytes(b"x")


def notes(folder: Path) -> None:
    (folder / "README.md").write_text("x")


BESIDE: dict[Callable[[Path], None], str] = {
    hidden: "hidden",
    repository: "hidden",
    system: "system",
    empty: "empty folder",
    notes: "beside the splits",
}


@pytest.mark.parametrize("write", BESIDE, ids=lambda write: write.__name__)
def test_what_lies_beside_train_and_test_does_not_merge_them(
    split: Path, write: Callable[[Path], None]
) -> None:
    alone = {name: info(split, name) for name in ("train", "test")}
    write(split)
    assert splits(split) == ("train", "test")
    for name in ("train", "test"):
        found = info(split, name)
        assert found.digest == alone[name].digest
        assert found.source == f"folder; files: 6 used, 1 left out (1 {BESIDE[write]})"


@pytest.mark.parametrize("stranger", ["annotations/a.json", "more/0.png", "Archive/x", "0.png"])
def test_other_folders_and_images_beside_train_and_test_are_refused_by_name(
    split: Path, stranger: str
) -> None:
    (split / stranger).parent.mkdir(exist_ok=True)
    (split / stranger).write_bytes(b"x")
    with pytest.raises(DataError, match=f"'{stranger.partition('/')[0]}' beside the folders"):
        splits(split)


@pytest.mark.parametrize(
    ("train", "test"), [("Train", "Test"), ("TRAIN", "TEST"), ("training", "testing")]
)
def test_splits_are_known_in_any_case_and_by_their_other_names(
    split: Path, train: str, test: str
) -> None:
    wanted = [info(split, name).digest for name in ("train", "test")]
    (split / "train").rename(split / train)
    (split / "test").rename(split / test)
    assert splits(split) == ("train", "test")
    assert [info(split, name).digest for name in ("train", "test")] == wanted


def test_two_folders_of_one_split_are_refused(split: Path) -> None:
    shutil.copytree(split / "test", split / "testing")
    with pytest.raises(DataError, match="'test' and 'testing' are both of the split 'test'"):
        splits(split)


def test_a_split_of_the_name_of_a_class_is_no_split_below_one(
    tmp_path: Path, small: Pixels
) -> None:
    for name in ("bus", "train"):
        sets.write_images(tmp_path / "own" / name, small)
    with pytest.raises(DataError, match="'bus' beside the folders of splits 'train'"):
        splits(tmp_path / "own")
    (tmp_path / "vehicles").mkdir()
    (tmp_path / "own").rename(tmp_path / "vehicles/test")
    assert info(tmp_path / "vehicles").classes == 2


def test_what_no_image_is_is_counted_by_reason(tmp_path: Path, small: Pixels) -> None:
    folder = tmp_path / "own"
    sets.write_images(folder, small)
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"x")
    os.mkfifo(folder / "pipe.png")
    assert info(folder).source == (
        "folder; files: 6 used, 5 left out (2 hidden, 1 neither file nor folder, 2 system)"
    )
    (folder / "a.txt").write_text("x")
    (folder / "b.heic").write_text("x")
    with pytest.raises(DataError, match="2 files are no images") as refused:
        info(folder)
    assert "a.txt: not an image" in str(refused.value)
    assert "b.heic: not an image" in str(refused.value)
    found = info(folder, on_bad="skip")
    assert found.source == (
        "folder; files: 6 used, 7 left out "
        "(2 hidden, 1 neither file nor folder, 2 not an image, 2 system)"
    )


def test_images_beside_class_folders_are_read_without_labels_and_that_is_said(
    tmp_path: Path, small: Pixels
) -> None:
    sets.write_images(tmp_path / "own", small, classes=True)
    (tmp_path / "own/one.png").write_bytes(sets.encoded(small.images[0]))
    found = info(tmp_path / "own")
    assert (found.count, found.labels) == (7, "")
    assert "images lie beside class folders, so there are no labels" in found.note


@pytest.mark.parametrize(
    "suffix", ["jfif", "jpe", "JPG", "avif", "jp2", "tga", "ico", "dib", "pnm", "apng"]
)
def test_every_usual_ending_of_an_image_is_one(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(b"")
    assert len(image_files(tmp_path).paths) == 1


def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, small: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets.write_images(tmp_path / "own", small, classes=True)
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).parent.name == "own":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("ood_bench.data.sources.listing.os.scandir", refuse)
    with pytest.raises(DataError, match="'own': .*own: cannot be read"):
        splits(tmp_path / "own")
