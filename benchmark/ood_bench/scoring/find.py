"""Find a trained model by the name that a user gives."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ood_bench.cells import MANIFEST
from ood_bench.cells.metric import BitsMetric
from ood_bench.errors import OodBenchError, did_you_mean
from ood_bench.runs import find_run, read_record
from ood_bench.runs.record import CELLS, RunRecord
from ood_bench.scoring.cells import held_out_cells, held_out_in_runs, of_cell
from ood_bench.scoring.exported import read_exported
from ood_bench.scoring.trained import TestMeasure, TrainedModel
from ood_bench.store import Store
from ood_bench.zoo.index import PREFIX, find_zoo
from ood_bench.zoo.layout import DESCRIPTION


def find_model(
    name: str | Path, *, results: Path, run: str | None = None, trust_code: bool = False
) -> TrainedModel:
    """Find a trained model.

    Args:
        name: `zoo:NAME`; the folder of an exported model; a training's cell in a store; or a model
            of a run as `model`, `model@inside` or `model@inside/seed`, as long as it is
            unique.
        results: The folder of all runs.
        run: The run, as for `find_run`; default: the newest of a whole suite.
        trust_code: Whether to run code that comes with the model and that no installed package
            registers. The user's own runs are trusted anyway.

    Raises:
        OodBenchError: If no model or several match.
    """
    named = str(name).removeprefix(PREFIX)
    folder = Path(name) if named == str(name) else find_zoo(named)
    if (folder / DESCRIPTION).is_file():
        return read_exported(folder, trust_code=trust_code)
    is_cell = folder.suffix == ".zip" and folder.resolve().parent.name == "cells"
    if is_cell or (folder / MANIFEST).is_file():
        store = Store(folder.resolve().parent.parent)
        key = folder.resolve().name.removesuffix(".zip")
        scored = held_out_in_runs(store, key)
        return of_cell(store, key, base=Path(), trust=trust_code, scored=scored)
    if folder.is_dir():
        raise OodBenchError(f"{folder}: neither an exported model nor a training lies here")
    return _of_run(str(name), results, run, trust_code=trust_code)


def _of_run(name: str, results: Path, run: str | None, *, trust_code: bool) -> TrainedModel:
    folder = find_run(results, run, trained=True)
    record = read_record(folder)
    labels = {cell.at.label: cell.key for cell in record.of("train")}
    matching = [
        label
        for label in labels
        if name in (label, label.partition("@")[0], label.rpartition("/")[0])
    ]
    if not matching:
        near = did_you_mean(name, {*labels, *(label.partition("@")[0] for label in labels)})
        raise OodBenchError(f"{folder} has no trained model '{name}'{near}")
    if len(matching) > 1:
        raise OodBenchError(f"{folder}: '{name}' may be {' or '.join(sorted(matching))}; say which")
    if (folder / CELLS).is_file():
        raise OodBenchError(f"{folder} is an archive, which holds no weights; name the run itself")
    store, key = Store(folder.parent / "store"), labels[matching[0]]
    if not store.has(key):
        raise OodBenchError(f"{folder}: {matching[0]} is not trained; run the suite again to go on")
    return _trained(folder, record, store, matching[0], key, trust_code=trust_code)


def models_of(folder: Path) -> Iterator[TrainedModel]:
    """Yield the trained models of a run, each finished training once; of an archive none.

    Args:
        folder: The folder of the run.
    """
    record = read_record(folder)
    if (folder / CELLS).is_file():
        return
    store = Store(folder.parent / "store")
    keys = {cell.key: cell.at.label for cell in record.of("train") if store.has(cell.key)}
    for key, label in keys.items():
        yield _trained(folder, record, store, label, key, trust_code=False)


def _trained(
    folder: Path, record: RunRecord, store: Store, label: str, key: str, *, trust_code: bool
) -> TrainedModel:
    found = of_cell(
        store,
        key,
        base=Path(record.base or folder),
        trust=trust_code or record.own,
        scored=held_out_cells(record, key),
    )
    return replace(found, tested=_tested(record, store, label))


def _tested(record: RunRecord, store: Store, label: str) -> TestMeasure | None:
    """Return the bits per dimension of a model on its inside test images."""
    for cell in record.of("bpd"):
        own = cell.at.data == cell.at.inside and cell.at.part == "test"
        if own and label == cell.at.label and store.has(cell.key):
            bits = BitsMetric.read(store, cell.key).measures["bpd"]
            value, low, high = bits
            return TestMeasure(
                "density-estimation", "bits per dimension", "test", value, (low, high)
            )
    return None
