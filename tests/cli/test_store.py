"""The store from the command line: what it holds, and what of it goes."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import SUITE, Command
from tests.stored import unpack

from ood_bench.files import UNFINISHED
from ood_bench.runs.record import read_record, write_record
from ood_bench.store import Store


@pytest.fixture
def store(tiny: Path, finished: Path) -> Store:
    """The store of a finished run, below the working directory."""
    shutil.copytree(finished / "results", tiny.parent / "results")
    return Store(tiny.parent / "results/store")


def extra(store: Store) -> Path:
    """Add a cell that no run needs, and unfinished work of another, and return the first."""
    some = store.finished_keys()[0]
    shutil.copyfile(store.path(some), store.path("0" * 32))
    checkpoint = store.training("1" * 32) / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("state")
    return store.path("0" * 32)


def test_what_a_run_needs_stays_and_the_rest_goes(store: Store, ood_bench: Command) -> None:
    before = set(store.finished_keys())
    unneeded = extra(store)
    shown = ood_bench("store", "show")
    assert shown.status == 0, shown.err
    assert "unfinished work" in shown.out
    tried = ood_bench("store", "clean", "--dry-run")
    assert "would free" in tried.out
    assert unneeded.exists()
    cleaned = ood_bench("store", "clean")
    assert cleaned.status == 0, cleaned.err
    assert "freed" in cleaned.out
    assert set(store.finished_keys()) == before
    assert store.unfinished_keys() == []
    assert ood_bench("store", "clean").out == "freed 0 bytes\n"


def test_the_work_of_a_run_that_was_stopped_stays(
    tiny: Path, store: Store, ood_bench: Command
) -> None:
    """Of a run whose metrics are missing, all that they are made of is needed."""
    for key in store.finished_keys():
        if store.manifest(key)["kind"] in ("metric", "analysis", "train"):
            store.remove(key)
    before = set(store.finished_keys())
    assert ood_bench("store", "clean").status == 0
    assert set(store.finished_keys()) == before
    ran = ood_bench("run", tiny)
    assert ran.status == 0, ran.err


def test_the_cells_of_a_suite_that_is_named_are_needed(
    tiny: Path, store: Store, ood_bench: Command
) -> None:
    before = set(store.finished_keys())
    (run,) = (path.parent for path in (tiny.parent / "results").glob("*/run.json"))
    other = tiny.with_name("other.yaml")
    other.write_text(SUITE.replace("name: tiny", "name: other").replace("[high, black]", "[black]"))
    assert ood_bench("run", other).status == 0
    shutil.rmtree(run)
    assert ood_bench("store", "clean", tiny).status == 0
    assert before <= set(store.finished_keys())
    assert ood_bench("store", "clean").status == 0
    assert not before <= set(store.finished_keys())
    again = ood_bench("run", other)
    assert "0 of them stored" not in again.err


def test_what_a_living_process_works_on_stays(store: Store, ood_bench: Command) -> None:
    unneeded = extra(store)
    with store.lock(unneeded.stem):
        assert ood_bench("store", "clean").status == 0
        assert unneeded.exists()
    assert ood_bench("store", "clean").status == 0
    assert not unneeded.exists()


def test_nothing_goes_while_a_record_cannot_be_read(store: Store, ood_bench: Command) -> None:
    unneeded = extra(store)
    (record,) = store.root.parent.glob("*/run.json")
    whole = record.read_text()
    for text in ("{", whole.replace("tiny", "tine")):
        record.write_text(text)
        cleaned = ood_bench("store", "clean")
        assert cleaned.status == 2
        assert len(cleaned.err.splitlines()) == 1
        assert str(record.name) in cleaned.err
    record.unlink()
    assert "no run lies here" in ood_bench("store", "clean").err
    assert unneeded.exists()


def test_work_that_is_left_of_a_finished_cell_is_counted_and_goes(
    store: Store, ood_bench: Command
) -> None:
    left = store.partial(store.finished_keys()[0]) / "training" / "last.ckpt"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(2000))
    said = "unfinished work: 1, 2.0 kB\n"
    assert ood_bench("store", "clean", "--dry-run").out == f"{said}would free 2.0 kB\n"
    assert ood_bench("store", "clean").out == f"{said}freed 2.0 kB\n"
    assert not left.parent.parent.exists()
    assert store.path(left.parent.parent.name).is_file()


def test_a_damaged_cell_is_called_so(store: Store, ood_bench: Command) -> None:
    key = store.finished_keys()[0]
    store.path(key).write_text("[" * 10_000)
    assert "damaged" in ood_bench("store", "show").out


def test_the_kind_of_a_cell_that_an_earlier_version_stored_is_known(
    store: Store, ood_bench: Command
) -> None:
    before = ood_bench("store", "show").out.splitlines()
    for key in store.finished_keys():
        (unpack(store.path(key)) / "manifest.json").stat()
    now = ood_bench("store", "show").out.splitlines()
    counts = [[line.split()[:2] for line in lines] for lines in (before, now)]
    assert counts[0] == counts[1]
    assert "damaged" not in str(now)


def test_what_broken_off_writers_left_in_a_runs_folder_goes(
    store: Store, ood_bench: Command
) -> None:
    (run,) = (path.parent for path in store.root.parent.glob("*/run.json"))
    left = run / "figures" / f".a.png.00000000-1-1.x{UNFINISHED}"
    left.write_text("half")
    os.utime(left, (0, 0))
    assert ood_bench("store", "clean").status == 0
    assert not left.exists()


def test_a_record_that_does_not_say_what_it_needs_frees_nothing(
    tiny: Path, store: Store, ood_bench: Command
) -> None:
    before = set(store.finished_keys())
    (run,) = (path.parent for path in (tiny.parent / "results").glob("*/run.json"))
    write_record(run, replace(read_record(run), planned=None))
    refused = ood_bench("store", "clean")
    assert refused.status == 2
    said = f"results/{run.name}/run.json: does not say what it needs; run the suite again\n"
    assert refused.err == said
    assert set(store.finished_keys()) == before
