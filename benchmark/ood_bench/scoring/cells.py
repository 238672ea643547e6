"""A trained model from the cells of a store: its training and its held-out columns."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ood_bench.cells import WEIGHTS
from ood_bench.cells.score import Score
from ood_bench.cells.train import Train
from ood_bench.errors import OodBenchError
from ood_bench.runs import RunRecord, read_record
from ood_bench.runs.record import RECORD
from ood_bench.scoring.trained import Course, HeldOut, TrainedModel
from ood_bench.statistics import LABEL
from ood_bench.store import Store
from ood_bench.zoo.layout import COURSE, DATA, TRAINING


def of_cell(
    store: Store, key: str, *, base: Path, trust: bool, scored: Iterable[str]
) -> TrainedModel:
    """Return the model of a finished training cell.

    Args:
        store: The store of the cell.
        key: The training cell.
        base: The folder that a plugin in a file is relative to, its suite's.
        trust: Whether to run code that no installed package registers.
        scored: Keys of cells that may hold columns of the model's held-out images; others are
            ignored.

    Raises:
        StoreError: If the cell is not finished, or damaged.
    """
    spec = store.spec(key, Train)
    return TrainedModel(
        name=store.manifest(key)["name"].removeprefix("train/"),
        plugin=spec.plugin,
        revision=spec.revision,
        options=spec.options,
        shape=spec.shape,
        seed=spec.seed,
        recipe=spec.recipe,
        data=store.read_typed(key, DATA, dict[str, Any]),
        weights=store.file(key, WEIGHTS),
        held_out=dict(_held_out(store, key, spec, scored)),
        base=base,
        trust=trust,
        training=store.read_typed(key, TRAINING, dict[str, Any]),
        course=Course(store.file(key, COURSE), spec.probes) if spec.probes else None,
    )


def held_out_cells(record: RunRecord, key: str) -> Iterator[str]:
    """Yield the cells of a run that may hold columns of held-out images under a trained model."""
    labels = {cell.at.label for cell in record.of("train") if cell.key == key}
    for cell in record.of("score"):
        if cell.at.part == "held_out" and (not cell.at.model or cell.at.label in labels):
            yield cell.key


def held_out_in_runs(store: Store, key: str) -> Iterator[str]:
    """Yield the same for a trained model without a run, from all runs beside the store."""
    for path in sorted(store.root.parent.glob(f"*/{RECORD}")):
        try:
            record = read_record(path.parent)
        except OodBenchError:
            continue
        if any(cell.key == key for cell in record.of("train")):
            yield from held_out_cells(record, key)


def _held_out(
    store: Store, key: str, of: Train, scored: Iterable[str]
) -> Iterator[tuple[str, HeldOut]]:
    whole = of.recipe.get("whole")
    sizes = (of.recipe.get("validation"), of.recipe.get("held_out"), whole and tuple(whole))
    for cell in sorted({*scored}):
        if not store.has(cell):
            continue
        spec = store.spec(cell, Score)
        if (
            spec.model in (None, key)
            and not spec.member
            and (spec.data, spec.part) == (of.data, "held_out")
            and (spec.validation, spec.held_out, spec.whole) == sizes
            and spec.statistic != LABEL
            and spec.revision is not None
        ):
            for name, values in store.read_columns(cell).items():
                yield name, HeldOut(spec.statistic, spec.revision, values)
