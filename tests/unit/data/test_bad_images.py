"""All images that cannot be read are listed at once, or left out and counted."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions, Library, Shape, Transform
from ood_bench.data.tally import MOST
from ood_bench.errors import DataError

SHAPE = Shape(1, 8, 8)
Write = Callable[[Path, Pixels], DataOptions]
BAD = {0: b"", 3: b"<!DOCTYPE html>", 4: b"\x89PNG\r\n\x1a\n"}
GOOD = [1, 2, 5]


@pytest.fixture(scope="module")
def small() -> Pixels:
    return sets.random_pixels(6, *SHAPE)


def library() -> Library:
    return Library(root=None, index=None, hub=False)


def as_folder(place: Path, pixels: Pixels) -> DataOptions:
    sets.write_images(place / "own", pixels, classes=False)
    for i, content in BAD.items():
        (place / f"own/{i:03}.png").write_bytes(content)
    return DataOptions(folder=place / "own")


def as_table(place: Path, pixels: Pixels) -> DataOptions:
    rows = sets.image_table(pixels).to_pylist()
    for i, content in BAD.items():
        rows[i]["image"]["bytes"] = content or None
    pq.write_table(pa.Table.from_pylist(rows), place / "own.parquet")
    return DataOptions(parquet=place / "own.parquet")


@pytest.mark.parametrize("write", [as_folder, as_table])
@pytest.mark.parametrize("ask", ["shape", "info", "load"])
def test_all_are_listed_at_once_a_line_each(
    tmp_path: Path, small: Pixels, write: Write, ask: str
) -> None:
    options = write(tmp_path, small)
    if ask == "shape":
        assert library().shape("own", options) == SHAPE
        return
    with pytest.raises(DataError) as refused:
        getattr(library(), ask)("own", options, "test", SHAPE)
    first, *lines = str(refused.value).splitlines()
    assert first == "'own': 3 of 6 images cannot be read; `on_bad: skip` leaves them out:"
    assert len(lines) == len(BAD)
    for i, line in zip(BAD, lines, strict=True):
        assert f"{i:03}.png: not" in line or f"row {i}: " in line


@pytest.mark.parametrize("write", [as_folder, as_table])
def test_those_left_out_are_counted_and_labels_go_with_their_images(
    tmp_path: Path, small: Pixels, write: Write
) -> None:
    options = write(tmp_path, small).model_copy(update={"on_bad": "skip"})
    found = library()
    assert found.shape("own", options) == SHAPE
    images = found.load("own", options, "test", SHAPE)
    assert np.array_equal(images.pixels, small.images[GOOD])
    if images.labels is not None:
        assert images.labels.tolist() == small.labels[GOOD].tolist()
    info = found.info("own", options, "test")
    assert (info.count, info.digest) == (3, images.digest)
    assert "3 of 6 images left out: " in info.note
    assert "not readable" in info.note


def test_counts_are_known_again_from_the_index(
    tmp_path: Path, small: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.data.index.GRANULARITY", -(10**18))  # files of this moment
    options = as_folder(tmp_path, small).model_copy(update={"on_bad": "skip"})
    first = Library(root=None, index=tmp_path / "index", hub=False).info("own", options, "test")
    again = Library(root=None, index=tmp_path / "index", hub=False)
    assert again.info("own", options, "test") == first
    assert not again._memory  # it has not decoded again
    refusing = options.model_copy(update={"on_bad": "error"})
    with pytest.raises(DataError, match="3 of 6 images cannot be read"):
        again.info("own", refusing, "test", SHAPE)


@pytest.mark.parametrize("on_bad", ["error", "skip"])
def test_a_set_of_which_nothing_can_be_read_is_refused_whole(tmp_path: Path, on_bad: str) -> None:
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(b"x")
    options = DataOptions(folder=tmp_path, on_bad=on_bad)  # type: ignore[arg-type] # as above
    for ask in (library().shape, partial(library().load, split="test", shape=SHAPE)):
        with pytest.raises(DataError, match="'own': 4 of 4 images cannot be read") as refused:
            ask("own", options)
        assert len(str(refused.value).splitlines()) == 5
        assert "skip" not in str(refused.value)


def test_one_is_one_line_and_thousands_are_not_thousands(tmp_path: Path, small: Pixels) -> None:
    sets.write_images(tmp_path, small)
    (tmp_path / "new\nline.png").write_bytes(b"x")
    with pytest.raises(DataError) as refused:
        library().load("own", DataOptions(folder=tmp_path), "test", SHAPE)
    assert str(refused.value) == (
        f"{tmp_path}/new\\nline.png: not a readable image: unknown format; "
        "`on_bad: skip` leaves it out"
    )
    for i in range(MOST + 50):
        (tmp_path / f"z{i}.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"  and 51 more$") as refused:
        library().load("own", DataOptions(folder=tmp_path), "test", SHAPE)
    assert len(str(refused.value).splitlines()) == MOST + 2


def test_images_of_another_shape_are_an_error_whatever_is_left_out(
    tmp_path: Path, small: Pixels
) -> None:
    options = as_folder(tmp_path, small).model_copy(update={"on_bad": "skip"})
    (tmp_path / "own/9.png").write_bytes(sets.encoded(np.zeros((1, 9, 9), np.uint8)))
    with pytest.raises(DataError, match=r"9\.png is 1×9×9, unlike 1×8×8 before it"):
        library().load("own", options, "test", SHAPE)


def test_a_limit_counts_what_is_left_out_and_is_still_said(tmp_path: Path, small: Pixels) -> None:
    options = as_folder(tmp_path, small).model_copy(update={"on_bad": "skip", "limit": 4})
    info = library().info("own", options, "test")
    assert info.count == 2
    assert "first 4 images only; 2 of 4 images left out: 2 not readable" in info.note


@pytest.mark.parametrize("name", ["{x}", "{}", "{0!r}", "100%s", "new\nline"])
def test_a_folder_of_any_name_is_named_as_it_is(tmp_path: Path, small: Pixels, name: str) -> None:
    options = as_folder(tmp_path / name, small)
    folder = options.folder
    assert folder is not None
    with pytest.raises(DataError) as refused:
        library().load(name, options, "test", SHAPE)
    assert len(str(refused.value).splitlines()) == 4
    (folder / "a.txt").write_text("x")
    (folder / "b.txt").write_text("x")
    with pytest.raises(DataError) as refused:
        library().missing(name, options)
    shown = str(folder).replace("\n", "\\n")
    assert str(refused.value).startswith(f"{shown}: 2 files are no images that can be read")


def test_an_option_that_is_not_used_leaves_the_key_of_what_was_decoded_as_it_is(
    tmp_path: Path, small: Pixels
) -> None:
    sets.write_images(tmp_path / "own", small)
    found = library()
    keys = set()
    for options in (
        DataOptions(folder=tmp_path / "own"),
        DataOptions(folder=tmp_path / "own", on_bad="error", transform=Transform()),
        DataOptions(folder=tmp_path / "own", transform=Transform(sixteen_bit="refuse")),
    ):
        located = found._at_hand("own", options.model_copy(update={"transform": None}))
        keys.add(found._key(located, "all", SHAPE))
    assert len(keys) == 1
    skipping = found._at_hand("own", DataOptions(folder=tmp_path / "own", on_bad="skip"))
    assert found._key(skipping, "all", SHAPE) not in keys


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied"), OSError(5, "I/O")])
def test_what_the_machine_refuses_is_no_bad_image_and_is_never_left_out(
    tmp_path: Path, small: Pixels, fault: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = as_folder(tmp_path, small).model_copy(update={"on_bad": "skip"})

    def refuse(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("ood_bench.data.decoding.Image.open", refuse)
    with pytest.raises(DataError, match=rf"000\.png: cannot be read: {fault.strerror}$"):
        library().load("own", options, "test", SHAPE)
