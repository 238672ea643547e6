"""The store: whole cells or none, and no damaged byte goes unseen."""

import errno
import json
import multiprocessing
import shutil
import zipfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pytest
from tests.stored import unpack

from ood_bench.cells import KINDS, MANIFEST, SEAL, Address, Cell, required, seal
from ood_bench.cells.context import Wanted
from ood_bench.cells.score import Score
from ood_bench.data import DataOptions, Shape
from ood_bench.errors import OodBenchError, StoreError
from ood_bench.files import UNFINISHED, unfinished
from ood_bench.hashing import digest, file_sha256
from ood_bench.owner import Owner
from ood_bench.packed import StoredFile, pack
from ood_bench.runs.zipped import ZippedCells
from ood_bench.store import Store, write_columns, write_table

REQUIRED = {kind.family: required(kind.family) for kind in KINDS}


class Other(Score):
    """The same work under another name."""

    family = "other"


def cell(name: str = "score/x") -> Cell:
    return Cell(name, Score(statistic=name, data=""))


def finish(store: Store, what: Cell, text: str = "hello") -> None:
    with store.lock(what.key), store.write(what) as folder:
        (folder / "a.txt").write_text(text)
        (folder / "columns.parquet").write_bytes(b"columns")


def test_a_finished_cell_is_there_with_its_files(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    assert not store.has(what.key)
    finish(store, what)
    assert Store(tmp_path).has(what.key)
    assert Store(tmp_path).read(what.key, "a.txt") == b"hello"
    Store(tmp_path).file(what.key, "a.txt").copy(tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "hello"


def test_a_finished_cell_is_one_file_that_any_zip_program_reads(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [store.path(what.key)]
    with zipfile.ZipFile(store.path(what.key)) as file:
        assert file.testzip() is None
        assert file.namelist() == ["a.txt", "columns.parquet", MANIFEST, SEAL]
        assert file.read("a.txt") == b"hello"


def test_a_cell_that_an_earlier_version_stored_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    what = cell()
    finish(Store(tmp_path), what)
    folder = unpack(Store(tmp_path).path(what.key))
    before = {path: path.stat().st_mtime_ns for path in folder.parent.rglob("*")}
    store = Store(tmp_path)
    assert store.has(what.key)
    assert store.finished_keys() == [what.key]
    assert store.path(what.key) == folder
    assert store.read(what.key, "a.txt") == b"hello"
    assert store.file(what.key, "a.txt") == StoredFile(folder / "a.txt")
    finish(store, what, "another")
    assert Store(tmp_path).read(what.key, "a.txt") == b"hello"
    assert {path: path.stat().st_mtime_ns for path in folder.parent.rglob("*")} == before


def test_columns_come_back_as_they_were(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    values = np.random.default_rng(0).normal(-7000.0, 1.0, 100)
    with store.write(what) as folder:
        write_columns(folder / "columns.parquet", {"log_prob": values})
    assert np.array_equal(store.read_columns(what.key)["log_prob"], values)


@pytest.mark.parametrize(
    "columns",
    [
        {"x": [0.1, float("nan"), -0.0], "n": [1, 2, 3], "name": ["a", "ä", ""]},
        {"x": [1e-300, 2.0, float("inf")]},
        {"name": ["a", None, "b"], "png": [b"\x00", b"", None], "is": [True, False, None]},
        {"x": [None, 0.5, None], "n": [None, 2, 3]},
        {"x": pa.array([], pa.float64()), "n": pa.array([], pa.int64())},
        {"x": pa.array([1.5, 2.5, 3.5], pa.float32())},
    ],
)
def test_a_table_comes_back_as_it_was(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    store, what, table = Store(tmp_path), cell(), pa.table(columns)
    with store.write(what) as folder:
        write_table(folder / "columns.parquet", table)
        write_table(folder / "table.parquet", table)
    found = store.read_table(what.key, "table.parquet")
    assert found.schema == table.schema
    for name in columns:
        assert repr(found[name].to_pylist()) == repr(table[name].to_pylist())


def test_what_was_computed_in_float32_takes_little_more_than_its_digits(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(-7000.0, 500.0, 10_000).astype(np.float32)
    write_columns(tmp_path / "columns.parquet", {"log_prob": values.astype(np.float64)})
    assert (tmp_path / "columns.parquet").stat().st_size < 3.5 * len(values)


def test_a_key_depends_on_options_and_inputs_and_not_on_names_or_what_lies_beside() -> None:
    spec = Score(statistic="s", data="d", model="k")
    base, images = Cell("a", spec), Wanted("d", "mnist", DataOptions(), "test", Shape(1, 8, 8))
    assert Cell("b", replace(spec, images=images), (Address(model="glow"),)).key == base.key
    assert Cell("a", replace(spec, statistic="t")).key != base.key
    assert Cell("a", replace(spec, model="l")).key != base.key
    assert Cell("a", Other(statistic="s", data="d", model="k")).key != base.key


def test_every_flipped_byte_of_every_file_is_seen_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    what = cell()
    finish(Store(tmp_path), what)
    file = Store(tmp_path).path(what.key)
    packed = file.read_bytes()
    check_flips(file, what.key, caplog)
    for path in sorted(unpack(file).iterdir()):
        check_flips(path, what.key, caplog)
    assert Store(tmp_path).has(what.key)
    file.write_bytes(packed)
    for length in range(len(packed)):
        file.write_bytes(packed[:length])
        assert not Store(tmp_path).has(what.key)
    file.write_bytes(packed + b"x")
    assert not Store(tmp_path).has(what.key)


def check_flips(path: Path, key: str, caplog: pytest.LogCaptureFixture) -> None:
    """Flip a bit of each byte of a file of a cell in turn; each is seen and named."""
    content = path.read_bytes()
    (root,) = (folder.parent for folder in path.parents if folder.name == "cells")
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 0x20
        path.write_bytes(bytes(flipped))
        caplog.clear()
        assert not Store(root).has(key)
        assert str(Store(root).path(key)) in caplog.text
    path.write_bytes(content)
    assert Store(root).has(key)


def test_a_member_that_is_lacking_or_foreign_or_of_another_content_is_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    files = store.read_files(what.key)
    path = store.path(what.key)
    new = tmp_path / "new"
    new.mkdir()
    for name, content in files.items():
        (new / name).write_bytes(content)
    path.unlink()
    pack(new, path)
    assert Store(tmp_path).has(what.key)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("../b.txt", b"x")
    assert not Store(tmp_path).has(what.key)
    for name, content in (("a.txt", b"hellO"), ("a.txt", None), (SEAL, None), ("b.txt", b"")):
        changed = {**files, name: content}
        shutil.rmtree(new)
        new.mkdir()
        for other, text in changed.items():
            if text is not None:
                (new / other).write_bytes(text)
        path.unlink()
        pack(new, path)
        assert not Store(tmp_path).has(what.key)
    path.write_bytes(b"a stranger's file")
    caplog.clear()
    assert not Store(tmp_path).has(what.key)
    assert f"{path} is not what was written" in caplog.text


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in REQUIRED for name in sorted(REQUIRED[kind])]
)
def test_a_cell_sealed_without_a_file_that_its_kind_must_have_is_not_finished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, name: str
) -> None:
    key = digest({"kind": kind, "options": {}, "inputs": {}})
    folder = tmp_path / "cells" / key
    folder.mkdir(parents=True)
    for file in REQUIRED[kind]:
        (folder / file).write_bytes(b"content")
    sealed(folder, kind, REQUIRED[kind])
    assert Store(tmp_path).has(key)
    sealed(folder, kind, REQUIRED[kind] - {name})
    assert not Store(tmp_path).has(key)
    assert f"{name} was never written" in caplog.text
    sealed(folder, kind, ())
    assert not Store(tmp_path).has(key)


def test_every_kind_of_cell_has_a_file_that_it_must_have() -> None:
    names = {"train", "score", "detect", "metric", "analysis", "audit"}
    assert {kind for kind, files in REQUIRED.items() if files} == names
    assert all(kind.files for kind in KINDS)


def test_a_cell_of_a_kind_that_is_not_known_is_not_finished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = digest({"kind": "poem", "options": {}, "inputs": {}})
    folder = tmp_path / "cells" / key
    folder.mkdir(parents=True)
    sealed(folder, "poem", ())
    assert not Store(tmp_path).has(key)
    assert "no kind 'poem' is known" in caplog.text


def sealed(folder: Path, kind: str, names: Collection[str]) -> None:
    """Seal a cell with some of the files that lie there."""
    files = {name: file_sha256(folder / name) for name in names}
    manifest = {"kind": kind, "name": f"{kind}/x", "options": {}, "inputs": {}, "files": files}
    text = json.dumps(manifest).encode()
    (folder / MANIFEST).write_bytes(text)
    (folder / SEAL).write_bytes(seal(text))


@pytest.mark.parametrize("name", ["a.txt", "manifest.json", "manifest.sha256"])
def test_a_file_that_went_missing_is_seen(tmp_path: Path, name: str) -> None:
    what = cell()
    finish(Store(tmp_path), what)
    (unpack(Store(tmp_path).path(what.key)) / name).unlink()
    assert not Store(tmp_path).has(what.key)


@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_cell_is_replaced_by_a_new_one(tmp_path: Path, *, packed: bool) -> None:
    store, what = Store(tmp_path), cell()
    finish(store, what)
    place = store.path(what.key)
    if packed:
        place.write_bytes(place.read_bytes().replace(b"hello", b"hellO"))
    else:
        (unpack(place) / "a.txt").write_text("hellO")
    store.forget(what.key)
    assert not store.has(what.key)
    finish(store, what)
    assert Store(tmp_path).read(what.key, "a.txt") == b"hello"
    assert not store.partial(what.key).exists()
    assert list(place.parent.iterdir()) == [place]


def test_a_cell_whose_work_failed_is_not_there_and_keeps_its_checkpoints(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    checkpoint = store.partial(what.key) / "training" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("state")
    with pytest.raises(RuntimeError), store.write(what) as folder:
        (folder / "a.txt").write_text("half")
        raise RuntimeError("killed")
    assert not Store(tmp_path).has(what.key)
    assert checkpoint.read_text() == "state"
    finish(store, what)
    assert [path.name for path in (tmp_path / "partial").iterdir()] == []


def test_reading_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    with pytest.raises(StoreError, match="no finished cell"):
        store.file(what.key, "a.txt")
    finish(store, what)
    with pytest.raises(StoreError, match="no such file"):
        store.file(what.key, "b.txt")


def _count(root: Path, start: Callable[[], object]) -> None:
    start()
    store = Store(root)
    for i in range(20):
        what = cell(f"score/{i}")
        with store.lock(what.key):
            if not store.has(what.key):
                with store.write(what) as folder:
                    (folder / "a.txt").write_text(str(i))
                    (folder / "columns.parquet").write_bytes(b"columns")
                with (root / f"count-{i}").open("a") as file:
                    file.write("x")


def test_processes_on_one_store_compute_each_cell_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_count, args=(tmp_path, barrier.wait)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert all((tmp_path / f"count-{i}").read_text() == "x" for i in range(20))
    assert all(Store(tmp_path).has(cell(f"score/{i}").key) for i in range(20))


def test_zipped_cells_read_as_those_of_a_folder_and_damage_is_named(tmp_path: Path) -> None:
    store, what = Store(tmp_path / "store"), cell()
    with store.write(what) as folder:
        write_columns(folder / "columns.parquet", {"score": np.arange(1000.0)})
        (folder / "b.json").write_text("[1]")
    kept = tmp_path / "cells.zip"
    with zipfile.ZipFile(kept, "w") as file:
        for name, content in store.read_files(what.key, without={"b.json"}).items():
            file.writestr(f"cells/{what.key}/{name}", content)
    with zipfile.ZipFile(kept) as file:
        zipped = ZippedCells(file)
        assert zipped.has(what.key)
        assert not zipped.has("another")
        assert np.array_equal(zipped.read_columns(what.key)["score"], np.arange(1000.0))
        assert zipped.count_rows(what.key) == 1000
        with pytest.raises(StoreError, match="no such file"):
            zipped.read_typed(what.key, "b.json", list)
    damaged = bytearray(kept.read_bytes())
    damaged[200] ^= 0x20
    kept.write_bytes(bytes(damaged))
    with zipfile.ZipFile(kept) as file, pytest.raises(OodBenchError, match=r"cells.zip is damaged"):
        ZippedCells(file).has(what.key)


def left(root: Path) -> list[str]:
    """Return all that lies in a store beside finished cells."""
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] != "cells"
    )


def test_a_folder_that_another_process_has_emptied_is_not_sealed(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    with pytest.raises(StoreError, match=r"left no columns\.parquet"), store.write(what) as folder:
        write_columns(folder / "columns.parquet", {"x": np.arange(3.0)})
        (folder / "columns.parquet").unlink()
    assert not Store(tmp_path).has(what.key)
    assert left(tmp_path) == []


def test_of_two_writers_of_a_cell_the_first_counts_and_neither_fails(tmp_path: Path) -> None:
    one, two, what = Store(tmp_path), Store(tmp_path), cell()
    with one.write(what, "one") as first, two.write(what, "two") as second:
        write_columns(first / "columns.parquet", {"x": np.arange(3.0)})
        write_columns(second / "columns.parquet", {"x": np.arange(4.0)})
    # the inner one, "two", was sealed first
    assert Store(tmp_path).count_rows(what.key) == 4
    assert one.count_rows(what.key) == 4
    assert left(tmp_path) == []


@pytest.mark.parametrize("suffix", ["", ".zip"])
@pytest.mark.parametrize("damage", ["file", "empty folder", "folder", "other bytes"])
def test_whatever_stands_in_a_cells_place_is_replaced(
    tmp_path: Path, damage: str, suffix: str
) -> None:
    store, what = Store(tmp_path), cell()
    place = tmp_path / "cells" / f"{what.key}{suffix}"
    place.parent.mkdir(parents=True)
    if damage == "file":
        place.write_text("a file")
    else:
        place.mkdir()
    if damage == "folder":
        (place / "manifest.json").mkdir()
    if damage == "other bytes":
        (place / "manifest.json").write_bytes(b"\xff")
    finish(store, what)
    assert Store(tmp_path).has(what.key)
    assert left(tmp_path) == []
    assert [path.name for path in place.parent.iterdir()] == [f"{what.key}.zip"]


def test_clearing_leaves_finished_cells_and_checkpoints_alone_and_nothing_else(
    tmp_path: Path,
) -> None:
    store, done, begun = Store(tmp_path), cell("score/done"), cell("score/begun")
    finish(store, done)
    gone = f"{replace(Owner.here(), start=1)}"
    for path in (
        store.training(done.key) / "last.ckpt",
        store.partial(done.key) / "dead" / "columns.parquet",
        store.partial(begun.key) / "dead" / "columns.parquet",
        store.training(begun.key) / f".last.ckpt.{gone}.x{UNFINISHED}",
        tmp_path / "held" / begun.key,
        tmp_path / "held" / f".k.{gone}-1.new{UNFINISHED}",
        tmp_path / "data" / f".k.json.{gone}.x{UNFINISHED}",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(gone)
    kept = store.training(begun.key) / "last.ckpt"
    kept.write_text("state")
    (tmp_path / "partial" / "a file").write_text("x")
    store.clear()
    assert left(tmp_path) == [str(kept.relative_to(tmp_path))]
    assert [path.name for path in (tmp_path / "partial").iterdir()] == [begun.key]
    assert store.has(done.key)


def test_clearing_leaves_the_work_of_a_living_process_alone(tmp_path: Path) -> None:
    store, what = Store(tmp_path), cell()
    with store.lock(what.key) as lock, store.write(what, lock.token) as folder:
        write_columns(folder / "columns.parquet", {"x": np.arange(3.0)})
        with unfinished(tmp_path / "data" / "a.json") as temporary:
            Store(tmp_path).clear()
            assert temporary.exists()
    assert store.has(what.key)
    assert left(tmp_path) == ["data/a.json"]


@pytest.mark.parametrize("times", [1, 3])
def test_a_file_that_was_replaced_on_a_file_server_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    what, left_over = cell(), times
    finish(Store(tmp_path), what)
    real = Path.open

    def stale(path: Path, mode: str) -> IO[Any]:
        nonlocal left_over
        if left_over:
            left_over -= 1
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(path, mode)

    monkeypatch.setattr(Path, "open", stale)
    assert Store(tmp_path).has(what.key)
