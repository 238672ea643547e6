"""Archives that somebody changed: a report or one line of error, never anything else."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import Command
from tests.forged import forge, keys_of, replace_file, replace_manifest

from ood_bench import load_run
from ood_bench.errors import OodBenchError
from ood_bench.files import read_sealed, write_sealed
from ood_bench.report import run_document
from ood_bench.report.html import html
from ood_bench.report.latex import latex
from ood_bench.report.markdown import markdown
from ood_bench.report.tidy import csv_text, json_text
from ood_bench.runs import collect, read_record, store_of


def edited(**changes: Any) -> Callable[[Any], Any]:
    return lambda content: {**content, **changes}


def first(field: str, **changes: Any) -> Callable[[Any], Any]:
    """Return an edit of the first of a list in a record."""
    return lambda content: {**content, field: [{**content[field][0], **changes}]}


def addressed(kind: str, key: str | None = None, **changes: Any) -> Callable[[Any], Any]:
    """Return an edit of the first cell of a kind: of its key or its address."""

    def edit(content: Any) -> Any:
        cell = next(cell for cell in content["cells"] if cell["kind"] == kind)
        changed = {**cell, "key": key or cell["key"], "at": {**cell["at"], **changes}}
        return {**content, "cells": [changed]}

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        lambda _: [1],
        lambda _: None,
        lambda _: 7,
        lambda _: {},
        edited(format=3),
        edited(format=None),
        edited(level=2.0),
        edited(level="0.95"),
        edited(suite="../../etc"),
        edited(suite="=cmd"),
        edited(claims=[{"id": 1}]),
        edited(cells={}),
        edited(manifest=[]),
        edited(manifest={"x": 1}),
        edited(notes=["\x1b[2J"]),
        edited(title="\x9b31m"),
        edited(hidden=["../x"]),
        addressed("detection", model="=cmd|calc!A0"),
        addressed("detection", detector="@x"),
        addressed("detection", key="../../../../etc"),
        addressed("detection", seed="0"),
        addressed("train", model="a\nb"),
        addressed("analysis", options=[]),
        addressed("analysis", analysis="-x"),
        addressed("bpd", part="all"),
        first("data", info={"shape": [1, 2]}),
        first("data", name="\u202ex"),
    ],
)
def test_a_record_that_is_none_is_one_line(
    archive: Path, tmp_path: Path, ood_bench: Command, edit: Callable[[Any], Any]
) -> None:
    folder = forge(archive, tmp_path / "kept", record=edit)
    for arguments in (("report", folder), ("compare", folder, archive)):
        done = ood_bench(*arguments)
        assert done.status == 2
        assert str(folder / "run.json") in done.err
        assert len(done.err.splitlines()) == 1
        assert "\u202e" not in done.err
    with pytest.raises(OodBenchError):
        load_run(folder)


MANIFESTS = [b"[1]", b"null", b"7", b"{}", b"no JSON", b"", b"[" * 100_000, b'{"files": []}']


@pytest.mark.parametrize("text", MANIFESTS, ids=lambda text: text[:12].decode())
def test_a_manifest_that_is_none_is_one_line(
    archive: Path, tmp_path: Path, ood_bench: Command, text: bytes
) -> None:
    def edit(files: dict[str, bytes]) -> None:
        replace_manifest(files, keys_of(files)["train/glow@low/0"], text)

    folder = forge(archive, tmp_path / "kept", cells=edit)
    for arguments in (
        ("report", folder, "-o", tmp_path / "a"),
        ("compare", folder, archive),
        ("archive", folder, "-o", tmp_path / "b"),
    ):
        done = ood_bench(*arguments)
        assert done.status == 2
        assert "manifest.json is damaged" in done.err
        assert len(done.err.splitlines()) == 1


def test_a_manifest_of_another_cell_is_refused(archive: Path, tmp_path: Path) -> None:
    def swap(files: dict[str, bytes]) -> None:
        keys = keys_of(files)
        one, other = keys["train/glow@low/0"], keys["train/cv-glow@low/0"]
        for name in [name for name in files if f"/{other}/" in name]:
            files[name] = files[name.replace(other, one)]

    folder = forge(archive, tmp_path / "kept", cells=swap)
    with pytest.raises(OodBenchError, match="is that of another cell"):
        load_run(folder).results  # noqa: B018


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", '"0.5"', "null", "1.5", "-1e300"])
def test_a_metric_that_is_no_number_is_refused_in_a_line_that_names_the_cell(
    archive: Path, tmp_path: Path, ood_bench: Command, number: str
) -> None:
    changed_name: list[str] = []

    def edit(files: dict[str, bytes]) -> None:
        keys = keys_of(files)
        names = [
            name
            for name in keys
            if "/likelihood" in name
            and "metrics.json" in str(files[f"cells/{keys[name]}/manifest.json"])
        ]
        changed_name.append(names[0])
        text = files[f"cells/{keys[names[0]]}/metrics.json"].decode()
        changed = json.loads(text)
        changed["measures"]["auroc"][0] = "HERE"
        told = json.dumps(changed).replace('"HERE"', number)
        replace_file(files, keys[names[0]], "metrics.json", told.encode())

    folder = forge(archive, tmp_path / "kept", cells=edit)
    done = ood_bench("report", folder)
    assert done.status == 2
    assert "metrics.json (" in done.err
    assert changed_name[0] in done.err
    assert len(done.err.splitlines()) == 1


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo(f"cells/{'0' * 32}/columns.parquet")
        with file.open(entry, "w", force_zip64=True) as stream:
            for _ in range(1025):
                stream.write(bytes(1 << 20))


def entries(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, b"x")

    return write


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("write", "message"),
    [
        (bomb, "would be 1,074,790,400 bytes"),
        (entries("../../x"), "is no file of a cell"),
        (entries("/etc/passwd"), "is no file of a cell"),
        (entries(f"cells/{'0' * 32}/../x"), "is no file of a cell"),
        (entries(f"cells/{'0' * 32}/.x"), "is no file of a cell"),
        (entries("cells/x/manifest.json"), "is no file of a cell"),
        (entries("a\x1b[31m"), "is no file of a cell"),
        (entries(*[f"cells/{'0' * 32}/a"] * 2), "is in it twice"),
        (lambda path: path.write_bytes(b"PK\x05\x06" + b"\xff" * 18), "is damaged"),
    ],
)
def test_a_hostile_zip_is_one_line_and_nothing_is_unpacked(
    archive: Path,
    tmp_path: Path,
    ood_bench: Command,
    write: Callable[[Path], None],
    message: str,
) -> None:
    from ood_bench.hashing import file_sha256

    folder = forge(archive, tmp_path / "kept")
    write(folder / "cells.zip")
    content = read_sealed(folder / "run.json")
    write_sealed(folder / "run.json", {**content, "zipped": file_sha256(folder / "cells.zip")})
    before = sorted(tmp_path.rglob("*"))
    done = ood_bench("report", folder, "-o", tmp_path / "out")
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert "\x1b" not in done.err
    assert sorted(tmp_path.rglob("*")) == before


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "=x", "../x", "0" * 32, "glow", "a\nb", "\ud7ff"])
)
json_values = (
    scalars
    | st.lists(scalars, max_size=3)
    | st.dictionaries(st.text(max_size=3), scalars, max_size=3)
)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Return all places of a JSON value, as what holds them and where."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list):
            found += places_in(item)
    return found


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_change_of_a_record_or_a_cell_gives_anything_but_a_report_or_one_line(
    archive: Path, tmp_path: Path, data: st.DataObject
) -> None:
    def change(value: Any) -> Any:
        spots = places_in(value)
        if not spots:
            return data.draw(json_values)
        holder, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        holder[key] = data.draw(json_values)
        return value

    def change_cell(files: dict[str, bytes]) -> None:
        names = sorted(name for name in files if name.endswith(".json"))
        name = names[data.draw(st.integers(0, len(names) - 1))]
        _, key, file = name.split("/")
        text = json.dumps(change(json.loads(files[name]))).encode()
        if file == "manifest.json":
            replace_manifest(files, key, text)
        else:
            replace_file(files, key, file, text)

    if data.draw(st.booleans()):
        folder = forge(archive, tmp_path / "kept", record=change)
    else:
        folder = forge(archive, tmp_path / "kept", cells=change_cell)
    try:
        record = read_record(folder)
        with store_of(folder, folder, record) as store:
            results = collect(record, store)
    except OodBenchError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    document = run_document(results)
    for write in (csv_text, json_text, markdown, latex, html):
        assert write(document)
