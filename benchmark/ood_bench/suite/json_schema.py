"""JSON Schema of suites, with which an editor completes and explains keys and marks mistakes."""

from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from ood_bench.recipe import Recipe
from ood_bench.suite.extend import KEY
from ood_bench.suite.schema import Suite

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema: TypeAlias = dict[str, Any]


def json_schema() -> Schema:
    """Return the JSON Schema of a suite's file, draft 2020-12.

    It accepts a little more than a run: it checks neither the options of plugins nor whether the
    names in a suite exist, and requires no key of a suite that extends another.
    """
    schema = Suite.model_json_schema(schema_generator=_Untitled)
    definitions: dict[str, Schema] = schema["$defs"]
    recipe = Recipe.model_json_schema(schema_generator=_Untitled)
    definitions["Recipe"] = recipe
    for properties in (schema["properties"], definitions["ModelEntry"]["properties"]):
        description = properties["training"]["description"]
        properties["training"] = {"$ref": "#/$defs/Recipe", "description": description}
    for name in ("ModelEntry", "PluginEntry", "MeasuringEntry"):
        _allow_class_path(definitions[name])
    for name in ("Ensemble", "Members"):  # a suite that extends another may give a part
        definitions[name].pop("required")
    for field in schema["properties"].values():
        if "patternProperties" in field:  # a key that does not fit is no name
            field["additionalProperties"] = False
    for key in ("models", "detectors", "analyses"):
        _allow_names(schema["properties"][key])
    for field in definitions["Claim"]["properties"].values():
        if field.get("type") == "string":
            field["type"] = ["string", "number"]
    required = schema.pop("required")
    extends = "Path of another suite, or name of a bundled one, of which this one is a variant."
    schema["properties"] = {
        KEY: {"type": "string", "minLength": 1, "description": extends},
        **schema["properties"],
    }
    schema |= {"if": {"required": [KEY]}, "then": {}, "else": {"required": required}}
    _tidy(schema)
    return {"$schema": DIALECT, "title": "A suite of ood-bench", **schema}


def schema_of(model: type[BaseModel], title: str) -> Schema:
    """Return the JSON Schema of a YAML file, draft 2020-12.

    Args:
        model: What its data is checked against.
        title: What the file is.
    """
    schema: Schema = model.model_json_schema(schema_generator=_Untitled)
    _tidy(schema)
    return {"$schema": DIALECT, "title": title, **schema}


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that pydantic makes of the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def _tidy(schema: Any) -> None:
    """Put each description, a docstring, on one line, and leave out the names of classes."""
    if isinstance(schema, list):
        for part in schema:
            _tidy(part)
    elif isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            schema["description"] = " ".join(schema["description"].split())
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for part in schema.values():
            _tidy(part)


def _allow_class_path(entry: Schema) -> None:
    """Let Lightning's `class_path` and `init_args` stand for `use` and `options`."""
    entry["properties"] |= {
        "class_path": {"type": "string", "description": "As Lightning has it: package.Class."},
        "init_args": {"type": ["object", "null"], "description": "Options beside `class_path`."},
    }
    entry["not"] = {
        "required": ["class_path"],
        "anyOf": [{"required": ["use"]}, {"required": ["options"]}],
    }


def _allow_names(field: Schema) -> None:
    """Let a list of names stand for entries without options, and nothing for an entry."""
    kept = ("type", "patternProperties", "additionalProperties", "minProperties")
    entries: Schema = {key: field.pop(key) for key in kept if key in field}
    entries["patternProperties"] = {
        pattern: {"anyOf": [entry, {"type": "null"}]}
        for pattern, entry in entries["patternProperties"].items()
    }
    names: Schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    if "minProperties" in entries:
        names["minItems"] = entries["minProperties"]
    field["anyOf"] = [names, entries]
