"""What a suite's types refuse, in lines that name the place."""

import types
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ood_bench.core_yaml import KeyPath, one_line
from ood_bench.errors import SuiteError, did_you_mean
from ood_bench.scalars import changes, refusal
from ood_bench.suite.extend import KEY
from ood_bench.suite.schema import Suite
from ood_bench.suite.source import SuiteSource


def messages(
    error: ValidationError,
    model: type[BaseModel],
    source: SuiteSource,
    root: KeyPath,
    *,
    fallback: KeyPath | None = None,
    given: dict[str, Any] | None = None,
) -> Iterable[str]:
    """Yield what a validation refused, in one line each with file, line, path and near match.

    Args:
        error: The error of pydantic.
        model: The type that was asked for.
        source: The suite as it was written.
        root: The place in it that was validated.
        fallback: The place of values that `given` does not hold.
        given: The values of the place itself.
    """
    problems = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
    misspelt = {
        (*problem["loc"][:-1], near)
        for problem in problems
        if problem["type"] == "extra_forbidden"
        for near in get_close_matches(
            str(problem["loc"][-1]), _fields_at(model, problem["loc"][:-1]), n=1
        )
    }
    # A list that holds a broken item is also said to be too short.
    broken = {
        problem["loc"][:length] for problem in problems for length in range(len(problem["loc"]))
    }
    for problem in problems:
        if problem["loc"] in (misspelt if problem["type"] == "missing" else broken):
            continue
        unknown = problem["type"] == "extra_forbidden"
        last = len(problem["loc"]) - 1
        below = tuple(
            step
            for i, step in enumerate(problem["loc"])
            if not str(step).startswith("[") or (unknown and i == last)  # a key may begin so
        )
        place = (*root, *below)
        if fallback is not None and given is not None and below and below[0] not in given:
            place = (*fallback, *below)
        if unknown:
            known = _fields_at(model, problem["loc"][:-1])
            text = f"unknown key '{below[-1]}'{did_you_mean(str(below[-1]), known)}"
        elif problem["type"] == "missing":
            place, text = place[:-1], f"the key '{below[-1]}' is missing"
        else:
            text = refusal(problem, source.written.get(place))
        yield f"{source.where(place)}{one_line(text)}"


def refuse_changes(given: Any, taken: object, source: SuiteSource, root: KeyPath) -> None:
    """Refuse values whose type was converted, unless the text is still the one written.

    Raises:
        SuiteError: With one line for each.
    """
    lines: dict[str, None] = {}
    for change in changes(given, taken):
        place = (*root, *change.place)
        written = source.written.get(place)
        if change.taken != written:  # a claim's `id: 7` is "7", and nothing is lost
            lines[f"{source.where(place)}{one_line(change.say(written))}"] = None
    if lines:
        raise SuiteError("\n".join(lines))


def _unwrapped(found: Any) -> Any:
    """Return the first pydantic model among the types of a value, or else the first type."""
    if get_origin(found) is Annotated:
        return _unwrapped(get_args(found)[0])
    if get_origin(found) not in (Union, types.UnionType):
        return found
    items = [_unwrapped(item) for item in get_args(found) if item is not type(None)]
    models = (item for item in items if isinstance(item, type) and issubclass(item, BaseModel))
    return next(models, items[0])


def _fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the schema has at a place of the data."""
    found: Any = model
    for step in loc:
        if str(step).startswith("["):  # which of several types it is
            continue
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(str(step))
            found = field.annotation if field else None
        elif get_origin(found) in (dict, tuple, list):
            found = [item for item in get_args(found) if item is not Ellipsis][-1]
        found = _unwrapped(found)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [*found.model_fields, *([KEY] if found is Suite else [])]
    return []
