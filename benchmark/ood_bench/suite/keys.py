"""All keys of a suite with type, default and meaning, from the schema of suites."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from ood_bench.errors import SuiteError, did_you_mean
from ood_bench.recipe import Recipe
from ood_bench.suite.extend import KEY
from ood_bench.suite.json_schema import Schema, schema_of
from ood_bench.suite.schema import Suite

_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
    ("minItems", "at least"),
)
_TYPES = {"integer": "whole number", "string": "text", "boolean": "true or false", "null": "null"}


class SuiteKey(NamedTuple):
    """A key of a suite.

    Attributes:
        path: Its place: `NAME` stands for a name of the suite's own, `[]` for an item of a list.
        type: What it holds.
        default: Its default as YAML; `required` if there is none, and empty if the text says it.
        says: What it means.
    """

    path: str
    type: str
    default: str
    says: str

    @property
    def sentence(self) -> str:
        """The first sentence of what it means."""
        first, stop, _ = self.says.partition(". ")
        return f"{first}." if stop else first


def suite_keys() -> list[SuiteKey]:
    """Return all keys of a suite, each once, in the order of the schema.

    The training options of a model or a classifier are those of the suite, and a classifier has
    the keys of a model; they are listed once.
    """
    suite = schema_of(Suite, "")
    definitions = {**suite["$defs"], "Recipe": schema_of(Recipe, "")}
    suite["properties"]["training"] |= {"$ref": "#/$defs/Recipe"}
    says = "A suite that this one is a variant of: a path, or the name of a bundled one."
    return [SuiteKey(KEY, "text", "null", says), *_keys(suite, "", definitions, {"ModelEntry"})]


def suite_keys_at(name: str) -> list[SuiteKey]:
    """Return the keys at and below a place, given by its path or by its last key.

    Raises:
        SuiteError: If there is no such key.
    """
    keys = suite_keys()
    places = {key.path for key in keys}
    known = {name, name.replace("[]", "")}
    found = {path for path in places if path in known or path.replace("[]", "") in known}
    found = found or {path for path in places if _last(path) == name}
    if not found:
        near = did_you_mean(name, {*places, *map(_last, places)})
        raise SuiteError(f"a suite has no key '{name}'{near}")
    return [
        key
        for key in keys
        if any(key.path == path or key.path.startswith((f"{path}.", f"{path}[")) for path in found)
    ]


def _last(path: str) -> str:
    return path.removesuffix("[]").rpartition(".")[2]


def _keys(
    schema: Schema, above: str, known: dict[str, Schema], later: set[str]
) -> Iterator[SuiteKey]:
    """Yield the keys of an object, and below each those of its values.

    Args:
        schema: The object's schema.
        above: Its path.
        known: The schemas that are referred to by name.
        later: Names of these whose keys are listed elsewhere.
    """
    for name, field in schema["properties"].items():
        path = f"{above}{name}"
        default = "required" if name in schema.get("required", ()) else ""
        if "default" in field:
            default = json.dumps(field["default"], ensure_ascii=False)
        below = [*_objects(field, path, known)]
        if field.get("default") and below:
            default = ""  # that of its own keys
        kind = "the keys of training" if path == "models.NAME.training" else _type(field)
        yield SuiteKey(path, kind, default, field.get("description", ""))
        for place, model in below:
            if model in later and place != "models.NAME":
                continue
            yield from _keys(known[model], f"{place}.", known, later)


def _objects(field: Schema, path: str, known: dict[str, Schema]) -> Iterator[tuple[str, str]]:
    """Yield the place and the name of each object's schema that a value may have."""
    if "$ref" in field:
        yield path, field["$ref"].rpartition("/")[2]
    for part in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from _objects(part, path, known)
    if "items" in field:
        yield from _objects(field["items"], f"{path}[]", known)
    for part in _values(field):
        yield from _objects(part, f"{path}.NAME", known)


def _values(field: Schema) -> list[Schema]:
    """Return the schemas of a mapping's values."""
    more = field.get("additionalProperties")
    return [
        *field.get("patternProperties", {}).values(),
        *([more] if isinstance(more, dict) else ()),
    ]


def _type(field: Schema) -> str:
    """Return what a value may be, in words."""
    if "$ref" in field:
        return "keys below"
    if "const" in field or "enum" in field:
        return " or ".join(map(str, field.get("enum", [field.get("const")])))
    choices = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    if choices:
        return " or ".join(dict.fromkeys(map(_type, choices)))
    kind = field.get("type", "string")
    bounds = " and ".join(f"{sign} {field[key]:,}" for key, sign in _BOUNDS if key in field)
    if kind == "array":
        items = field.get("prefixItems")
        of = _several(_type(items[0] if items else field["items"]))
        if items:
            return f"list of {len(items)} {of}"
        return f"list of {of}, {bounds}" if bounds else f"list of {of}"
    if kind == "object":
        values = _values(field)
        return f"mapping of names to {_type(values[0])}" if values else "mapping"
    return f"{_TYPES.get(kind, kind)} {bounds}".rstrip()


def _several(kind: str) -> str:
    """Return a type in the plural."""
    for one in ("number", "text"):
        if kind.startswith((one, f"whole {one}")):
            return kind.replace(one, f"{one}s", 1)
    return kind
