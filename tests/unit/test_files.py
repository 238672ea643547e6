"""Files: whole or not at all, and JSON of which no changed byte goes unseen."""

import errno
from contextlib import suppress
from pathlib import Path

import pytest

from ood_bench.errors import StoreError
from ood_bench.files import read_sealed, unfinished, unfinished_folder, write_sealed, write_whole


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_whole(path, "old")
    assert write_whole(path, "ü") == path
    assert path.read_text(encoding="utf-8") == "ü"
    assert [found.name for found in path.parent.iterdir()] == ["a.txt"]


def test_an_error_in_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(OSError, match="full"), unfinished(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "the disk is full")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_a_name_that_is_not_unicode_is_written_escaped(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "a.txt", "caf\udce9")
    assert path.read_text() == r"caf\udce9"


def test_every_changed_byte_of_a_sealed_file_is_seen_or_changes_nothing(tmp_path: Path) -> None:
    value = {"level": 0.95, "names": ["glow", "ü"], "none": None}
    path = write_sealed(tmp_path / "a.json", value)
    assert read_sealed(path) == value
    content = path.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 0x08
        path.write_bytes(bytes(flipped))
        with suppress(StoreError):
            assert read_sealed(path) == value


@pytest.mark.parametrize("text", ["", "null", "[]", "1", "{}", "[" * 100_000, '{"digest": 1}', "{"])
def test_what_is_no_sealed_file_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"a\.json is not what was written"):
        read_sealed(path)


def test_a_folder_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "a" / "folder"
    with unfinished_folder(place) as folder:
        write_whole(folder / "below" / "old.txt", "old")
        assert not place.exists()
    with pytest.raises(OSError, match="below/new.txt'$") as caught, unfinished_folder(place) as new:
        write_whole(new / "kept.txt", "half")
        (new / "below" / "new.txt" / "x").mkdir(parents=True)
        write_whole(new / "below" / "new.txt", "new")
    assert caught.value.filename == str(place / "below" / "new.txt")
    assert [path.name for path in place.rglob("*")] == ["below", "old.txt"]
    with unfinished_folder(place) as folder:
        write_whole(folder / "new.txt", "new")
    assert [path.name for path in place.rglob("*")] == ["new.txt"]
    assert [path.name for path in place.parent.iterdir()] == ["folder"]
