"""Suites that extend another: mappings are merged, all other values replaced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ood_bench.core_yaml import KeyPath
from ood_bench.errors import SuiteError
from ood_bench.suite.given import read_mapping
from ood_bench.suite.shipped import suite_named
from ood_bench.suite.source import SuiteSource, read_yaml
from ood_bench.zoo import PREFIX

KEY = "extends"

Written: TypeAlias = Path | Mapping[str, Any]
"""A suite: the path of its YAML file, or a mapping with the file's content."""

Where = TypeVar("Where")


def read_suite(suite: Written, *, below: tuple[Path, ...] = ()) -> SuiteSource:
    """Read a suite and, where its first key is `extends`, what it extends below it.

    `extends: paper.yaml` names a file beside this one, and `extends: quickstart`, if there is no
    such file, a suite that comes with the package. The keys of both are merged, and so are
    mappings within mappings. A list or a value of this file replaces the other's, and so does a
    model with a `checkpoint` of the zoo, which brings its own options.

    Args:
        suite: The YAML file, or its content.
        below: The files that extend this one, to detect a cycle.

    Raises:
        SuiteError: If a file cannot be read, or extends itself.
    """
    source = read_yaml(suite) if isinstance(suite, Path) else read_mapping(suite)
    if not isinstance(source.data, dict) or KEY not in source.data:
        return source
    given = source.data[KEY]
    where = source.where((KEY,))
    if not isinstance(given, str) or not given:
        raise SuiteError(f"{where}must be the path of a suite, got {given!r}")
    base_path = source.path.parent / given
    if not base_path.is_file():
        try:
            base_path = source.path.parent / suite_named(Path(given))
        except SuiteError as error:
            raise SuiteError(f"{where}{error}") from error
    chain = (*below, source.path.resolve())
    if base_path.resolve() in chain:
        raise SuiteError(f"{where}'{given}' leads back to a suite that extends it")
    try:
        base = read_suite(base_path, below=chain)
    except SuiteError as error:
        if base_path.is_file():
            raise
        raise SuiteError(f"{where}{error}") from error
    if not isinstance(base.data, dict):
        raise SuiteError(f"{where}'{given}' is no suite")
    own = {key: value for key, value in source.data.items() if key != KEY}
    replaced: list[KeyPath] = []
    data = _merged(base.data, own, (), replaced)

    def kept(places: Mapping[KeyPath, Where]) -> dict[KeyPath, Where]:
        return {
            place: where
            for place, where in places.items()
            if not any(place[: len(gone)] == gone for gone in replaced)
        }

    lines, written = kept(base.lines), kept(base.written)
    return SuiteSource(source.path, data, lines | source.lines, {**written, **source.written})


def _merged(base: Any, own: Any, place: KeyPath, replaced: list[KeyPath]) -> Any:
    if isinstance(base, dict) and isinstance(own, dict) and not _from_zoo(own):
        both = {
            key: _merged(base[key], value, (*place, key), replaced) if key in base else value
            for key, value in own.items()
        }
        return {**base, **both}
    replaced.append(place)
    return own


def _from_zoo(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry of a suite is a model of the zoo."""
    given = entry.get("checkpoint")
    names = given if isinstance(given, list) else [given]
    return any(isinstance(name, str) and name.startswith(PREFIX) for name in names)
