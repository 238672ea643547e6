"""Runs in a results folder: all of them, and the one that a name stands for."""

import logging
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ood_bench.cells import reported
from ood_bench.errors import OodBenchError, did_you_mean
from ood_bench.packed import DAMAGE
from ood_bench.runs.archive import is_archive
from ood_bench.runs.changes import WHOLE, Changes
from ood_bench.runs.record import CELLS, RECORD, read_record
from ood_bench.store import Store

log = logging.getLogger(__name__)

LATEST = "@latest"


def find_run(results: Path, name: str | None, *, trained: bool = False) -> Path:
    """Find a run's folder.

    Args:
        results: The folder of all runs.
        name: A folder; the name of one in `results`, the run's id; or a suite's name, which
            stands for the newest run of the whole suite as it is written, and if there is none
            for the newest run, with a warning. `NAME@latest` is the newest of all runs of a
            suite. None is the newest run of all.
        trained: Whether its trained models are needed: then None is the newest whole run that is
            no archive.

    Raises:
        OodBenchError: If there is no such run, or a record that must be read is damaged.
    """
    if name is not None and (Path(name) / RECORD).is_file():
        return Path(name)
    folders = _by_age(results)
    known = {*(folder.name for folder in folders), *map(_suite, folders)}
    if name is not None and name.removesuffix(LATEST) not in known and Path(name).is_dir():
        raise OodBenchError(_without_record(Path(name)))
    if not folders:
        raise OodBenchError(f"{results}: no run lies here; start one with 'ood-bench run SUITE'")
    if name is None:
        if not trained:
            return folders[-1]
        kept = [folder for folder in folders if not is_archive(folder)]
        return _whole(kept or folders, "no run here is of a whole suite")
    exact = [folder for folder in folders if folder.name == name]
    if exact:
        return exact[-1]
    suite = name.removesuffix(LATEST)
    matching = [folder for folder in folders if _suite(folder) == suite]
    if not matching:
        raise OodBenchError(f"no run '{name}' in {results}{did_you_mean(name, known)}")
    if name.endswith(LATEST):
        return matching[-1]
    return _whole(matching, f"no run of {suite} is of the whole suite")


def _without_record(folder: Path) -> str:
    """Return what a folder holds that is neither a run nor an archive."""
    report = folder / "report.md"
    if report.is_file():
        return f"{folder} holds a report but no record of its run ({RECORD}): read {report}"
    return f"{folder}: no run lies here ({RECORD} is missing)"


def _by_age(results: Path) -> list[Path]:
    """Return the folders of all runs, the newest last."""
    records = sorted(results.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    return [path.parent for path in records]


def _suite(folder: Path) -> str:
    """Return what the name of a run's folder begins with, its suite's name."""
    return folder.name.rpartition("-")[0]


def _whole(folders: Sequence[Path], lacking: str) -> Path:
    """Return the newest whole run; if there is none the newest run, with a warning."""
    for folder in reversed(folders):
        if not read_record(folder).changes:
            return folder
    newest = folders[-1]
    log.warning("%s: using %s (%s)", lacking, newest.name, read_record(newest).changes)
    return newest


@dataclass(frozen=True)
class ListedRun:
    """A run in a results folder.

    Attributes:
        name: The suite's name.
        id: The name of its folder.
        when: When it began or ended last.
        changes: How it differs from the whole suite.
        done: How many of its reported cells are finished.
        cells: How many there are.
        meant: Whether the suite's name stands for it.
        damage: What is wrong with its record; then only `id` and `when` are known.
    """

    name: str
    id: str
    when: datetime
    changes: Changes = WHOLE
    done: int = 0
    cells: int = 0
    meant: bool = False
    damage: str = ""


def list_runs(results: Path) -> list[ListedRun]:
    """Return all runs of a results folder, the newest first."""
    return [*_listed(results)]


def _listed(results: Path) -> Iterator[ListedRun]:
    stored = frozenset(Store(results / "store").finished_keys())
    folders = [*reversed(_by_age(results))]
    records = {}
    damaged = {}
    for folder in folders:
        try:
            records[folder] = read_record(folder)
        except OodBenchError as error:
            damaged[folder] = str(error)
    meant: dict[str, Path] = {}
    for whole in (True, False):
        for folder, record in records.items():
            if whole != bool(record.changes):
                meant.setdefault(_suite(folder), folder)
    for folder in folders:
        when = datetime.fromtimestamp((folder / RECORD).stat().st_mtime, UTC).astimezone()
        if folder in damaged:
            yield ListedRun("", folder.name, when, damage=damaged[folder])
            continue
        record = records[folder]
        keys = {cell.key for cell in record.of(*reported())}
        done = keys & (_archived(folder / CELLS) if is_archive(folder) else stored)
        yield ListedRun(
            record.suite,
            folder.name,
            when,
            record.changes,
            len(done),
            len(keys),
            meant.get(_suite(folder)) == folder and _suite(folder) == record.suite,
        )


def _archived(path: Path) -> frozenset[str]:
    """Return the keys of the cells in an archive."""
    try:
        with zipfile.ZipFile(path) as file:
            return frozenset(name.split("/")[1] for name in file.namelist() if name.count("/") == 2)
    except (*DAMAGE, OSError):
        return frozenset()
