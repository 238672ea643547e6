"""A trained model from the cells of a store: its training, and what was scored for it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ood_bench.cells import MANIFEST, WEIGHTS
from ood_bench.data import Shape
from ood_bench.hashing import canonical
from ood_bench.scoring.trained import HeldOut, TrainedModel
from ood_bench.statistics import LABEL
from ood_bench.store import Store
from ood_bench.typed import typed
from ood_bench.zoo.layout import DATA, TRAINING


class Trained(BaseModel):
    """What the options of a training's cell must say."""

    model_config = ConfigDict(frozen=True)

    plugin: str
    revision: int | str
    options: dict[str, Any]
    shape: Shape
    seed: int
    recipe: dict[str, Any]
    data: str


class Scored(BaseModel):
    """What the options of a statistic's cell must say."""

    model_config = ConfigDict(frozen=True)

    statistic: str
    revision: int


def of_cell(
    store: Store, key: str, *, base: Path, trust: bool, scored: Iterable[str]
) -> TrainedModel:
    """Return the model of a finished training cell.

    Args:
        store: Where the cell lies.
        key: The training cell.
        base: The folder that a plugin in a file is relative to, its suite's.
        trust: Whether code may be run that no installed package registers.
        scored: Keys of cells in which columns of the model's held-out images may lie; others
            are passed over.

    Raises:
        StoreError: If the cell is not finished, or damaged.
    """
    manifest = store.manifest(key)
    where = store.told(key, MANIFEST)
    options = typed(canonical(manifest["options"]), Trained, where)
    return TrainedModel(
        name=manifest["name"].removeprefix("train/"),
        plugin=options.plugin,
        revision=options.revision,
        options=options.options,
        shape=options.shape,
        seed=options.seed,
        recipe=options.recipe,
        data=store.read_typed(key, DATA, dict[str, Any]),
        weights=store.file(key, WEIGHTS),
        held_out=dict(_held_out(store, key, options, scored)),
        base=base,
        trust=trust,
        training=store.read_typed(key, TRAINING, dict[str, Any]),
    )


def scored_in_store(store: Store) -> Iterator[str]:
    """Yield the cells of held-out images in a store, for a model without a run."""
    for path in sorted(store.root.glob(f"cells/*/{MANIFEST}")):
        with suppress(OSError):
            if b'"held_out"' in path.read_bytes():
                yield path.parent.name


def _held_out(
    store: Store, key: str, options: Trained, scored: Iterable[str]
) -> Iterator[tuple[str, HeldOut]]:
    recipe = options.recipe
    same = {
        "data": options.data,
        "part": "held_out",
        "validation": recipe.get("validation"),
        "held_out": recipe.get("held_out"),
    }
    for cell in sorted({*scored}):
        if not store.has(cell):
            continue
        manifest = store.manifest(cell)
        given = manifest["options"]
        if (
            manifest["kind"] == "score"
            and manifest["inputs"] in ({}, {"model": key})
            and same.items() <= given.items()
            and given.get("statistic") != LABEL
        ):
            of = typed(canonical(given), Scored, store.told(cell, MANIFEST))
            for name, values in store.read_columns(cell).items():
                yield name, HeldOut(of.statistic, of.revision, values)
