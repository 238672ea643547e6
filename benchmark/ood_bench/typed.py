"""JSON from disk, read into types or refused in one line."""

import math
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from ood_bench.errors import OodBenchError, StoreError

__all__ = [
    "FROZEN",
    "LARGEST",
    "Count",
    "DerivedName",
    "FileName",
    "Key",
    "Name",
    "RelativePath",
    "Sha256",
    "read_limited",
    "typed",
]

FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
"""Configuration of models of what people write: unknown keys are refused."""

LARGEST = 1 << 26
"""Bytes of the largest JSON file that is read."""

T = TypeVar("T")

Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""The key of a cell."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", max_length=200)
]
"""The name of a file in a folder: no path, no hidden file."""

RelativePath = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$", max_length=400
    ),
]
"""The path of a file in a folder or below it: nothing outside of it, no hidden file."""

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Name = Annotated[str, StringConstraints(pattern=_NAME, max_length=60)]
"""A name of the suite's own: letters, digits, '.', '_' and '-', so that it can name a cell."""

DerivedName = Annotated[str, StringConstraints(pattern=_NAME, max_length=80)]
"""One of these, or one made of it: that of a model's background say."""

Count = Annotated[int, Field(ge=0)]


def typed(
    text: bytes | str, kind: type[T], where: object, *, more: Mapping[str, Any] | None = None
) -> T:
    """Return what a JSON text holds, which must have exactly the types that it is read into.

    Args:
        text: The text.
        kind: A pydantic model, a dataclass, a named tuple, or a type made of these.
        where: What to call the text in a message; its `str` is taken only for one.
        more: Fields that are put beside those of the text.

    Raises:
        StoreError: If it is no JSON, too large, nested too deep, holds numbers that are not
            finite, or has other types.
    """
    if len(text) > LARGEST:
        raise StoreError(f"{where} is damaged: {len(text):,} bytes, of at most {LARGEST:,}")
    try:
        content = from_json(text, allow_inf_nan=False)
        if not _finite(content):
            raise ValueError("a number is not finite")
        if more:
            text = to_json({**_object(content), **more})
        found: T = _adapter(cast("Hashable", kind)).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(ascii(part)[:60].strip("'") for part in first["loc"])
        raise StoreError(f"{where} is damaged: {place or 'the whole'}: {first['msg']}") from error
    except (ValueError, OodBenchError) as error:
        raise StoreError(f"{where} is damaged: {' '.join(str(error).split())}") from error
    return found


def _finite(content: Any) -> bool:
    """Return whether all numbers of a JSON value are finite; it is not nested deep."""
    if isinstance(content, dict):
        return all(map(_finite, content.values()))
    if isinstance(content, list):
        return all(map(_finite, content))
    return not isinstance(content, float) or math.isfinite(content)


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError("the whole: Input should be an object")
    return content


def read_limited(path: Path) -> bytes:
    """Return the bytes of a JSON file.

    Raises:
        FileNotFoundError: If there is none.
        StoreError: If it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if len(text) > LARGEST:
        raise StoreError(f"{path} is damaged: more than {LARGEST:,} bytes")
    return text


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", kind))
