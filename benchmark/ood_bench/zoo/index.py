"""The index of reference models, and the folders of named models."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ood_bench.core_yaml import YamlError, read_text
from ood_bench.errors import OodBenchError, StoreError, did_you_mean
from ood_bench.typed import Name, read_limited, typed
from ood_bench.zoo.layout import CARD, DESCRIPTION, TRAINING, read_description

PREFIX = "zoo:"
"""Prefix of zoo names where a path is also accepted."""

_PACKAGE = Path(__file__).parents[1]
_INDEX = Path(__file__).with_name("index.json")


class ZooModel(BaseModel):
    """An entry of the index.

    Attributes:
        name: Its name, composed of model and data set.
        title: A description in one line.
        digest: Digest of its `model.json`, which holds the checksums of its other files.
        plugin: The plugin of the model.
        data: The data set that it was trained on.
        parameters: Number of trainable parameters.
        bytes: Total size of its files.
        seconds: Training time.
        measure: The measure on test images, with its unit.
        measured: The value of the measure.
        published: The published value; None if nothing comparable is known.
        published_in: The publication of that value.
        source: Where to fetch it from; empty if it is bundled, or in the repository alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str
    digest: str
    plugin: str
    data: str
    parameters: Annotated[int, Field(ge=1)]
    bytes: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(ge=0)]
    measure: str
    measured: float
    published: float | None = None
    published_in: str = ""
    source: str = ""


def read_index() -> dict[str, ZooModel]:
    """Return the reference models by name."""
    return typed(_INDEX.read_bytes(), dict[str, ZooModel], _INDEX)


def summary(folder: Path) -> ZooModel:
    """Return the index entry of the model in a folder, from its own files.

    Raises:
        StoreError: If a file is missing, damaged or incomplete.
    """
    described = read_description(folder)
    for name in (CARD, TRAINING):
        if not (folder / name).is_file():
            raise StoreError(f"{folder}: there is no {name}")
    head = _head(folder / CARD)
    trained = typed(read_limited(folder / TRAINING), dict[str, Any], folder / TRAINING)
    try:
        (result,) = head["model-index"][0]["results"]
        (metric,) = result["metrics"]
        published = head.get("published") or {}
        return ZooModel(
            name=folder.name,
            title=head["title"],
            digest=described.digest,
            plugin=described.plugin,
            data=described.data["name"],
            parameters=trained["parameters"],
            bytes=sum(path.stat().st_size for path in folder.iterdir()),
            seconds=round(trained["seconds"]),
            measure=metric["type"],
            measured=metric["value"],
            published=published.get("value"),
            published_in=published.get("source", ""),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{folder}: its card or its training does not say it: {reason}") from error


def _head(path: Path) -> dict[str, Any]:
    """Return the YAML header of a model card."""
    try:
        _, head, _ = read_limited(path).decode().split("---\n", 2)
        return TypeAdapter(dict[str, Any]).validate_python(read_text(head).data)
    except (ValueError, YamlError, ValidationError) as error:
        raise StoreError(f"{path} has no YAML head between lines of '---'") from error


def find_zoo(name: str) -> Path:
    """Return the folder of a bundled or fetched model.

    Args:
        name: Its name, without `zoo:`.

    Raises:
        OodBenchError: If it is unknown, or not fetched yet.
    """
    for root in (shipped_root(), fetched_root()):
        if (root / name / DESCRIPTION).is_file() and Path(name).name == name:
            return root / name
    index = read_index()
    if name in index:
        raise OodBenchError(f"'zoo:{name}' is not here yet; `ood-bench models fetch {name}`")
    near = did_you_mean(name, {*index, *fetched_models()})
    raise OodBenchError(f"the zoo has no model '{name}'{near}; `ood-bench models zoo` lists them")


def fetched_models() -> list[str]:
    """Return the names of fetched models."""
    return sorted(path.parent.name for path in fetched_root().glob(f"*/{DESCRIPTION}"))


def shipped_root() -> Path:
    """Return the folder of bundled models, in the installed package or the source tree."""
    installed = Path(__file__).with_name("models")
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "results" / "zoo"


def fetched_root() -> Path:
    """Return the folder of fetched models: `OOD_BENCH_ZOO`, or in the user's data folder."""
    if named := os.environ.get("OOD_BENCH_ZOO"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(data) / "ood-bench" / "zoo"
