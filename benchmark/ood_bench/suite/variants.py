"""Models with `variants`: one model for each combination of option values."""

import itertools
import re
from dataclasses import replace
from typing import Any, NamedTuple

from ood_bench.core_yaml import KeyPath
from ood_bench.errors import SuiteError
from ood_bench.suite.source import SuiteSource

KEY = "variants"
MOST = 64
"""Most models that one entry may stand for."""


class _Made(NamedTuple):
    """A model that was made of one with variants, and its value on each axis."""

    name: str
    axes: dict[str, Any]


def variant_name(of: str, axes: dict[str, Any]) -> str:
    """Return the name of a variant.

    Example:
        >>> variant_name("glow", {"width": 64, "coupling": "affine"})
        'glow-width-64-coupling-affine'
    """
    parts = [of, *(f"{axis}-{_text(value)}" for axis, value in axes.items())]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))


def expanded(source: SuiteSource) -> SuiteSource:
    """Replace each model that has variants by one model for each combination.

    A list of models that names it (`models` of a pair, a detector, an analysis or a role) then
    names all of them. Each says where it stands on each axis, by a list of one value.

    Raises:
        SuiteError: If variants are no lists of values, there are too many, an option is given
            twice, or a name is taken.
    """
    data = source.data
    models = data.get("models") if isinstance(data, dict) else None
    if not isinstance(models, dict):
        return source
    made = {
        name: _made(source, name, entry)
        for name, entry in models.items()
        if isinstance(entry, dict) and entry.get(KEY) not in (None, {})
    }
    if not made:
        return source
    entries: dict[str, Any] = {}
    for name, entry in models.items():
        for variant in made.get(name, [_Made(name, {})]):
            if variant.name in entries or (name in made and variant.name in models):
                place: KeyPath = ("models", name)
                raise SuiteError(f"{source.where(place)}two models are called '{variant.name}'")
            entries[variant.name] = _entry(name, entry, variant) if name in made else entry
    names = {name: [variant.name for variant in variants] for name, variants in made.items()}
    return replace(
        source,
        data=_named({**data, "models": entries}, names),
        lines=_moved(source.lines, made),
        written=_moved(source.written, made),
        overrides=_moved(source.overrides, made),
    )


def _made(source: SuiteSource, name: str, entry: dict[str, Any]) -> list[_Made]:
    """Return the variants of a model."""
    place: KeyPath = ("models", name, KEY)
    axes = entry[KEY]

    def mistake(message: str, *below: str) -> SuiteError:
        return SuiteError(f"{source.where((*place, *below))}{message}")

    if not isinstance(axes, dict):
        raise mistake("write lists of values by option: {width: [64, 128]}")
    if entry.get("checkpoint") is not None:
        raise mistake("a model with a checkpoint has no variants")
    for axis, values in axes.items():
        plain = isinstance(values, list) and values
        if not plain or not all(isinstance(one, str | int | float) for one in values):
            raise mistake("write a list of values: [64, 128]", axis)
        if len({_text(one) for one in values}) < len(values):
            raise mistake("one of them is given twice", axis)
        options = entry.get("options", entry.get("init_args"))
        if isinstance(options, dict) and axis in options:
            raise mistake(f"`options` has '{axis}' too; leave it out there", axis)
    points = list(itertools.islice(itertools.product(*axes.values()), MOST + 1))
    if len(points) > MOST:
        raise mistake(f"they are more than {MOST} models")
    chosen = [dict(zip(axes, point, strict=True)) for point in points]
    return [_Made(variant_name(name, axes), axes) for axes in chosen]


def _entry(name: str, entry: dict[str, Any], variant: _Made) -> dict[str, Any]:
    """Return the entry of a variant."""
    key = "init_args" if "class_path" in entry else "options"
    use = {} if "use" in entry or "class_path" in entry else {"use": name}
    return {
        **entry,
        **use,
        key: {**(entry.get(key) or {}), **variant.axes},
        KEY: {axis: [value] for axis, value in variant.axes.items()},
    }


def _named(data: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    """Replace the name of a model in every list of models by those of its variants."""

    def changed(holder: Any) -> Any:
        if not isinstance(holder, dict) or not isinstance(holder.get("models"), list):
            return holder
        listed = [
            one
            for name in holder["models"]
            for one in (names.get(name, [name]) if isinstance(name, str) else [name])
        ]
        return {**holder, "models": listed}

    found = dict(data)
    if isinstance(data.get("pairs"), list):
        found["pairs"] = [changed(pair) for pair in data["pairs"]]
    for key in ("detectors", "analyses", "roles"):
        if isinstance(data.get(key), dict):
            found[key] = {name: changed(entry) for name, entry in data[key].items()}
    return found


def _moved(places: Any, made: dict[str, list[_Made]]) -> dict[KeyPath, Any]:
    """Return what is known of places, with that of a model for each of its variants.

    The value of an axis stands where the axis does.
    """
    found: dict[KeyPath, Any] = {}
    for place, known in places.items():
        if len(place) < 2 or place[0] != "models" or place[1] not in made:
            found[place] = known
            continue
        for variant in made[place[1]]:
            rest = place[2:]
            if rest[:1] == (KEY,) and len(rest) == 2:
                found["models", variant.name, "options", rest[1]] = known
            if len(rest) < 3 or rest[0] != KEY:
                found[("models", variant.name, *rest)] = known
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
