"""The record of a run: every list of results counts once, and only an own mark is trusted."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ood_bench.cells import reported
from ood_bench.errors import OodBenchError, PluginError
from ood_bench.files import read_sealed, write_sealed
from ood_bench.plan import Plan
from ood_bench.registry import Registry
from ood_bench.runs import Changes, RunRecord, collect, read_record, write_record
from ood_bench.runs.archive import without_figures
from ood_bench.store import Store


def test_every_cell_of_a_plan_is_listed_once_an_address(record: RunRecord, plan: Plan) -> None:
    listed = Counter(cell.key for cell in record.cells)
    assert listed == {cell.key: len(cell.at) for cell in plan.cells}
    assert {cell.kind for cell in record.cells} == {*reported(), "score", "detect"}


def test_what_is_not_there_yet_is_left_out_and_not_failed(
    record: RunRecord, tmp_path: Path
) -> None:
    found = collect(record, Store(tmp_path / "store"))
    assert found.failures == ()
    count = len({cell.key for cell in record.of(*reported())})
    assert [skip.cell for skip in found.skips][-1] == f"{count} results"
    assert any(record.of("paired"))


def test_a_record_comes_back_as_it_was_written(record: RunRecord, tmp_path: Path) -> None:
    written = write_record(tmp_path, replace(record, title="\u00e9 \U0001f600"))
    assert read_record(tmp_path) == written
    assert written.checksum == read_sealed_digest(tmp_path)
    odd = replace(record, manifest={"suite": "a\udcff.yaml"})
    write_record(tmp_path, odd)
    assert read_record(tmp_path).manifest == {"suite": "a\\udcff.yaml"}
    write_record(tmp_path, replace(record, about="a\x1b[2J\n\tb"))
    assert read_record(tmp_path).about == "a\\x1b[2J\n\tb"


def test_the_background_of_a_model_with_the_longest_name_is_read(
    record: RunRecord, tmp_path: Path
) -> None:
    long = changed(record, "train", model=f"{'a' * 60}-background")
    write_record(tmp_path, long)
    assert read_record(tmp_path).cells == long.cells


def former(record: RunRecord) -> dict[str, Any]:
    """Return the content of a record as versions before addresses wrote it."""
    content = {**record.content, "format": 1, "cells": record.zipped, "mark": ""}
    del content["zipped"]
    lists = {"trainings": "train", "bpds": "bpd", "detections": "detection"}
    lists |= {"pairings": "paired", "analyses": "analysis", "audits": "audit"}
    for name, kind in lists.items():
        content[name] = [{**vars(cell.at), "key": cell.key} for cell in record.of(kind)]
    content["audits"] = [{**ref, "outside": ref["outside"] or None} for ref in content["audits"]]
    held_out = (cell for cell in record.of("score") if cell.at.part == "held_out")
    content["scored"] = [cell.key for cell in held_out]
    content["planned"] = [cell.key for cell in record.cells]
    return content


@pytest.mark.parametrize(
    ("note", "changes"),
    [
        ("Training steps scaled by 0.02.", Changes(scale=0.02)),
        ("Training steps scaled by 1e-05.", Changes(scale=1e-5)),
        ("Set on top of the suite: seeds=[1], a.b=c.", Changes(set=("seeds=[1], a.b=c",))),
        ("Bundled subsets used (20,000 training images each).", Changes(embedded=True)),
        ("Something else.", Changes()),
    ],
)
def test_the_notes_of_a_record_without_changes_tell_of_them(
    note: str, changes: Changes, record: RunRecord, tmp_path: Path
) -> None:
    content = {**replace(record, notes=(note,)).content, "mark": ""}
    del content["changes"]
    write_sealed(tmp_path / "run.json", content)
    assert read_record(tmp_path).changes == changes
    made = replace(record, changes=changes)
    write_record(tmp_path, made)
    assert read_record(tmp_path).changes == changes


def test_a_record_of_the_former_format_is_read(record: RunRecord, tmp_path: Path) -> None:
    write_sealed(tmp_path / "run.json", former(record))
    found = read_record(tmp_path)
    for kind in {*reported()} - {"added", "distance"}:  # which the former format had not
        assert list(found.of(kind)) == list(record.of(kind))
    scored = [cell.key for cell in record.of("score") if cell.at.part == "held_out"]
    assert [cell.key for cell in found.of("score") if cell.at.part == "held_out"] == scored
    assert found.planned == tuple(cell.key for cell in record.cells)
    assert replace(found, cells=(), planned=None, checksum="") == replace(record, cells=())


def test_a_record_of_another_format_is_refused_with_the_formats_that_are_read(
    record: RunRecord, tmp_path: Path
) -> None:
    write_sealed(tmp_path / "run.json", {**record.content, "format": 3})
    with pytest.raises(OodBenchError, match=r"run\.json: format 3, and this reads 1 and 2"):
        read_record(tmp_path)


@pytest.mark.parametrize("trainings", [None, {}, [1], [{"model": "glow"}], [{"key": "x"}]])
def test_a_record_of_the_former_format_with_lists_that_are_none_is_refused(
    record: RunRecord, tmp_path: Path, trainings: Any
) -> None:
    write_sealed(tmp_path / "run.json", {**former(record), "trainings": trainings})
    with pytest.raises(OodBenchError, match=r"run\.json is damaged"):
        read_record(tmp_path)


def read_sealed_digest(folder: Path) -> str:
    digest: str = json.loads((folder / "run.json").read_text())["digest"]
    return digest


def changed(record: RunRecord, kind: str, **changes: str) -> RunRecord:
    """Change the address of the first cell of a kind."""
    cells = list(record.cells)
    place, cell = next(found for found in enumerate(cells) if found[1].kind == kind)
    cells[place] = replace(cell, at=replace(cell.at, **changes))  # type: ignore[arg-type]
    return replace(record, cells=tuple(cells))


def plugged(record: RunRecord) -> RunRecord:
    return changed(record, "analysis", plugin="./mine.py:Mine")


def test_only_an_own_record_with_plugins_in_files_has_a_mark(
    record: RunRecord, tmp_path: Path
) -> None:
    key = tmp_path / "state/ood-bench/key"
    write_record(tmp_path, record)
    assert not read_record(tmp_path).own
    assert not key.exists()
    write_record(tmp_path, plugged(record))
    assert read_record(tmp_path).own
    assert key.stat().st_mode & 0o077 == 0
    write_record(tmp_path, replace(plugged(record), base=""))
    assert not read_record(tmp_path).own


@pytest.mark.parametrize("change", [{"base": "/elsewhere"}, {"title": "x"}, {"mark": "é"}])
def test_a_changed_record_is_nobodys_own(
    record: RunRecord, tmp_path: Path, change: dict[str, Any]
) -> None:
    write_record(tmp_path, plugged(record))
    write_sealed(tmp_path / "run.json", {**read_sealed(tmp_path / "run.json"), **change})
    assert not read_record(tmp_path).own


def test_without_a_place_for_the_key_no_run_is_ones_own(
    record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    write_record(tmp_path, plugged(record))
    assert not read_record(tmp_path).own


def test_a_damaged_key_is_made_anew(record: RunRecord, tmp_path: Path) -> None:
    key = tmp_path / "state/ood-bench/key"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"short")
    write_record(tmp_path, plugged(record))
    assert read_record(tmp_path).own


@pytest.mark.parametrize("name", ["./evil.py:X", "/evil.py:X", "antigravity:X"])
def test_a_registry_without_trust_imports_what_is_registered_alone(name: str) -> None:
    registry = Registry(trust=False)
    assert registry.load("analyses", "histogram").__name__ == "Histogram"
    with pytest.raises(PluginError, match="--trust-code"):
        registry.load("analyses", name)


def test_an_analysis_that_an_archive_leaves_out_is_named_with_its_glob(record: RunRecord) -> None:
    glob = "analysis/glow@*/extremes"
    (left_out,) = without_figures(record, (glob,)).skips[len(record.skips) :]
    assert left_out.cell == "analysis/glow@low/0/extremes"
    assert left_out.reason == f"figure and table left out: --skip {glob}"
