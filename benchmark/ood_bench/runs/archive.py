"""A run's cells in one file, without weights: any report can be made from it again."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from ood_bench.cells import Cells
from ood_bench.errors import OodBenchError
from ood_bench.files import unfinished
from ood_bench.results import Omission
from ood_bench.runs.record import CELLS, RunRecord
from ood_bench.runs.zipped import ZippedCells
from ood_bench.store import Store

WEIGHTS = "weights.safetensors"
SCORES = "scores.parquet"
COLUMNS = "columns.parquet"
TABLE = "table.parquet"

_STAMP = (1980, 1, 1, 0, 0, 0)


def archive(record: RunRecord, store: Cells, path: Path, *, scores: bool = True) -> int:
    """Write all finished cells that a run rests on, without weights, and return their number.

    Statistics and scores are Parquet files in it, `cells/<key>/columns.parquet` and
    `scores.parquet`; the `manifest.json` beside each says what they are of. Hashes of images,
    which only the audit reads, are left out. The same cells give
    the same bytes.

    Args:
        record: The run.
        store: Where its cells lie.
        path: The file to write, whole or not at all.
        scores: Whether the detectors' scores go in, which follow from the statistics.
    """
    keys = cells_of(record, store)
    hashes = {
        key
        for key in keys
        if store.read_json(key, "manifest.json")["options"].get("statistic") == "image_hash"
    }
    without = {WEIGHTS} if scores else {WEIGHTS, SCORES}
    with (
        unfinished(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for key in sorted(keys):
            unwanted = without | {TABLE} if key in record.hidden else without
            if key in hashes:
                unwanted = unwanted | {COLUMNS}
            for name, content in sorted(store.read_files(key, without=unwanted).items()):
                file.writestr(zipfile.ZipInfo(f"cells/{key}/{name}", _STAMP), content)
    return len(keys)


def is_archive(folder: Path) -> bool:
    """Tell whether a run's folder holds its own cells."""
    return (folder / CELLS).is_file()


@contextmanager
def store_of(folder: Path, results: Path) -> Iterator[Cells]:
    """Give the store of a run: its own archive if it has one, else that of all runs.

    Raises:
        OodBenchError: If the archive is damaged.
    """
    if not is_archive(folder):
        yield Store(results / "store")
        return
    try:
        file = zipfile.ZipFile(folder / CELLS)
    except (zipfile.BadZipFile, OSError) as error:
        raise OodBenchError(f"{folder / CELLS} is damaged: {error}") from error
    with file:
        yield ZippedCells(file)


def cells_of(record: RunRecord, store: Cells) -> set[str]:
    """Return the keys of all finished cells that a run's results come from."""
    left = [
        *(ref.key for ref in record.trainings),
        *(ref.key for ref in record.bpds),
        *(ref.key for ref in record.detections),
        *(ref.key for ref in record.pairings),
        *(ref.key for ref in record.analyses),
        *(ref.key for ref in record.audits),
    ]
    found = set[str]()
    while left:
        key = left.pop()
        if key not in found and store.has(key):
            found.add(key)
            left += store.manifest(key)["inputs"].values()
    return found


def computing_seconds(record: RunRecord, store: Cells) -> float:
    """Return the time that a run's finished cells took, in whichever run they were computed."""
    return sum(
        float(store.read_json(key, "circumstances.json")["seconds"])
        for key in cells_of(record, store)
    )


def without_figures(record: RunRecord, globs: tuple[str, ...]) -> RunRecord:
    """Return a record without the tables and figures of some analyses; their findings stay.

    Args:
        record: A run.
        globs: Over the names of the analyses' cells.

    Raises:
        OodBenchError: If a glob matches none.
    """
    names = {
        f"analysis/{ref.model}@{ref.inside}/{ref.seed}/{ref.analysis}": ref.key
        for ref in record.analyses
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
