"""The index of the reference models, and where a named model lies."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ood_bench.core_yaml import YamlError, read_text
from ood_bench.errors import OodBenchError, StoreError, did_you_mean
from ood_bench.typed import Name, read_limited, typed
from ood_bench.zoo.layout import CARD, DESCRIPTION, TRAINING, read_description

PREFIX = "zoo:"
"""How the name of a zoo's model begins where a path could stand as well."""

_PACKAGE = Path(__file__).parents[1]
_INDEX = Path(__file__).with_name("index.json")


class ZooModel(BaseModel):
    """What the index says of a model.

    Attributes:
        name: What it is called, after its model and its data.
        title: What it is, in one line.
        digest: That of its `model.json`, which holds a checksum of every file that counts.
        plugin: The plugin of the model.
        data: The data set that it was trained on.
        parameters: How many numbers were trained.
        bytes: Of all its files.
        seconds: That its training took.
        measure: What was measured on test images, with its unit.
        measured: That measure.
        published: The same of the literature; None if nothing comparable is known.
        published_in: Where that stands.
        source: Where it can be brought from; empty if it comes along.
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
    """Return what an index says of the model in a folder, from its own files.

    Raises:
        StoreError: If a file is missing, is damaged, or does not say it.
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
    """Return the YAML head of a model card."""
    try:
        _, head, _ = read_limited(path).decode().split("---\n", 2)
        return TypeAdapter(dict[str, Any]).validate_python(read_text(head).data)
    except (ValueError, YamlError, ValidationError) as error:
        raise StoreError(f"{path} has no YAML head between lines of '---'") from error


def find_zoo(name: str) -> Path:
    """Return the folder of a model that comes along or was fetched.

    Args:
        name: What it is called, without `zoo:`.

    Raises:
        OodBenchError: If it is unknown, or known and not here.
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
    """Return the names of the models that were fetched."""
    return sorted(path.parent.name for path in fetched_root().glob(f"*/{DESCRIPTION}"))


def shipped_root() -> Path:
    """Return where the models lie that come along: in an installed package, or beside a tree."""
    installed = Path(__file__).with_name("models")
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "results" / "zoo"


def fetched_root() -> Path:
    """Return where fetched models lie: `OOD_BENCH_ZOO`, else with the user's data."""
    if named := os.environ.get("OOD_BENCH_ZOO"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(data) / "ood-bench" / "zoo"
