"""How the store deals with a disk: what reaches it and when, and what of its errors is told."""

import errno
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.stored import unpack
from tests.unit.test_store import cell, finish, left

from ood_bench.cells import MANIFEST, Cell
from ood_bench.cells.score import Score
from ood_bench.data.partition import Whole
from ood_bench.errors import StoreError
from ood_bench.hashing import file_sha256
from ood_bench.packed import Packed
from ood_bench.store import Store, folder, write_columns, write_table


def refusing(number: int, times: int = 1_000_000) -> Callable[..., object]:
    """Return a function that fails with an error of the system's, some times."""
    left_over = iter(range(times))

    def refuse(*_: object, **__: object) -> None:
        if next(left_over, None) is not None:
            raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files and folders that were brought to the disk, as they were called then."""
    found: list[Path] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        found.append(Path(f"/proc/self/fd/{handle}").readlink())
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_a_cell_takes_its_place_once_all_of_it_is_on_the_disk(
    tmp_path: Path, synced: list[Path]
) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    assert synced == [store.partial(what.key) / "new.zip", tmp_path / "cells"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", refusing(number))
    finish(Store(tmp_path), cell())
    assert Store(tmp_path).has(cell().key)


def test_a_disk_that_loses_what_is_written_finishes_no_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", refusing(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        finish(Store(tmp_path), cell())
    assert not Store(tmp_path).has(cell().key)
    assert len(list(Path("/proc/self/fd").iterdir())) == handles


def test_a_manifest_says_what_its_cell_is_of(tmp_path: Path) -> None:
    read = cell("score/read").key
    what = Cell("score/ä", Score(statistic="s", data="d", whole=Whole("e", 9), model=read))
    finish(Store(tmp_path), what)
    assert Store(tmp_path).path(what.key) == tmp_path / "cells" / f"{what.key}.zip"
    place = unpack(Store(tmp_path).path(what.key))
    expected = {
        "kind": "score",
        "name": "score/ä",
        "options": {"statistic": "s", "data": "d", "whole": ["e", 9]},
        "inputs": {"model": read},
        "files": {name: file_sha256(place / name) for name in ("a.txt", "columns.parquet")},
    }
    text = (place / MANIFEST).read_text()
    assert text == json.dumps(expected, indent=1, sort_keys=True), "the same cell, the same bytes"
    assert Store(tmp_path).manifest(what.key) == expected


def test_a_cell_is_readable_by_all_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        store, what = Store(tmp_path), cell()
        with store.write(what) as new:
            (new / "columns.parquet").touch(0o600)
        mode = store.path(what.key).stat().st_mode & 0o777
    finally:
        os.umask(before)
    assert mode == 0o640
    with zipfile.ZipFile(store.path(what.key)) as file:
        assert {info.external_attr >> 16 for info in file.infolist()} == {0o644}


@pytest.mark.parametrize(("failures", "slept"), [(0, []), (2, [0.01, 0.1]), (3, [0.01, 0.1, 1.0])])
def test_what_a_file_server_calls_stale_is_tried_four_times(
    monkeypatch: pytest.MonkeyPatch, failures: int, slept: list[float]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert folder._steady(refusing(errno.ESTALE, failures)) is None
    assert pauses == slept


@pytest.mark.parametrize(("number", "slept"), [(errno.ESTALE, 3), (errno.EIO, 0)])
def test_an_error_that_stays_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, slept: int
) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    place = store.path(what.key)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refusing(number))
        with pytest.raises(StoreError, match=f"^{place} cannot be read$"):
            store.read(what.key, "a.txt")
    assert len(pauses) == slept
    file = unpack(place) / "a.txt"
    monkeypatch.setattr(Path, "read_bytes", refusing(number))
    with pytest.raises(StoreError, match=f"^{file} cannot be read$"):
        store.read(what.key, "a.txt")


def test_a_cell_whose_files_cannot_be_opened_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finish(Store(tmp_path), cell())
    place = Store(tmp_path).path(cell().key)
    with monkeypatch.context() as patch:
        patch.setattr(Packed, "sha256", refusing(errno.EIO))
        assert not Store(tmp_path).has(cell().key)
    assert f"{place} cannot be read" in caplog.text
    file = unpack(place) / "a.txt"
    monkeypatch.setattr(folder, "file_sha256", refusing(errno.EIO))
    assert not Store(tmp_path).has(cell().key)
    assert f"{file} cannot be read" in caplog.text


def test_removing_a_cell_takes_its_files_and_all_work_on_it(tmp_path: Path) -> None:
    store, what, other = Store(tmp_path), cell(), cell("score/other")
    finish(store, other)
    finish(store, what)
    checkpoint = store.training(what.key) / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("state")
    assert sorted(store.finished_keys()) == sorted([what.key, other.key])
    assert store.unfinished_keys() == [what.key]
    store.remove(what.key)
    assert not store.has(what.key)
    assert (store.finished_keys(), store.unfinished_keys()) == ([other.key], [])
    assert left(tmp_path) == []
    store.remove(what.key)  # nothing is there any more


def test_a_link_in_a_cells_place_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    store, what = Store(tmp_path / "store"), cell()
    kept = tmp_path / "elsewhere" / "file"
    kept.parent.mkdir()
    kept.write_text("precious")
    store.path(what.key).parent.mkdir(parents=True)
    store.path(what.key).symlink_to(kept.parent)
    finish(store, what)
    assert store.has(what.key)
    assert kept.read_text() == "precious"


def test_a_damage_that_was_seen_is_looked_at_again_once_it_is_forgotten(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    path = store.path(what.key)
    sound = path.read_bytes()
    path.write_bytes(sound[:-1])
    assert store.has(what.key), "what was written here is not read again"
    store.forget(what.key)
    assert not store.has(what.key)
    path.write_bytes(sound)
    assert not store.has(what.key), "a damage is told once"
    store.forget(what.key)
    assert store.has(what.key)


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_a_cell_that_cannot_be_moved_to_its_place_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "link", refusing(number))
    store = Store(tmp_path)
    with pytest.raises(OSError, match=os.strerror(number)), store.write(cell()) as new:
        (new / "columns.parquet").touch()
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_a_file_system_without_hard_links_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "link", refusing(number))
    finish(Store(tmp_path), cell())
    assert Store(tmp_path).has(cell().key)
    assert left(tmp_path) == []


def test_a_damaged_cell_that_cannot_be_replaced_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    store.path(what.key).write_bytes(b"hellO")
    monkeypatch.setattr(os, "link", refusing(errno.ENOSPC))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), store.write(what) as new:
        (new / "columns.parquet").touch()
    assert not store.has(what.key)


def test_a_place_that_others_keep_filling_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []

    def link(path: Path, _: Path) -> None:
        tried.append(path)
        raise FileExistsError

    monkeypatch.setattr(os, "link", link)
    store, place = Store(tmp_path), Store(tmp_path).path(cell().key)
    said = f"^{place}: what stands there can neither be used nor"
    with pytest.raises(StoreError, match=said), store.write(cell()) as new:
        (new / "columns.parquet").touch()
    assert len(tried) == 10


def test_what_a_cell_must_have_is_named_with_the_cell(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell("score/glow@low/0")
    message = r"^score/glow@low/0: its work left no columns\.parquet$"
    with pytest.raises(StoreError, match=message), store.write(what) as new:
        (new / "columns.parquet").mkdir()  # a folder is no file


def test_a_writer_begins_with_an_empty_folder(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    old = store.partial(what.key) / "new" / "old.txt"
    old.parent.mkdir(parents=True)
    old.write_text("of a writer that was killed")
    finish(store, what)
    assert "old.txt" not in store.manifest(what.key)["files"]


def test_another_writers_folder_outlasts_a_cell(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    other = store.partial(what.key) / "theirs" / "half.txt"
    other.parent.mkdir(parents=True)
    other.write_text("half")
    finish(store, what)
    assert other.read_text() == "half"


@pytest.mark.parametrize(("training", "kept"), [(False, ["last.ckpt"]), (True, [])])
def test_clearing_a_cells_work_keeps_checkpoints_unless_they_go_too(
    tmp_path: Path, *, training: bool, kept: list[str]
) -> None:
    store, what = Store(tmp_path), cell()
    for path in (store.training(what.key) / "last.ckpt", store.partial(what.key) / "dead" / "a"):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    store.clear_partial(what.key, training=training)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == kept


def test_a_wait_for_another_run_names_the_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, key = Store(tmp_path), cell().key
    with store.lock(key) as lock:
        assert lock.path == tmp_path / "held" / key
        store.lock(key)._waiting()
    assert caplog.messages == [f"waiting for another run that works on cell {key}"]
    assert caplog.records[0].name == "ood_bench.store.folder"


def test_floats_are_split_by_bytes_and_all_else_has_a_dictionary(tmp_path: Path) -> None:
    table = pa.table({"x": [0.5, 0.25], "n": [1, 2], "name": ["a", "b"]})
    write_table(tmp_path / "t", table)
    row = pq.read_metadata(tmp_path / "t").row_group(0)
    found = {row.column(i).path_in_schema: row.column(i) for i in range(3)}
    assert {name for name in found if "BYTE_STREAM_SPLIT" in found[name].encodings} == {"x"}
    assert {name for name in found if "RLE_DICTIONARY" in found[name].encodings} == {"n", "name"}
    assert {column.compression for column in found.values()} == {"ZSTD"}
    write_columns(tmp_path / "c", {"b": np.array([1.0]), "a": np.array([2.0])})
    assert pq.read_table(tmp_path / "c").column_names == ["b", "a"]


def test_a_folder_that_work_leaves_is_no_part_of_a_cell(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    with store.write(what) as new:
        (new / "columns.parquet").touch()
        (new / "scratch").mkdir()
        (new / "scratch" / "a.txt").touch()
    assert Store(tmp_path).has(what.key)
    assert [*store.manifest(what.key)["files"]] == ["columns.parquet"]
