"""A trained model from the cells of a store: its training, and what was scored for it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ood_bench.cells import WEIGHTS
from ood_bench.data import Shape
from ood_bench.scoring.trained import HeldOut, TrainedModel
from ood_bench.statistics import LABEL
from ood_bench.store import Store


def of_cell(store: Store, key: str, *, base: Path) -> TrainedModel:
    """Return the model of a finished training cell.

    Its held-out columns are those that any run has scored: of the model, and of its held-out
    images alone.

    Args:
        store: Where the cell lies.
        key: The training cell.
        base: The folder that a plugin in a file is relative to, its suite's.

    Raises:
        StoreError: If the cell is not finished, or damaged.
    """
    manifest = store.read_json(key, "manifest.json")
    options = manifest["options"]
    return TrainedModel(
        name=manifest["name"].removeprefix("train/"),
        plugin=options["plugin"],
        revision=options["revision"],
        options=options["options"],
        shape=Shape(*options["shape"]),
        seed=options["seed"],
        recipe=options["recipe"],
        data=store.read_json(key, "data.json"),
        weights=store.file(key, WEIGHTS),
        held_out=dict(_held_out(store, key, options)),
        base=base,
    )


def _held_out(store: Store, key: str, options: dict[str, Any]) -> Iterator[tuple[str, HeldOut]]:
    recipe = options["recipe"]
    same = {
        "data": options["data"],
        "part": "held_out",
        "validation": recipe["validation"],
        "held_out": recipe["held_out"],
    }
    for path in sorted(store.root.glob("cells/*/manifest.json")):
        cell = json.loads(path.read_text(encoding="utf-8"))
        scored = cell["options"]
        if (
            cell["kind"] == "score"
            and cell["inputs"] in ({}, {"model": key})
            and same.items() <= scored.items()
            and scored["statistic"] != LABEL
            and store.has(path.parent.name)
        ):
            for name, values in store.read_columns(path.parent.name).items():
                yield name, HeldOut(scored["statistic"], scored["revision"], values)
