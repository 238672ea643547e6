"""The store: whole cells or none, and no damaged byte goes unseen."""

import errno
import json
import multiprocessing
import zipfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ood_bench.cells import KINDS, MANIFEST, SEAL, Address, Cell, required, seal
from ood_bench.cells.context import Wanted
from ood_bench.cells.score import Score
from ood_bench.data import DataOptions, Shape
from ood_bench.errors import OodBenchError, StoreError
from ood_bench.files import UNFINISHED, unfinished
from ood_bench.hashing import digest, file_sha256
from ood_bench.owner import Owner
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
    assert Store(tmp_path).file(what.key, "a.txt").read_text() == "hello"


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
    for path in sorted(Store(tmp_path).path(what.key).iterdir()):
        content = path.read_bytes()
        for position in range(len(content)):
            flipped = bytearray(content)
            flipped[position] ^= 0x20
            path.write_bytes(bytes(flipped))
            caplog.clear()
            assert not Store(tmp_path).has(what.key)
            assert str(path.parent) in caplog.text
        path.write_bytes(content)
    assert Store(tmp_path).has(what.key)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in REQUIRED for name in sorted(REQUIRED[kind])]
)
def test_a_cell_sealed_without_a_file_that_its_kind_must_have_is_not_finished(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, name: str
) -> None:
    key = digest({"kind": kind, "options": {}, "inputs": {}})
    folder = Store(tmp_path).path(key)
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
    folder = Store(tmp_path).path(key)
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
    (Store(tmp_path).path(what.key) / name).unlink()
    assert not Store(tmp_path).has(what.key)


def test_a_damaged_cell_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    what = cell()
    finish(Store(tmp_path), what)
    store = Store(tmp_path)
    (store.path(what.key) / "a.txt").write_text("hellO")
    assert not store.has(what.key)
    finish(store, what)
    assert Store(tmp_path).file(what.key, "a.txt").read_text() == "hello"
    assert not store.partial(what.key).exists()


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


@pytest.mark.parametrize("damage", ["file", "empty folder", "folder", "other bytes"])
def test_whatever_stands_in_a_cells_place_is_replaced(tmp_path: Path, damage: str) -> None:
    store, what = Store(tmp_path), cell()
    place = store.path(what.key)
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
    real = Path.read_bytes

    def stale(path: Path) -> bytes:
        nonlocal left_over
        if left_over:
            left_over -= 1
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", stale)
    assert Store(tmp_path).has(what.key)
