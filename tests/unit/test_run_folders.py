"""Runs in a results folder: which is meant, what of the store they need, what a record refuses."""

import hashlib
import hmac
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from tests.stored import unpack
from tests.unit.test_store import cell, finish

from ood_bench.errors import OodBenchError
from ood_bench.files import read_sealed, write_sealed
from ood_bench.hashing import canonical, digest
from ood_bench.runs import (
    Changes,
    RunRecord,
    find_run,
    list_runs,
    own,
    read_record,
    run_folder,
    upkeep,
    write_record,
    zipped,
)
from ood_bench.store import Store
from ood_bench.suite import load_suite


def runs(results: Path, *names: str, archives: tuple[str, ...] = (), **changed: Changes) -> None:
    """Make runs, the first the oldest; `changed` has those of part of a suite, `_` for a dash."""
    for i, name in enumerate(names):
        record = RunRecord(
            suite=name.rpartition("-")[0] or name,
            title="",
            about="",
            level=0.95,
            claims=(),
            cells=(),
            data=(),
            skips=(),
            changes=changed.get(name.replace("-", "_"), Changes()),
        )
        write_record(results / name, record)
        os.utime(results / name / "run.json", (1000 + i, 1000 + i))
        if name in archives:
            (results / name / "cells.zip").write_bytes(b"")


def test_a_run_is_a_folder_a_name_in_the_results_a_suite_or_the_latest(tmp_path: Path) -> None:
    runs(tmp_path / "elsewhere", "kept")
    results = tmp_path / "results"
    runs(results, "b-1", "a-b-2", "a-b-1", "paper-9", archives=("paper-9",))
    assert find_run(results, str(tmp_path / "elsewhere/kept")) == tmp_path / "elsewhere/kept"
    for name, found in (("a-b-2", "a-b-2"), ("a-b", "a-b-1"), ("b", "b-1"), (None, "paper-9")):
        assert find_run(results, name) == results / found
    assert find_run(results, None, trained=True) == results / "a-b-1"
    (results / "b-1/cells.zip").write_bytes(b"")
    (results / "a-b-1/cells.zip").write_bytes(b"")
    (results / "a-b-2/cells.zip").write_bytes(b"")
    assert find_run(results, None, trained=True) == results / "paper-9", "there is no other"


PARTS = (
    Changes(scale=0.02),
    Changes(set=("seeds=[1]",)),
    Changes(only=("train/*",)),
    Changes(skip=("analysis/*",)),
    Changes(embedded=True),
)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_name_stands_for_the_newest_whole_run_and_not_for_a_later_part(
    part: Changes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs(tmp_path, "a-1", "a-2", "a-3", "b-4", a_3=part, b_4=part)
    assert find_run(tmp_path, "a") == tmp_path / "a-2"
    assert find_run(tmp_path, "a@latest") == find_run(tmp_path, "a-3") == tmp_path / "a-3"
    assert find_run(tmp_path, None) == tmp_path / "b-4", "the newest, which its report tells"
    assert find_run(tmp_path, None, trained=True) == tmp_path / "a-2"
    assert not caplog.messages
    assert find_run(tmp_path, "b") == tmp_path / "b-4"
    assert caplog.messages == [f"no run of b is of the whole suite: using b-4 ({part})"]
    meant = {run.id for run in list_runs(tmp_path) if run.meant}
    assert meant == {"a-2", "b-4"}
    assert [run.id for run in list_runs(tmp_path)] == ["b-4", "a-3", "a-2", "a-1"]


def test_a_damaged_run_is_listed_and_stops_a_name_that_may_mean_it(tmp_path: Path) -> None:
    runs(tmp_path, "a-1", "a-2")
    (tmp_path / "a-2/run.json").write_text("{}")
    (damaged,) = (run for run in list_runs(tmp_path) if run.damage)
    assert (damaged.id, "carries no checksum" in damaged.damage) == ("a-2", True)
    with pytest.raises(OodBenchError, match="a-2/run.json carries no checksum"):
        find_run(tmp_path, "a")
    assert find_run(tmp_path, "a-1") == tmp_path / "a-1"


def test_a_run_that_is_not_there_is_one_line_with_a_near_name(tmp_path: Path) -> None:
    with pytest.raises(OodBenchError) as refusal:
        find_run(tmp_path, None)
    said = f"{tmp_path}: no run lies here; start one with 'ood-bench run SUITE'"
    assert str(refusal.value) == said
    runs(tmp_path, "tiny-12345678")
    with pytest.raises(OodBenchError) as refusal:
        find_run(tmp_path, "tiny-12345679")
    said = f"no run 'tiny-12345679' in {tmp_path}; did you mean 'tiny-12345678'?"
    assert str(refusal.value) == said


def test_a_folder_that_holds_no_record_is_named_with_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, kept = tmp_path / "results", tmp_path / "kept"
    kept.mkdir()
    for others in ((), ("tiny-12345678",)):
        runs(results, *others)
        with pytest.raises(OodBenchError) as refusal:
            find_run(results, str(kept))
        assert str(refusal.value) == f"{kept}: no run lies here (run.json is missing)"
    (kept / "report.md").write_text("# Kept\n")
    with pytest.raises(OodBenchError) as refusal:
        find_run(results, str(kept))
    said = f"{kept} holds a report but no record of its run (run.json): read {kept}/report.md"
    assert str(refusal.value) == said
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", "tiny@latest"):
        (tmp_path / name).mkdir()
        assert find_run(results, name) == results / "tiny-12345678", "a run's name comes first"


def test_a_suite_with_the_same_settings_has_the_same_folder(tiny: Path) -> None:
    suite = load_suite(tiny).suite
    folder = run_folder(tiny.parent, suite, {"only": []})
    assert folder == run_folder(tiny.parent, load_suite(tiny).suite, {"only": []})
    stated = suite.model_dump(mode="json", exclude_defaults=True)
    content = {"suite": stated, "settings": {"only": []}}
    assert folder == tiny.parent / f"tiny-{digest(content)[:8]}"
    others = (
        run_folder(tiny.parent, suite, {"only": ["train/*"]}),
        run_folder(tiny.parent, load_suite(tiny, assignments=["seeds=[1]"]).suite, {"only": []}),
    )
    assert folder not in others


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = read_sealed(folder / "run.json")
    change(content)
    write_sealed(folder / "run.json", content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(format=3), "format 3, and this reads 1 and 2"),
        (lambda c: c.pop("format"), "format None, and this reads 1 and 2"),
        (lambda c: c.update(title="a\x1b[2J"), "is damaged: it holds control characters"),
        (lambda c: c.update(suite="../up"), "is damaged: '../up' is no name or key of a suite"),
        (
            lambda c: c["cells"][0].update(key="no"),
            "is damaged: 'no' is no name or key of a suite",
        ),
        (lambda c: c["cells"][1]["at"].update(data="a/b"), "'a/b' is no name or key of a suite"),
        (lambda c: c["hidden"].append("x"), "is damaged: 'x' is no name or key of a suite"),
        (lambda c: c.update(planned=["x"]), "is damaged: 'x' is no name or key of a suite"),
        (lambda c: c.update(level=1.0), "level"),
    ],
)
def test_a_record_that_no_run_wrote_is_one_line(
    record: RunRecord, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    write_record(tmp_path, record)
    changed(tmp_path, change)
    with pytest.raises(OodBenchError, match=re.escape(said)) as refusal:
        read_record(tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path / 'run.json'}")
    assert str(refusal.value).endswith("; run the suite again, or have it archived again")


def test_a_record_without_its_checksum_or_with_another_is_refused(
    record: RunRecord, tmp_path: Path
) -> None:
    for text, said in (
        ('{"content": {}}', "carries no checksum"),
        ('{"content": {}, "digest": "0"}', "is damaged: it is not what was written"),
    ):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(OodBenchError, match=said):
            read_record(tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(OodBenchError) as refusal:
        read_record(tmp_path)
    assert str(refusal.value) == f"{tmp_path}: no run lies here (run.json is missing)"


def test_a_record_holds_what_its_suite_asks_for(tiny: Path, record: RunRecord) -> None:
    suite = load_suite(tiny).suite
    assert (record.suite, record.title, record.about) == ("tiny", suite.title, suite.about)
    assert (record.level, record.baseline) == (0.95, "likelihood")
    assert [claim.id for claim in record.claims] == ["T1"]
    assert record.base == str(tiny.parent.absolute())
    assert record.uses == dict.fromkeys(suite.detectors, "none")
    assert record.content["format"] == 2
    assert not {"own", "checksum"} & record.content.keys()
    held_out = {cell.key for cell in record.of("score") if cell.at.part == "held_out"}
    assert len(held_out) == 3, "columns of two models, and of the images alone"
    assert record.ensembles == frozenset()


def test_the_mark_of_ones_own_runs_is_a_keyed_digest_of_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    content = {"b": 1, "a": [None, "ä"]}
    assert not own.made_here(content, ""), "there is no key yet"
    mark = own.mark(content)
    key = tmp_path / "ood-bench" / "key"
    assert (len(key.read_bytes()), key.stat().st_mode & 0o777) == (32, 0o600)
    expected = hmac.new(key.read_bytes(), canonical(content).encode(), hashlib.sha256)
    assert mark == expected.hexdigest() == own.mark({"a": [None, "ä"], "b": 1})
    assert own.made_here(content, mark)
    assert not own.made_here({**content, "b": 2}, mark)
    assert not own.made_here(content, mark[:-1])
    assert [path.name for path in key.parent.iterdir()] == ["key"]
    key.write_bytes(b"x" * 31)
    assert not own.made_here(content, mark)
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    own.mark(content)
    assert (tmp_path / "home/.local/state/ood-bench/key").is_file()


def test_what_a_store_holds_is_counted_by_kind_with_what_no_run_needs(tmp_path: Path) -> None:
    store, kept, other = Store(tmp_path / "store"), cell("score/kept"), cell("score/other")
    finish(store, kept)
    finish(store, other, "longer than that")
    damaged = tmp_path / "store/cells" / ("0" * 32)
    damaged.mkdir()
    (damaged / "manifest.json").write_text('{"kind": "not a kind"}')
    begun = "1" * 32
    work = store.training(begun) / "last.ckpt"
    work.parent.mkdir(parents=True)
    work.write_bytes(b"x" * 100)
    stray = store.partial("2" * 32)
    stray.write_bytes(b"y" * 10)
    sizes = {
        key: sum(path.stat().st_size for path in places)
        for key, places in (
            (kept.key, unpack(store.path(kept.key)).iterdir()),
            (other.key, [store.path(other.key)]),
            (damaged.name, damaged.iterdir()),
        )
    }
    both = sizes[kept.key] + sizes[other.key]
    found = upkeep.space_of(store, {kept.key, begun})
    assert {name: tuple(asdict(space).values()) for name, space in found.items()} == {
        "damaged": (1, sizes[damaged.name], 1, sizes[damaged.name]),
        "score": (2, both, 1, sizes[other.key]),
        "unfinished work": (2, 110, 1, 10),
    }
    assert list(found) == sorted(found)
    gone = upkeep.free(store, tmp_path, {kept.key, begun})
    assert {name: tuple(asdict(space).values()) for name, space in gone.items()} == {
        "damaged": (1, sizes[damaged.name], 1, sizes[damaged.name]),
        "score": (1, sizes[other.key], 1, sizes[other.key]),
        "unfinished work": (1, 10, 1, 10),
    }
    assert (store.finished_keys(), store.unfinished_keys()) == ([kept.key], [begun])


def test_what_runs_need_is_the_sum_of_their_plans_and_archives_need_nothing(
    record: RunRecord, tmp_path: Path
) -> None:
    with pytest.raises(OodBenchError, match=f"^{tmp_path}: no run lies here that says what of"):
        upkeep.needed_by_runs(tmp_path)
    keys = ["0" * 32, "1" * 32, "2" * 32]
    for i, planned in enumerate(((keys[0], keys[1]), (keys[1], keys[2]))):
        write_record(tmp_path / f"run-{i}", replace(record, planned=planned))
    write_record(tmp_path / "archive", record)
    (tmp_path / "archive/cells.zip").write_bytes(b"")
    assert upkeep.needed_by_runs(tmp_path) == {*keys, *(cell.key for cell in record.cells)}
    write_record(tmp_path / "old", record)
    said = f"{tmp_path / 'old/run.json'}: does not say what it needs; run the suite again"
    with pytest.raises(OodBenchError) as refusal:
        upkeep.needed_by_runs(tmp_path)
    assert str(refusal.value) == said


KEY = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([f"cells/{KEY}/../a"], f"'cells/{KEY}/../a' is no file of a cell"),
        ([f"cells/{KEY}/.hidden"], "is no file of a cell"),
        (["cells/short/a.txt"], "'cells/short/a.txt' is no file of a cell"),
        ([f"cells/{KEY}/a", f"cells/{KEY}/a"], f"'cells/{KEY}/a' is in it twice"),
        ([f"cells/{KEY}/a", f"cells/{KEY}/b", f"cells/{KEY}/c"], "would be 40 bytes; a file of "),
        ([f"cells/{KEY}/large"], "would be 60 bytes; a file of an archive has at most 50, all "),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_odd_or_huge_files_is_refused_before_any_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], said: str
) -> None:
    monkeypatch.setattr(zipped, "LARGEST", 50)
    monkeypatch.setattr(zipped, "LARGEST_SUM", 100)
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as file:
        for name in names:
            file.writestr(name, b"x" * (60 if name.endswith("large") else 40))
    with (
        zipfile.ZipFile(tmp_path / "cells.zip") as file,
        pytest.raises(OodBenchError, match=re.escape(said)) as refusal,
    ):
        zipped.ZippedCells(file)
    assert str(refusal.value).startswith(f"{tmp_path / 'cells.zip'} is damaged: ")


def test_an_archive_may_be_as_large_as_its_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = cell()
    finish(Store(tmp_path), what)
    files = Store(tmp_path).read_files(what.key)
    monkeypatch.setattr(zipped, "LARGEST", max(map(len, files.values())))
    monkeypatch.setattr(zipped, "LARGEST_SUM", sum(map(len, files.values())))
    with zipfile.ZipFile(tmp_path / "cells.zip", "w") as file:
        for name, content in files.items():
            file.writestr(f"cells/{what.key}/{name}", content)
    with zipfile.ZipFile(tmp_path / "cells.zip") as file:
        found = zipped.ZippedCells(file)
        assert found.has(what.key)
        assert found.path(what.key) == tmp_path / "cells.zip" / "cells" / what.key
        assert found.manifest(what.key)["name"] == "score/x"
