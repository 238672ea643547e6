"""The record of a run: every list of results counts once, and only an own mark is trusted."""

import json
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from ood_bench.data import Library
from ood_bench.errors import PluginError
from ood_bench.files import read_sealed, write_sealed
from ood_bench.plan import PairingRef, build_plan
from ood_bench.registry import Registry
from ood_bench.runs import RunRecord, collect, read_record, write_record
from ood_bench.store import Store
from ood_bench.suite import load_suite


@pytest.fixture
def record(tiny: Path) -> RunRecord:
    """The record of a run in which every list has something."""
    suite = load_suite(tiny, assignments=["evaluation.baseline=likelihood"]).suite
    plan = build_plan(
        load_suite(tiny, assignments=["evaluation.baseline=likelihood"]),
        Registry(),
        Library(root=None, index=None),
    )
    return RunRecord.of(suite, plan, base=tiny.parent)


def test_every_list_of_results_is_among_the_refs_once(record: RunRecord) -> None:
    lists = [
        [item.key for item in getattr(record, field.name)]
        for field in fields(record)
        if isinstance(getattr(record, field.name), tuple)
        and any(hasattr(item, "key") for item in getattr(record, field.name))
    ]
    assert len(lists) == 6
    assert sorted(ref.key for ref in record.refs) == sorted(chain(*lists))


def test_what_is_not_there_yet_is_left_out_and_not_failed(
    record: RunRecord, tmp_path: Path
) -> None:
    found = collect(record, Store(tmp_path / "store"))
    assert found.failures == ()
    count = len({ref.key for ref in record.refs})
    assert [skip.cell for skip in found.skips][-1] == f"{count} results"
    assert any(isinstance(ref, PairingRef) for ref in record.refs)


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
    first, *others = record.trainings
    long = replace(record, trainings=(replace(first, model=f"{'a' * 60}-background"), *others))
    write_record(tmp_path, long)
    assert read_record(tmp_path).trainings == long.trainings


def read_sealed_digest(folder: Path) -> str:
    digest: str = json.loads((folder / "run.json").read_text())["digest"]
    return digest


def plugged(record: RunRecord) -> RunRecord:
    first, *others = record.analyses
    return replace(record, analyses=(replace(first, plugin="./mine.py:Mine"), *others))


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
