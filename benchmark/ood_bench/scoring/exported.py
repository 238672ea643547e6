"""A trained model in a folder of its own, that can be moved, published and scored with."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, PositiveInt

from ood_bench.cells import WEIGHTS
from ood_bench.data import Shape
from ood_bench.errors import OodBenchError, PluginError, StoreError
from ood_bench.files import unfinished_folder, write_whole
from ood_bench.hashing import digest, file_sha256
from ood_bench.scoring.trained import HeldOut, TrainedModel
from ood_bench.store import write_columns
from ood_bench.typed import FileName, Sha256, read_limited, typed

DESCRIPTION = "model.json"
HELD_OUT = "held_out.parquet"
FORMAT = "ood-bench model 2"


def export(model: TrainedModel, folder: Path) -> Path:
    """Write a model to a folder and return it.

    `weights.safetensors` holds the weights, `held_out.parquet` the columns of held-out
    in-distribution images, `model.json` all else, with a checksum of every file and of itself.
    The source of a model that lies in a file comes along.

    Args:
        model: The model.
        folder: Where to; made if it is not there.

    Raises:
        OodBenchError: If something lies there that is no exported model, or the source is gone.
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
        try:
            shutil.copyfile(model.base / source, folder / Path(source).name)
        except FileNotFoundError as error:
            raise OodBenchError(f"{model.name}: there is no file {model.base / source}") from error
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
    described = {**description, "digest": digest(description)}
    write_whole(folder / DESCRIPTION, json.dumps(described, indent=1, sort_keys=True))


class Origin(BaseModel):
    """What yielded a column of held-out images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statistic: str
    revision: int


class Description(BaseModel):
    """What `model.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["ood-bench model 2"]
    name: str
    plugin: str
    revision: int | str
    options: dict[str, Any]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt]
    seed: int
    recipe: dict[str, Any]
    data: dict[str, Any]
    held_out: dict[str, Origin]
    files: dict[FileName, Sha256]
    digest: str


def read_exported(folder: Path, *, trust_code: bool = False) -> TrainedModel:
    """Read an exported model; its weights are not loaded yet.

    Args:
        folder: Where it lies.
        trust_code: Whether code that it names may be run later, its own file's say.

    Raises:
        StoreError: If a file is missing or is not what was written.
        PluginError: If it names code that no installed package registers, without leave.
    """
    path = folder / DESCRIPTION
    try:
        text = read_limited(path)
        found = typed(text, Description, path)
        content = {key: value for key, value in json.loads(text).items() if key != "digest"}
        if digest(content) != found.digest:
            raise StoreError(f"{path} is damaged: it is not what was written")
        for name in (WEIGHTS, HELD_OUT):
            if name not in found.files:
                raise StoreError(f"{path} is damaged: no checksum of {name}")
    except StoreError as error:
        raise StoreError(f"{error}; export the model again") from error
    for name, checksum in found.files.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != checksum:
            raise StoreError(f"{folder / name} is not what was exported")
    if ":" in found.plugin:
        _check_code(path, found, trust=trust_code)
    return TrainedModel(
        name=found.name,
        plugin=found.plugin,
        revision=found.revision,
        options=found.options,
        seed=found.seed,
        recipe=found.recipe,
        data=found.data,
        shape=Shape(*found.shape),
        weights=folder / WEIGHTS,
        held_out=_held_out(folder / HELD_OUT, found.held_out),
        base=folder,
        trust=trust_code,
    )


def _check_code(path: Path, found: Description, *, trust: bool) -> None:
    """Refuse code without leave, and in any case a file that is not part of the model."""
    where = found.plugin.rpartition(":")[0]
    told = f"module {where!a}"
    if where.endswith(".py"):
        name = where.removeprefix("./")
        if name not in found.files:
            raise PluginError(f"{path}: {where!a} is no file of the model that has a checksum")
        told = f"the file {name} (SHA-256 {found.files[name]})"
    if not trust:
        raise PluginError(
            f"{path}: scoring with this model would run {told}, which no installed package "
            "registers; read it first, then allow it with --trust-code (in Python, "
            "trust_code=True)"
        )


def _held_out(path: Path, described: dict[str, Origin]) -> dict[str, HeldOut]:
    try:
        table = pq.read_table(path, memory_map=False)
        columns = {name: table[name].to_numpy() for name in described}
    except (pa.ArrowException, OSError, LookupError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StoreError(f"{path} is damaged: {reason}; export the model again") from error
    for name, values in columns.items():
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise StoreError(
                f"{path} is damaged: column {name!a} is not one finite number an image"
            )
    return {
        name: HeldOut(origin.statistic, origin.revision, columns[name])
        for name, origin in described.items()
    }
