"""A trained model in a folder of its own, that can be moved, published and scored with."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ood_bench.data import Shape
from ood_bench.errors import OodBenchError, StoreError
from ood_bench.files import unfinished_folder
from ood_bench.hashing import file_sha256
from ood_bench.scoring.cells import WEIGHTS
from ood_bench.scoring.trained import HeldOut, TrainedModel
from ood_bench.store import write_columns

DESCRIPTION = "model.json"
HELD_OUT = "held_out.parquet"
FORMAT = "ood-bench model 1"


def export(model: TrainedModel, folder: Path) -> Path:
    """Write a model to a folder and return it.

    `weights.safetensors` holds the weights, `held_out.parquet` the columns of held-out
    in-distribution images, `model.json` all else, with a checksum of every file. The source of
    a model that lies in a file comes along.

    Args:
        model: The model.
        folder: Where to; made if it is not there.

    Raises:
        OodBenchError: If something lies there that is no exported model.
    """
    taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if taken and not (folder / DESCRIPTION).is_file():
        raise OodBenchError(f"{folder}: not empty and no exported model; name a new folder")
    with unfinished_folder(folder) as new:
        _write(model, new)
    return folder


def _write(model: TrainedModel, folder: Path) -> None:
    shutil.copyfile(model.weights, folder / WEIGHTS)
    write_columns(
        folder / HELD_OUT, {name: column.values for name, column in model.held_out.items()}
    )
    files = [WEIGHTS, HELD_OUT]
    plugin = model.plugin
    source, _, attribute = plugin.rpartition(":")
    if source.endswith(".py"):
        shutil.copyfile(model.base / source, folder / Path(source).name)
        files.append(Path(source).name)
        plugin = f"./{Path(source).name}:{attribute}"
    description = {
        "format": FORMAT,
        "name": model.name,
        "plugin": plugin,
        "revision": model.revision,
        "options": dict(model.options),
        "shape": list(model.shape),
        "seed": model.seed,
        "recipe": dict(model.recipe),
        "data": dict(model.data),
        "held_out": {
            name: {"statistic": column.statistic, "revision": column.revision}
            for name, column in model.held_out.items()
        },
        "files": {name: file_sha256(folder / name) for name in files},
    }
    partial = folder / f".{DESCRIPTION}"
    partial.write_text(json.dumps(description, indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(folder / DESCRIPTION)


def read_exported(folder: Path) -> TrainedModel:
    """Read an exported model; its weights are not loaded yet.

    Raises:
        StoreError: If a file is missing or is not what was written.
    """
    path = folder / DESCRIPTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise StoreError(f"{path}: '{found['format']}' is unknown; this reads '{FORMAT}'")
        for name, checksum in found["files"].items():
            if not (folder / name).is_file() or file_sha256(folder / name) != checksum:
                raise StoreError(f"{folder / name} is not what was exported")
        return TrainedModel(
            **{key: found[key] for key in ("name", "plugin", "revision", "options", "seed")},
            recipe=found["recipe"],
            data=found["data"],
            shape=Shape(*found["shape"]),
            weights=folder / WEIGHTS,
            held_out=_held_out(folder / HELD_OUT, found["held_out"]),
            base=folder,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged; export the model again") from error


def _held_out(path: Path, described: dict[str, Any]) -> dict[str, HeldOut]:
    table = pq.read_table(path, memory_map=False)
    return {
        name: HeldOut(**origin, values=table[name].to_numpy()) for name, origin in described.items()
    }
