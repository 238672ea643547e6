"""Layout of an exported model's folder, and the check of its files."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

from ood_bench.errors import StoreError
from ood_bench.hashing import digest, file_sha256
from ood_bench.typed import RelativePath, Sha256, read_limited, typed

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
HELD_OUT = "held_out.parquet"
COURSE = "course.parquet"
"""Bits per dimension along the training, if it was probed."""
CARD = "README.md"
TRAINING = "training.json"
DATA = "data.json"
FORMAT = "ood-bench model 2"


class Origin(BaseModel):
    """The origin of a column of held-out images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statistic: str
    revision: int


class Description(BaseModel):
    """Content of `model.json`.

    Attributes:
        course: Digest of the images of each probe along the training, by `data set/split`; None
            if it was not probed.
    """

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
    files: dict[RelativePath, Sha256]
    course: dict[str, str] | None = None
    digest: str


def read_description(folder: Path) -> Description:
    """Read `model.json` of an exported model, without checking the other files.

    Raises:
        StoreError: If it is damaged, or lacks a checksum of weights or columns.
    """
    path = folder / DESCRIPTION
    try:
        text = read_limited(path)
        found = typed(text, Description, path)
        content = {key: value for key, value in json.loads(text).items() if key != "digest"}
        if digest(content) != found.digest:
            raise StoreError(f"{path} is damaged: it is not what was written")
        courses = () if found.course is None else (COURSE,)
        for name in (WEIGHTS, HELD_OUT, *courses):
            if name not in found.files:
                raise StoreError(f"{path} is damaged: no checksum of {name}")
    except StoreError as error:
        raise StoreError(f"{error}; export the model again") from error
    return found


def check_files(folder: Path, described: Description) -> None:
    """Check that all files of a folder exist and match their checksums.

    Raises:
        StoreError: If one does not; the message names it.
    """
    for name, checksum in described.files.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != checksum:
            raise StoreError(f"{folder / name} is not what was exported")
