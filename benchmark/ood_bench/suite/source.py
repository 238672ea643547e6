"""YAML as plain data, with the line that each value came from."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml

from ood_bench.errors import SuiteError

Place: TypeAlias = tuple[str | int, ...]
Where = TypeVar("Where")

STANDARD_INPUT = Path("standard input")
"""What a suite that `-` names is called in messages and in the record of its run."""

MAX_NODES = 100_000
MAX_DEPTH = 50


def spell(place: Place) -> str:
    """Write a place as users write it.

    Example:
        >>> spell(("models", "glow", "options", "width"))
        'models.glow.options.width'
        >>> spell(("pairs", 0, "outside"))
        'pairs[0].outside'
    """
    text = ""
    for step in place:
        if isinstance(step, str) and not step.isprintable():
            step = step.encode("unicode_escape").decode()
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True)
class Source:
    """The data of a YAML file, and the file and line at which each value stands.

    The file is another one for a value of a suite that this one extends.
    """

    path: Path
    data: Any
    lines: dict[Place, tuple[Path, int]]
    overrides: dict[Place, str] = field(default_factory=dict)

    def where(self, place: Place) -> str:
        """Return `file:line: place: `, or `--set …: ` for a value given there."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.overrides:
                return f"--set {self.overrides[place[:length]]}: "
            if place[:length] in self.lines:
                name = spell(place)
                path, line = self.lines[place[:length]]
                return f"{path}:{line}: {name + ': ' if name else ''}"
        return f"{self.path}: "

    def folder(self, place: Place) -> Path:
        """Return the folder that a path at a place is relative to.

        It is that of the file in which the path stands, or the working directory where `--set`
        gives it.
        """
        for length in range(len(place), -1, -1):
            if place[:length] in self.overrides:
                return Path()
            if place[:length] in self.lines:
                return self.lines[place[:length]][0].parent
        return self.path.parent


class _Reader:
    def __init__(self, path: Path, loader: yaml.SafeLoader) -> None:
        self.path = path
        self.loader = loader
        self.lines: dict[Place, tuple[Path, int]] = {}
        self.nodes = 0

    def fail(self, node: yaml.Node, place: Place, message: str) -> SuiteError:
        spot = f"{spell(place)}: " if place else ""
        return SuiteError(f"{self.path}:{node.start_mark.line + 1}: {spot}{message}")

    def read(self, node: yaml.Node, place: Place) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(place) > MAX_DEPTH:
            raise self.fail(node, (), "nested too deeply or expanded from aliases too often")
        self.lines[place] = (self.path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*place, i)) for i, item in enumerate(node.value)]
        try:
            return self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            reason = getattr(error, "problem", None) or str(error)
            raise self.fail(node, place, f"cannot read this value: {one_line(reason)}") from error

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fail(key_node, place, "a key must be a name")
            key = key_node.value
            if key in result:
                raise self.fail(
                    key_node, (*place, key), f"duplicate key, first given in line {first[key]}"
                )
            first[key] = key_node.start_mark.line + 1
            result[key] = self.read(value_node, (*place, key))
            self.lines[(*place, key)] = (self.path, first[key])
        return result


def one_line(text: object) -> str:
    r"""Return a message on one line.

    Example:
        >>> one_line("a\n   b")
        'a b'
    """
    return " ".join(str(text).split())


def read_yaml(path: Path) -> Source:
    """Read a YAML file whose keys are names, each given once; `-` is standard input.

    Raises:
        SuiteError: If the file cannot be read or is not such YAML; one line, with the line.
    """
    try:
        if path == Path("-"):
            path, text = STANDARD_INPUT, sys.stdin.buffer.read().decode("utf-8")
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SuiteError(f"{path}: cannot read the suite: {reason}") from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise SuiteError(f"{path}{line}: not YAML: {one_line(reason)}") from error
    if node is None:
        raise SuiteError(f"{path}: the suite is empty")
    reader = _Reader(path, loader)
    return Source(path, reader.read(node, ()), reader.lines)


def override(source: Source, assignment: str) -> Source:
    """Set one value, given as `path=value`, on top of a file's data.

    A step of the path names a key, or an item of a list by number in brackets.

    Raises:
        SuiteError: If the assignment has no `=`, its value is not YAML, or its path leads
            through something that is not there.
    """
    path_text, equals, value_text = assignment.partition("=")
    if not equals or not path_text:
        raise SuiteError(f"--set {assignment}: write it as path=value")
    try:
        value = yaml.safe_load(value_text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SuiteError(f"--set {assignment}: the value is not YAML") from error
    steps: list[str | int] = []
    for part in path_text.split("."):
        name, *indices = part.replace("]", "").split("[")
        steps += [name] if name else []
        for index in indices:
            if not index.isdecimal():
                raise SuiteError(f"--set {assignment}: '[{index}]' is not a number in brackets")
            steps.append(int(index))
    place = tuple(steps)
    data = _replaced(source.data, place, value, assignment)
    lines = _without(source.lines, place)
    overrides = {**_without(source.overrides, place), place: assignment}
    return Source(source.path, data, lines, overrides)


def _without(places: dict[Place, Where], gone: Place) -> dict[Place, Where]:
    """Return what is known of places, but for those at and below one."""
    return {place: where for place, where in places.items() if place[: len(gone)] != gone}


def _replaced(data: Any, place: Place, value: Any, assignment: str) -> Any:
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(step, int):
        if not isinstance(data, list) or step >= len(data):
            raise SuiteError(f"--set {assignment}: there is no item [{step}]")
        return [
            _replaced(item, rest, value, assignment) if i == step else item
            for i, item in enumerate(data)
        ]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise SuiteError(f"--set {assignment}: '{step}' leads into a value, not into keys")
    return {**data, step: _replaced(data.get(step), rest, value, assignment)}
