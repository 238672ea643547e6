"""Archives: a run's cells in one file, without weights, from which any report can be made."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from ood_bench.cells import COLUMNS, SCORES, TABLE, WEIGHTS, Cells, reported
from ood_bench.cells.detect import Detect
from ood_bench.errors import OodBenchError
from ood_bench.files import unfinished
from ood_bench.hashing import file_sha256
from ood_bench.packed import DAMAGE
from ood_bench.results import Omission
from ood_bench.runs.record import CELLS, RunRecord, write_record
from ood_bench.runs.zipped import ZippedCells
from ood_bench.store import Store

NOT_KEPT = "figure and table left out: --skip "
"""Beginning of the reason of what an archive leaves out, though the run made it."""
_STAMP = (1980, 1, 1, 0, 0, 0)


def archive(record: RunRecord, store: Cells, folder: Path, *, scores: bool = True) -> RunRecord:
    """Write a run's record and all its finished cells, without weights.

    Statistics and scores are Parquet files in `cells.zip`, `cells/<key>/columns.parquet` and
    `scores.parquet`; the `manifest.json` beside each holds its options and inputs. Hashes of
    images, which only the audit reads, are left out, and so are, if scores are included, columns of
    training images that only detectors read: a classifier's features of them are most of a run.
    Equal cells give equal bytes. The record contains their checksum, so its own checksum covers
    everything.

    Args:
        record: The run.
        store: The store of its cells.
        folder: The target folder; each file is written atomically.
        scores: Whether to include the detectors' scores, which follow from the statistics.

    Returns:
        The archive's record.
    """
    keys = cells_of(record, store)
    hashes = {
        key for key in keys if store.manifest(key)["options"].get("statistic") == "image_hash"
    }
    unread = hashes | (_fitted_on(keys, store) if scores else set())
    without = {WEIGHTS} if scores else {WEIGHTS, SCORES}
    with unfinished(folder / CELLS) as path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for key in sorted(keys):
                unwanted = without | {TABLE} if key in record.hidden else without
                if key in unread:
                    unwanted = unwanted | {COLUMNS}
                for name, content in sorted(store.read_files(key, without=unwanted).items()):
                    file.writestr(zipfile.ZipInfo(f"cells/{key}/{name}", _STAMP), content)
        archived = replace(record, base="", own=False, planned=None, zipped=file_sha256(path))
    return write_record(folder, archived)


def _fitted_on(keys: Iterable[str], store: Cells) -> set[str]:
    """Return the cells with columns of training images that only detectors are fitted on."""
    train, others = set[str](), set[str]()
    for key in keys:
        if store.manifest(key)["kind"] == Detect.kind:
            spec = store.spec(key, Detect)
            train.update(spec.train.values())
            others.update(spec.held_out.values(), spec.images.values())
        else:
            others.update(store.inputs(key).values())
    return train - others


def is_archive(folder: Path) -> bool:
    """Return whether a run's folder is an archive with its own cells."""
    return (folder / CELLS).is_file()


@contextmanager
def store_of(folder: Path, results: Path, record: RunRecord) -> Iterator[Cells]:
    """Open the cells of a run: its own archive if it has one, otherwise the common store.

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
    """Return the keys of all finished cells that a run's results depend on."""
    left = [cell.key for cell in record.of(*reported())]
    found = set[str]()
    while left:
        key = left.pop()
        if key not in found and store.has(key):
            found.add(key)
            left += store.inputs(key).values()
    return found


def computing_seconds(record: RunRecord, store: Cells) -> float:
    """Return the seconds that computing a run's finished cells took, in this run or earlier."""
    return sum(map(store.seconds, cells_of(record, store)))


def without_figures(record: RunRecord, globs: tuple[str, ...]) -> RunRecord:
    """Return a record that hides the tables and figures of some analyses; findings stay.

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
            hidden[names[name]] = Omission(name, f"{NOT_KEPT}{glob}")
    return replace(
        record,
        hidden=(*record.hidden, *hidden),
        skips=(*record.skips, *hidden.values()),
    )
