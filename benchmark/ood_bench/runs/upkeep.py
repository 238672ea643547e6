"""Disk space of a store: the cells that runs need, and freeing the others."""

import os
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ood_bench.errors import OodBenchError
from ood_bench.files import clear_unfinished
from ood_bench.runs.archive import is_archive
from ood_bench.runs.record import RECORD, read_record
from ood_bench.store import Store

DAMAGED = "damaged"
UNFINISHED_WORK = "unfinished work"


@dataclass
class Space:
    """Count and bytes of one kind of content of a store.

    `unneeded` and `unneeded_bytes` count what no run needs.
    """

    count: int = 0
    bytes: int = 0
    unneeded: int = 0
    unneeded_bytes: int = 0

    def add(self, size: int, *, needed: bool) -> None:
        """Count one more."""
        self.count += 1
        self.bytes += size
        if not needed:
            self.unneeded += 1
            self.unneeded_bytes += size


def needed_by_runs(results: Path) -> set[str]:
    """Return the keys of all cells that the runs of a results folder plan, finished or not.

    Raises:
        OodBenchError: If there is no run, or a record cannot be read: its needs are then
            unknown.
    """
    folders = [path.parent for path in sorted(results.glob(f"*/{RECORD}"))]
    folders = [folder for folder in folders if not is_archive(folder)]
    if not folders:
        raise OodBenchError(f"{results}: no run lies here that says what of the store it needs")
    needed: set[str] = set()
    for folder in folders:
        record = read_record(folder)
        if record.planned is None:
            raise OodBenchError(
                f"{folder / RECORD}: does not say what it needs; run the suite again"
            )
        needed.update(record.planned, (cell.key for cell in record.cells))
    return needed


def space_of(store: Store, needed: Collection[str]) -> dict[str, Space]:
    """Return the disk space of a store by kind of cell.

    Checksums are not computed, so a cell counts as damaged only if its manifest is unreadable.

    Args:
        store: The store.
        needed: Keys of the cells that are needed.
    """
    found: dict[str, Space] = defaultdict(Space)
    finished = {*store.finished_keys()}
    for key in finished:
        found[store.kind(key) or DAMAGED].add(_size(store.path(key)), needed=key in needed)
    for key in store.unfinished_keys():
        wanted = key in needed and key not in finished
        found[UNFINISHED_WORK].add(_size(store.partial(key)), needed=wanted)
    return dict(sorted(found.items()))


def free(store: Store, results: Path, needed: Collection[str]) -> dict[str, Space]:
    """Remove unneeded cells and unfinished work, and return what was removed.

    Work in progress of live processes and what they have written meanwhile stay. Remains of
    interrupted writers in the results folder are removed too.
    """
    gone: dict[str, Space] = defaultdict(Space)
    finished, unfinished = {*store.finished_keys()}, {*store.unfinished_keys()}
    for key in (finished | unfinished) - {*needed} | finished & unfinished:
        lock = store.lock(key)
        if not lock.take():
            continue
        try:
            if key in needed:
                if store.has(key):  # what is left of the work on it is of no use
                    gone[UNFINISHED_WORK].add(_size(store.partial(key)), needed=False)
                    store.clear_partial(key)
                continue
            if os.path.lexists(store.path(key)):
                gone[store.kind(key) or DAMAGED].add(_size(store.path(key)), needed=False)
            if os.path.lexists(store.partial(key)):
                gone[UNFINISHED_WORK].add(_size(store.partial(key)), needed=False)
            store.remove(key)
        finally:
            lock.release()
    store.clear()
    clear_unfinished(results)
    return dict(sorted(gone.items()))


def _size(path: Path) -> int:
    files = [path] if not path.is_dir() else path.rglob("*")
    return sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())
