"""Strict scalars: find values that pydantic converted to another type."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import ErrorDetails

__all__ = [
    "Change",
    "changes",
    "refusal",
    "spelled",
]


class Change(NamedTuple):
    """A value that was converted to another type.

    Attributes:
        place: Its path of keys and indices.
        given: The given value.
        taken: The converted value.
    """

    place: tuple[str | int, ...]
    given: Any
    taken: Any

    def say(self, written: str | None = None) -> str:
        """Return a message on the expected type and how to write the value.

        Args:
            written: The value as written in the source; default: its YAML form.
        """
        given, taken = written or spelled(self.given), spelled(self.taken)
        if isinstance(self.taken, bool):
            return f"true or false is wanted, got {given}; write {taken}"
        if isinstance(self.taken, str):
            return f"a text is wanted, got {given}; {_quoted(written)}"
        if isinstance(self.given, str):
            return f"a number is wanted, got the text {given}; write {taken}, without quotes"
        return f"a number is wanted, got {given}; write {taken} if that is meant"


def changes(given: Any, taken: Any, place: tuple[str | int, ...] = ()) -> Iterator[Change]:
    """Yield the values that validation converted to another type.

    Pydantic accepts true for 1, "8" for 8 and "yes" for true. An integer for a float, and a whole
    float for an integer, are allowed.

    Args:
        given: The data before validation.
        taken: The data after validation.
        place: Path of both.

    Example:
        >>> [change.place for change in changes({"a": True, "b": [1, "2"]}, {"a": 1, "b": [1, 2]})]
        [('a',), ('b', 1)]
    """
    if isinstance(given, bool | int | float | str):
        if isinstance(taken, bool | int | float | str) and _kind(given) != _kind(taken):
            yield Change(place, given, taken)
    elif isinstance(given, Mapping):
        parts = _parts(taken)
        for key, value in given.items():
            if str(key) in parts:
                yield from changes(value, parts[str(key)], (*place, key))
    elif isinstance(given, Sequence) and isinstance(taken, Sequence):
        for i, (value, other) in enumerate(zip(given, taken, strict=False)):
            yield from changes(value, other, (*place, i))
    elif isinstance(given, Sequence) and isinstance(taken, Set):
        kinds = {_kind(value): value for value in taken}
        for i, value in enumerate(given):
            if kinds and _kind(value) not in kinds:
                yield Change((*place, i), value, next(iter(taken)))


def refusal(problem: ErrorDetails, written: str | None = None) -> str:
    """Return pydantic's complaint about a value in words, with advice for quoted numbers.

    Args:
        problem: The error of pydantic.
        written: The value as written in the source; default: its YAML form.
    """
    value = problem["input"]
    got = written or spelled(value)
    text = f"{problem['msg']}, got {got if len(got) <= 60 else f'{got[:57]}...'}"
    if problem["type"] == "string_type" and isinstance(value, bool | int | float):
        text += f"; {_quoted(written)}"
    return text


def spelled(value: object) -> str:
    """Format a value as YAML.

    Example:
        >>> spelled(True), spelled(None), spelled("8"), spelled(1e-3)
        ('true', 'null', "'8'", '0.001')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _quoted(written: str | None) -> str:
    return f'write "{written}", in quotes' if written else "write it in quotes"


def _kind(value: object) -> type[Any]:
    kinds: tuple[type[Any], ...] = (bool, str, float, int)
    found = next((kind for kind in kinds if isinstance(value, kind)), object)
    return float if found is int else found


def _parts(taken: object) -> Mapping[str, Any]:
    if isinstance(taken, Mapping):
        return {str(key): value for key, value in taken.items()}
    if isinstance(taken, BaseModel) or is_dataclass(taken):
        return vars(taken)
    return {}
