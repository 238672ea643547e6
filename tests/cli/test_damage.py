"""Every file of a store, an archive and an exported model, damaged in every way: one line."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import Command
from tests.stored import members, unpack

from ood_bench.cells import KINDS
from ood_bench.store import Store

DEEP = b"[" * 100_000


def flipped(content: bytes) -> bytes:
    """Return a content with one bit of its middle byte changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x20]) + content[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": flipped,
    "not JSON": lambda _: b"no\x00 JSON \xff",
    "null": lambda _: b"null",
    "list": lambda _: b"[1]",
    "number": lambda _: b"1e999",
    "deep": lambda _: DEEP,
}


@contextmanager
def damaged(path: Path, damage: str) -> Iterator[None]:
    """Damage a file for a while."""
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes(DAMAGES[damage](content))
    try:
        yield
    finally:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(content)


class Places(NamedTuple):
    """Where a finished run lies, its archive, and a model of it."""

    results: Path
    run: Path
    archive: Path
    model: Path
    images: Path


@pytest.fixture(scope="module")
def places(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Copies that this module may damage; nothing is in them yet but the run."""
    folder = tmp_path_factory.mktemp("damage")
    shutil.copytree(finished / "results", folder / "results")
    (run,) = (folder / "results").glob("tiny-*")
    images = finished / "high.npz"
    return Places(folder / "results", run, folder / "kept", folder / "exported", images)


@pytest.fixture
def at_hand(places: Places, ood_bench: Command) -> Places:
    """The same with an archive and an exported model, made by the first test that asks."""
    if not places.model.exists():
        results = ("--results", places.results)
        assert ood_bench("archive", places.run, *results, "-o", places.archive).status == 0
        assert ood_bench("models", "export", "glow", *results, "-o", places.model).status == 0
    return places


def answered(ood_bench: Command, *arguments: object) -> tuple[int, str]:
    """Run a command that ends in one line for what is wrong; nothing else may escape it."""
    done = ood_bench(*arguments)
    assert done.status in (0, 1, 2)
    assert "Traceback" not in done.err
    if done.status:
        assert len(done.err.strip().splitlines()[-1]) < 600
        assert done.err.strip()
    return done.status, done.err


def rows(path: Path) -> set[tuple[str, ...]]:
    with path.open(newline="") as file:
        return {tuple(row) for row in csv.reader(file)}


ALL = [*DAMAGES, "missing", "folder"]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", sorted({kind.family for kind in KINDS}))
def test_a_damaged_cell_is_named_and_no_other_value_is_reported(
    at_hand: Places, ood_bench: Command, tmp_path: Path, kind: str, *, packed: bool
) -> None:
    results = ("--results", at_hand.results)
    assert answered(ood_bench, "report", *results, "--format=csv", "-o", tmp_path / "a")[0] == 0
    sound = rows(tmp_path / "a/results.csv")
    key = next(
        key
        for key, manifest in members(at_hand.results).items()
        if json.loads(manifest.read_text())["kind"] == kind
    )
    file = at_hand.results / f"store/cells/{key}.zip"
    cell = file if packed else unpack(file)
    for path in [file] if packed else sorted(cell.iterdir()):
        for damage in ALL:
            with damaged(path, damage):
                status, said = answered(
                    ood_bench, "report", *results, "--format=csv", "-o", tmp_path / "b"
                )
                assert status == 0
                assert str(cell) in said or (packed and damage == "missing"), path.name
                found = {row[:-1] for row in rows(tmp_path / "b/results.csv") if row[5] != "all"}
                assert found <= {row[:-1] for row in sound}


@pytest.mark.parametrize("damage", ALL)
def test_a_damaged_record_is_one_line_that_names_it_for_every_command(
    at_hand: Places, ood_bench: Command, tmp_path: Path, damage: str
) -> None:
    results = ("--results", at_hand.results)
    for folder in (at_hand.run, at_hand.archive):
        path = folder / "run.json"
        for arguments in (
            ("report", folder, "--format=csv", "-o", tmp_path),
            ("compare", folder, at_hand.archive if folder == at_hand.run else at_hand.run),
            ("archive", folder, "-o", tmp_path / "kept"),
            ("score", "--model=glow", "--run", folder, "--images", at_hand.images),
            ("models", "export", "glow", "--run", folder, "-o", tmp_path / "model"),
        ):
            with damaged(path, damage):
                status, said = answered(ood_bench, *arguments, *results)
            assert status == 2
            without = "no run" in said or "no record of its run (run.json)" in said
            assert str(path) in said or (damage in ("missing", "folder") and without)
            assert len(said.strip().splitlines()) == 1


def test_every_bit_of_a_record_that_says_something_is_seen(
    at_hand: Places, ood_bench: Command, tmp_path: Path
) -> None:
    path = at_hand.run / "run.json"
    content = path.read_bytes()
    arguments = ("report", "--results", at_hand.results, "--format=json", "-o", tmp_path)
    assert ood_bench(*arguments).status == 0
    sound = (tmp_path / "results.json").read_bytes()
    try:
        for position in range(7, len(content), len(content) // 60):
            changed = bytearray(content)
            changed[position] ^= 0x04
            path.write_bytes(changed)
            if answered(ood_bench, *arguments)[0] == 0:
                assert (tmp_path / "results.json").read_bytes() == sound
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("damage", ALL)
def test_a_damaged_file_of_an_archive_is_named_or_made_again(
    at_hand: Places, ood_bench: Command, damage: str, tmp_path: Path
) -> None:
    kept = at_hand.archive
    page = (kept / "report.md").read_bytes()
    with damaged(kept / "cells.zip", damage):
        for arguments in (
            ("report", kept, "--format=csv", "-o", tmp_path),
            ("compare", kept, at_hand.run),
            ("archive", kept, "-o", tmp_path / "again"),
        ):
            status, said = answered(ood_bench, *arguments, "--results", at_hand.results)
            assert (status, str(kept / "cells.zip") in said) == (2, True)
            assert len(said.strip().splitlines()) == 1
    figure = next((kept / "figures").glob("histogram*.png"))
    table = next((kept / "tables").glob("roc*.csv"))
    for path in (figure, table, kept / "made.json"):
        sound, made = path.read_bytes(), tmp_path / path.name
        with damaged(path, damage):
            status, said = answered(ood_bench, "report", kept, "-o", made)
            assert status == 0
            named = damage == "missing" and path.name == "made.json"
            assert named or str(path) in said
            assert (made / path.relative_to(kept)).read_bytes() == sound
            assert (made / "report.md").read_bytes() == page


@pytest.mark.parametrize("name", ["model.json", "held_out.parquet", "weights.safetensors"])
def test_a_damaged_file_of_a_model_is_one_line_that_names_it(
    at_hand: Places, ood_bench: Command, name: str
) -> None:
    path = at_hand.model / name
    for damage in ALL:
        with damaged(path, damage):
            status, said = answered(
                ood_bench, "score", "--model", at_hand.model, "--images", at_hand.images
            )
        assert status == 2
        assert str(path) in said or (name == "model.json" and str(at_hand.model) in said)
        assert len(said.strip().splitlines()) == 1


def test_a_damaged_cell_that_has_nothing_to_do_with_it_does_not_keep_a_model_from_scoring(
    at_hand: Places, ood_bench: Command, tmp_path: Path
) -> None:
    store = Store(at_hand.results / "store")
    results = ("--results", at_hand.results)
    names = {store.manifest(key)["name"]: key for key in store.finished_keys()}
    odd = store.path(next(names[name] for name in sorted(names) if name.startswith("audit/")))
    odd = odd if odd.is_file() else odd / "manifest.json"
    training = store.path(names["train/glow@low/0"])
    for damage in ALL:
        with damaged(odd, damage):
            for model in ("glow", training):
                arguments = ("score", "--model", model, "--images", at_hand.images)
                assert answered(ood_bench, *arguments, *results)[0] == 0
            exported = ("models", "export", "glow", "-o", tmp_path / damage)
            assert answered(ood_bench, *exported, *results)[0] == 0


def test_a_damaged_index_of_data_is_made_again(
    at_hand: Places, ood_bench: Command, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    monkeypatch.setattr("ood_bench.data.index.GRANULARITY", -(10**18))  # files of this moment
    arguments = ("run", finished / "tiny.yaml", "--dry-run", "--results", at_hand.results)
    assert ood_bench(*(word for word in arguments if word != "--dry-run")).status == 0
    sound = ood_bench(*arguments)
    assert "74 stored, 0 to run" in sound.out
    paths = sorted(at_hand.results.glob("store/data/*.json"))[:2]
    assert len(paths) == 2
    were = {path: json.loads(path.read_text()) for path in paths}
    for path, before in were.items():
        for damage in ALL:
            with damaged(path, damage):
                assert ood_bench(*arguments).out == sound.out, damage
        edited = {**before, "content": {**before["content"], "count": 7}}
        path.write_text(json.dumps(edited))
        assert ood_bench(*arguments).out == sound.out
    assert ood_bench(*(word for word in arguments if word != "--dry-run")).status == 0
    for path, before in were.items():
        assert json.loads(path.read_text()) == before
