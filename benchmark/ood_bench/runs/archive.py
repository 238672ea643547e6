"""A run's cells in one file, without weights: any report can be made from it again."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from ood_bench.cells import COLUMNS, SCORES, TABLE, WEIGHTS, Cells, reported
from ood_bench.errors import OodBenchError
from ood_bench.files import unfinished
from ood_bench.hashing import file_sha256
from ood_bench.results import Omission
from ood_bench.runs.record import CELLS, RunRecord, write_record
from ood_bench.runs.zipped import DAMAGE, ZippedCells
from ood_bench.store import Store

_STAMP = (1980, 1, 1, 0, 0, 0)


def archive(record: RunRecord, store: Cells, folder: Path, *, scores: bool = True) -> RunRecord:
    """Write a run's record and all finished cells that it rests on, without weights.

    Statistics and scores are Parquet files in `cells.zip`, `cells/<key>/columns.parquet` and
    `scores.parquet`; the `manifest.json` beside each says what they are of. Hashes of images,
    which only the audit reads, are left out. The same cells give the same bytes. The record holds
    their checksum, so that its own is one over all.

    Args:
        record: The run.
        store: Where its cells lie.
        folder: Where the files go; each is written whole or not at all.
        scores: Whether the detectors' scores go in, which follow from the statistics.

    Returns:
        The archive's record.
    """
    keys = cells_of(record, store)
    hashes = {
        key for key in keys if store.manifest(key)["options"].get("statistic") == "image_hash"
    }
    without = {WEIGHTS} if scores else {WEIGHTS, SCORES}
    with unfinished(folder / CELLS) as path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for key in sorted(keys):
                unwanted = without | {TABLE} if key in record.hidden else without
                if key in hashes:
                    unwanted = unwanted | {COLUMNS}
                for name, content in sorted(store.read_files(key, without=unwanted).items()):
                    file.writestr(zipfile.ZipInfo(f"cells/{key}/{name}", _STAMP), content)
        archived = replace(record, base="", own=False, planned=None, zipped=file_sha256(path))
    return write_record(folder, archived)


def is_archive(folder: Path) -> bool:
    """Tell whether a run's folder holds its own cells."""
    return (folder / CELLS).is_file()


@contextmanager
def store_of(folder: Path, results: Path, record: RunRecord) -> Iterator[Cells]:
    """Give the store of a run: its own archive if it has one, else that of all runs.

    Args:
        folder: The run's folder.
        results: The folder of all runs.
        record: The run's record.

    Raises:
        OodBenchError: If the archive is damaged.
    """
    path = folder / CELLS
    if not is_archive(folder) and not record.zipped:
        yield Store(results / "store")
        return
    try:
        if file_sha256(path) != record.zipped:
            raise OodBenchError(f"{path} is damaged: it is not what was archived with the record")
        file = zipfile.ZipFile(path)
    except (*DAMAGE, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OodBenchError(f"{path} is damaged: {reason}") from error
    with file:
        yield ZippedCells(file)


def cells_of(record: RunRecord, store: Cells) -> set[str]:
    """Return the keys of all finished cells that a run's results come from."""
    left = [cell.key for cell in record.of(*reported())]
    found = set[str]()
    while left:
        key = left.pop()
        if key not in found and store.has(key):
            found.add(key)
            left += store.inputs(key).values()
    return found


def computing_seconds(record: RunRecord, store: Cells) -> float:
    """Return the time that a run's finished cells took, in whichever run they were computed."""
    return sum(map(store.seconds, cells_of(record, store)))


def without_figures(record: RunRecord, globs: tuple[str, ...]) -> RunRecord:
    """Return a record without the tables and figures of some analyses; their findings stay.

    Args:
        record: A run.
        globs: Over the names of the analyses' cells.

    Raises:
        OodBenchError: If a glob matches none.
    """
    names = {
        f"analysis/{cell.at.label}/{cell.at.analysis}": cell.key for cell in record.of("analysis")
    }
    hidden: dict[str, Omission] = {}
    for glob in globs:
        matching = [name for name in names if fnmatchcase(name, glob)]
        if not matching:
            raise OodBenchError(f"--skip {glob}: the run has no analysis of such a name")
        for name in matching:
            hidden[names[name]] = Omission(name, f"figure and table left out: --skip {glob}")
    return replace(
        record,
        hidden=(*record.hidden, *hidden),
        skips=(*record.skips, *hidden.values()),
    )
