"""Numbers, texts and truth values: what a type takes must be what was given."""

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
    """A value that a type took for one of another kind.

    Attributes:
        place: The keys and numbers that lead to it.
        given: What was given.
        taken: What it became.
    """

    place: tuple[str | int, ...]
    given: Any
    taken: Any

    def say(self, written: str | None = None) -> str:
        """Say what is wanted and what to write.

        Args:
            written: How the value is written where it was read; as YAML has it unless given.
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
    """Yield the values that became another kind of value while they were validated.

    Pydantic takes true for 1, "8" for 8 and "yes" for true. A whole number may stand for a float,
    and a float that is whole for an integer.

    Args:
        given: The data.
        taken: What a pydantic model or type made of it.
        place: Where both stand.

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
    """Say what pydantic found wrong with a value, and what to write for a number in place of text.

    Args:
        problem: What pydantic says.
        written: How the value is written where it was read; as YAML has it unless given.
    """
    value = problem["input"]
    got = written or spelled(value)
    text = f"{problem['msg']}, got {got if len(got) <= 60 else f'{got[:57]}...'}"
    if problem["type"] == "string_type" and isinstance(value, bool | int | float):
        text += f"; {_quoted(written)}"
    return text


def spelled(value: object) -> str:
    """Write a value as YAML does.

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
