"""Exported models: a trained model in a folder that can be moved, published and scored with."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from filecmp import cmp
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ood_bench.data import Shape
from ood_bench.errors import OodBenchError, PluginError, StoreError, raised
from ood_bench.files import unfinished_folder, write_whole
from ood_bench.folders import files_of
from ood_bench.hashing import digest, file_sha256
from ood_bench.packed import StoredFile
from ood_bench.registry import Registry, code_options, folder_options
from ood_bench.scoring.card import card
from ood_bench.scoring.half import half_precision
from ood_bench.scoring.trained import Course, HeldOut, TrainedModel
from ood_bench.source_files import read_source
from ood_bench.store import write_columns
from ood_bench.typed import read_limited, typed
from ood_bench.zoo.layout import (
    CARD,
    COURSE,
    DATA,
    DESCRIPTION,
    FORMAT,
    HELD_OUT,
    TRAINING,
    WEIGHTS,
    Description,
    Origin,
    check_files,
    read_description,
)

if TYPE_CHECKING:
    from torch import Tensor


def export(model: TrainedModel, folder: Path, *, half_on: NDArray[np.uint8] | None = None) -> Path:
    """Write a model to a folder and return it.

    `weights.safetensors` holds the weights; `held_out.parquet` the columns of held-out
    in-distribution images by which `score` judges others, none if log_prob is not among them, as of
    a classifier; `model.json` everything else, with checksums of all files and of itself. If the
    model's code is in a file, it is copied with the files beside it that it imports, and so is a
    folder that an option names. For readers there are a card, `README.md`, the training report,
    `training.json`, and the provenance of the training images, `data.json`.

    Args:
        model: The model.
        folder: The target folder; created if missing.
        half_on: If given, large tensors of the weights are float16, which halves their size, and
            these images, uint8 of shape `(N, C, H, W)`, show that they are as good.

    Raises:
        OodBenchError: If the folder holds anything but an exported model, the source is gone, or
            float16 weights change the log_prob of an image by over 0.001 bits per dimension.
    """
    taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if taken and not (folder / DESCRIPTION).is_file():
        raise OodBenchError(f"{folder}: not empty and no exported model; name a new folder")
    rounded = None if half_on is None else half_precision(model, half_on)
    with unfinished_folder(folder) as new:
        _write(model, new, rounded)
        _describe(model, new, folder.absolute().name)
    return folder


def _write(model: TrainedModel, folder: Path, weights: "Mapping[str, Tensor] | None") -> None:
    """Write a model with its own weights or with those given."""
    if weights is None:
        model.weights.copy(folder / WEIGHTS)
    else:
        from safetensors.torch import save

        write_whole(folder / WEIGHTS, save(dict(weights)))
    held_out = model.held_out if "log_prob" in model.held_out else {}
    write_columns(folder / HELD_OUT, {name: column.values for name, column in held_out.items()})
    files = [WEIGHTS, HELD_OUT]
    if model.course is not None:
        model.course.file.copy(folder / COURSE)
        files.append(COURSE)
    named = {"": model.plugin, **_marked_options(model, code_options)}
    for option, path in named.items():
        where, _, attribute = path.rpartition(":")
        if where.endswith(".py"):
            files += _copied(model, model.base / where, folder)
            named[option] = f"./{Path(where).name}:{attribute}"
    plugin = named.pop("")
    for option, path in _marked_options(model, folder_options).items():
        copied = f"{option}-{Path(path).name}"
        files += _copied_folder(model, model.base / path, folder, copied)
        named[option] = copied
    description = {
        "format": FORMAT,
        "name": model.name,
        "plugin": plugin,
        "revision": model.revision,
        "options": {**model.options, **named},
        "shape": list(model.shape),
        "seed": model.seed,
        "recipe": dict(model.recipe),
        "data": dict(model.data),
        "held_out": {
            name: {"statistic": column.statistic, "revision": column.revision}
            for name, column in held_out.items()
        },
        "files": {name: file_sha256(folder / name) for name in dict.fromkeys(files)},
    }
    if model.course is not None:
        description["course"] = dict(model.course.probes)
    described = {**description, "digest": digest(description)}
    write_whole(folder / DESCRIPTION, json.dumps(described, indent=1, sort_keys=True))


def _marked_options(
    model: TrainedModel, marked: Callable[[type[Any]], list[str]]
) -> dict[str, str]:
    """Return the options of a model that are marked; none if its plugin may not be imported."""
    try:
        plugin = Registry(model.base, trust=model.trust).load("models", model.plugin)
    except PluginError:
        return {}
    given = {name: model.options.get(name) for name in marked(plugin)}
    return {name: path for name, path in given.items() if isinstance(path, str)}


def _copied(model: TrainedModel, path: Path, folder: Path) -> list[str]:
    """Copy a file of code and what it imports of its folder; return the paths of the copies."""
    try:
        found = read_source(path).files
        for name, file in found.items():
            if (folder / name).is_file() and not cmp(file, folder / name, shallow=False):
                raise OodBenchError(f"{model.name}: two of its files are called {name}")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
    except FileNotFoundError as error:
        raise OodBenchError(f"{model.name}: there is no file {error.filename}") from error
    return list(found)


def _copied_folder(model: TrainedModel, path: Path, folder: Path, name: str) -> list[str]:
    """Copy a folder that an option names; return the paths of the copies."""
    try:
        found = {f"{name}/{relative}": file for relative, file in files_of(path).items()}
    except NotADirectoryError as error:
        raise OodBenchError(f"{model.name}: {error}") from error
    for relative, file in found.items():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / relative)
    return list(found)


def _describe(model: TrainedModel, folder: Path, name: str) -> None:
    """Write the files about a model that are meant for readers."""
    for file, content in ((TRAINING, model.training), (DATA, model.data)):
        text = json.dumps(dict(content), indent=1, sort_keys=True)
        write_whole(folder / file, f"{text}\n")
    write_whole(folder / CARD, card(model, name, (folder / WEIGHTS).stat().st_size))


def read_exported(folder: Path, *, trust_code: bool = False) -> TrainedModel:
    """Read an exported model; its weights are not loaded yet.

    Args:
        folder: Its folder.
        trust_code: Whether code that it names may be run later, such as its own file.

    Raises:
        StoreError: If a file is missing or its checksum does not match.
        PluginError: If it names code that no installed package registers, without
            `trust_code`.
    """
    found = read_description(folder)
    check_files(folder, found)
    if ":" in found.plugin:
        _check_code(folder / DESCRIPTION, found, trust=trust_code)
    return TrainedModel(
        name=found.name,
        plugin=found.plugin,
        revision=found.revision,
        options=found.options,
        seed=found.seed,
        recipe=found.recipe,
        data=found.data,
        shape=Shape(*found.shape),
        weights=StoredFile(folder / WEIGHTS),
        held_out=_held_out(folder / HELD_OUT, found.held_out),
        base=folder,
        trust=trust_code,
        training=_training(folder / TRAINING),
        course=None if found.course is None else Course(StoredFile(folder / COURSE), found.course),
    )


def _training(path: Path) -> dict[str, Any]:
    """Return the training report; empty if there is none beside the model."""
    return typed(read_limited(path), dict[str, Any], path) if path.is_file() else {}


def _check_code(path: Path, found: Description, *, trust: bool) -> None:
    """Check that code is trusted, and that all files with code are part of the model."""
    where = found.plugin.rpartition(":")[0]
    code = f"module {where!a}"
    if where.endswith(".py"):
        code = " and ".join(_listed(path, where.removeprefix("./"), found))
    if not trust:
        raise PluginError(
            f"{path}: scoring with this model would run {code}, which no installed package "
            "registers; read it first, then allow it with --trust-code (in Python, "
            "trust_code=True)"
        )


def _listed(path: Path, code: str, found: Description) -> Iterator[str]:
    """Yield the files that a file of code would run, with their checksums.

    Raises:
        PluginError: If one is not part of the model, or cannot be read.
    """
    names = [code]
    if code in found.files and "/" not in code:
        try:
            names = list(read_source(path.with_name(code)).files)
        except (OSError, SyntaxError, ValueError) as error:
            raise PluginError(f"{path}: {code!a} cannot be read: {raised(error)}") from error
    for name in names:
        if name not in found.files or "/" in code:
            raise PluginError(f"{path}: {name!a} is no file of the model that has a checksum")
        yield f"the file {name} (SHA-256 {found.files[name]})"


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
