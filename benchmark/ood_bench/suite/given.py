"""A suite given as a mapping, in place of a YAML file."""

import json
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Any

from ood_bench.core_yaml import MAX_DEPTH, KeyPath, spell
from ood_bench.errors import SuiteError
from ood_bench.suite.source import SuiteSource

GIVEN = Path("suite given as a mapping")
"""The name of such a suite in messages and in the record of its run."""


def read_mapping(data: Mapping[str, Any], *, name: Path = GIVEN) -> SuiteSource:
    """Return a copy of a mapping as a suite's source; later changes to the mapping do not matter.

    Args:
        data: The mapping.
        name: What messages call it.

    Raises:
        SuiteError: If YAML has no such value, or a key is not a text.
    """
    lines: dict[KeyPath, tuple[Path, int]] = {}
    plain = _plain(data, (), lines, str(name))
    return SuiteSource(name, plain, dict.fromkeys(lines, (name, 0)))


def assignments_of(settings: Mapping[str, Any] | Sequence[str] | str) -> tuple[str, ...]:
    """Return settings on top of a suite as `path=value`, as `--set` takes them.

    Args:
        settings: Such assignments, or values by their paths.

    Raises:
        SuiteError: If YAML has no such value.

    Example:
        >>> assignments_of({"seeds": (0, 1), "training.steps": 100})
        ('seeds=[0, 1]', 'training.steps=100')
        >>> assignments_of("seeds=[0]")
        ('seeds=[0]',)
    """
    if isinstance(settings, str):
        return (settings,)
    if not isinstance(settings, Mapping):
        return tuple(settings)
    plain = {path: _plain(value, (), {}, f"--set {path}") for path, value in settings.items()}
    return tuple(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in plain.items())


def _plain(value: Any, place: KeyPath, lines: dict[KeyPath, tuple[Path, int]], where: str) -> Any:
    """Return a value in the types of YAML's core schema, and record each place in it."""
    lines[place] = GIVEN, 0
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    if len(place) < MAX_DEPTH:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {key: _plain(item, (*place, key), lines, where) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [_plain(item, (*place, i), lines, where) for i, item in enumerate(value)]
    name = f"{spell(place)}: " if place else ""
    raise SuiteError(
        f"{where}: {name}YAML holds mappings with texts as keys, lists, texts, finite numbers, "
        f"true, false and None, got {ascii(value)[:60]}"
    )
