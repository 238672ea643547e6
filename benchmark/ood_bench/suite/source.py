"""YAML as plain data, with the line that each value came from."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ood_bench.core_yaml import KeyPath, YamlError, read_text, spell
from ood_bench.errors import SuiteError

Where = TypeVar("Where")

STANDARD_INPUT = Path("standard input")
"""The name of a suite from standard input, in messages and in the record of its run."""

_ASSIGNMENT = re.compile(r'(?P<path>(?:"[^"]*"|[^"=])*)=(?P<value>.*)', re.DOTALL)
_STEP = re.compile(r'"(?P<quoted>[^"]*)"|\[(?P<index>[^\]]*)\]|(?P<name>[^."\[\]]+)')


@dataclass(frozen=True)
class SuiteSource:
    """The data of a YAML file.

    Attributes:
        path: The file.
        data: Its content.
        lines: File and line of each value; line 0 for a value that stands in no file. A value of
            a suite that this one extends has the file of that suite.
        written: The spelling of each value that is not a text.
        overrides: The `--set` assignments, by the place that they set.
    """

    path: Path
    data: Any
    lines: dict[KeyPath, tuple[Path, int]]
    written: Mapping[KeyPath, str] = field(default_factory=dict)
    overrides: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, place: KeyPath) -> str:
        """Return `file:line: place: `, or `--set …: ` for a value given there."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.overrides:
                return f"--set {self.overrides[place[:length]]}: "
            if place[:length] in self.lines:
                name = spell(place)
                path, line = self.lines[place[:length]]
                number = f":{line}" if line else ""
                return f"{path}{number}: {name + ': ' if name else ''}"
        return f"{self.path}: "

    def folder(self, place: KeyPath) -> Path:
        """Return the folder that a path at a place is relative to.

        It is the folder of the file in which the path stands, or the working directory if `--set`
        gives the path.
        """
        for length in range(len(place), -1, -1):
            if place[:length] in self.overrides:
                return Path()
            if place[:length] in self.lines:
                return self.lines[place[:length]][0].parent
        return self.path.parent


def read_yaml(path: Path, *, what: str = "the suite") -> SuiteSource:
    """Read a YAML file whose keys are names, each given once; `-` is standard input.

    Args:
        path: The file.
        what: What messages call its content.

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
        raise SuiteError(f"{path}: cannot read {what}: {reason}") from error
    try:
        found = read_text(text)
    except YamlError as error:
        line = f":{error.line}" if error.line else ""
        raise SuiteError(f"{path}{line}: {error}") from error
    if not found.lines:
        raise SuiteError(f"{path}: {what} is empty")
    lines = {place: (path, line) for place, line in found.lines.items()}
    return SuiteSource(path, found.data, lines, found.written)


def override(source: SuiteSource, assignment: str) -> SuiteSource:
    """Set one value, given as `path=value`, on top of a file's data.

    A step of the path names a key, or an item of a list by its number in brackets. An existing key
    may contain dots; a new one with dots is written in double quotes.

    Raises:
        SuiteError: If the assignment has no `=`, its value is not YAML, or its path leads
            through something that is not there.
    """
    match = _ASSIGNMENT.fullmatch(assignment)
    if match is None or not match["path"]:
        raise SuiteError(f"--set {assignment}: write it as path=value")
    try:
        found = read_text(match["value"])
    except YamlError as error:
        text = str(error).replace("not YAML", "the value is not YAML", 1)
        raise SuiteError(f"--set {assignment}: {text}") from error
    place = _place(match["path"], source.data, assignment)
    data = _replaced(source.data, place, found.data, assignment)
    lines = _without(source.lines, place)
    overrides = {**_without(source.overrides, place), place: assignment}
    written = {(*place, *below): text for below, text in found.written.items()}
    written = {**_without(source.written, place), **written}
    return SuiteSource(source.path, data, lines, written, overrides)


def _place(path: str, data: Any, assignment: str) -> KeyPath:
    """Return the keys and indices that a path consists of, given the data that it leads into."""
    steps: list[re.Match[str]] = []
    at = 0
    while at < len(path):
        at += path[at] == "." and bool(steps)
        step = _STEP.match(path, at)
        if step is None:
            raise SuiteError(
                f"--set {assignment}: write the path as keys with dots between them and numbers "
                'in brackets, pairs[0].outside; a key that has others in it in quotes, "a[b"'
            )
        steps.append(step)
        at = step.end()
    place: list[str | int] = []
    while steps:
        index, quoted = steps[0]["index"], steps[0]["quoted"]
        if index is not None and not index.isdecimal():
            raise SuiteError(f"--set {assignment}: '[{index}]' is not a number in brackets")
        taken: str | int = int(index) if index is not None else quoted
        count = 1
        if taken is None:
            taken, count = _key(steps, data, assignment)
        place.append(taken)
        data = _below(data, taken)
        del steps[:count]
    return tuple(place)


def _key(steps: list[re.Match[str]], data: Any, assignment: str) -> tuple[str, int]:
    """Return the key that the first steps spell, dots included, and the number of these steps."""
    names: list[str] = []
    for step in steps:
        if step["name"] is None:
            break
        names.append(step["name"])
    joined = {".".join(names[:count]): count for count in range(1, len(names) + 1)}
    known = [key for key in joined if isinstance(data, dict) and key in data]
    if len(known) > 1:
        choices = " or ".join(f'"{key}"' for key in known)
        raise SuiteError(
            f"--set {assignment}: '{known[-1]}' may mean the key {choices}; write the one that is "
            "meant in quotes"
        )
    key = known[0] if known else names[0]
    return key, joined[key]


def _below(data: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return data[step] if isinstance(data, list) and step < len(data) else None
    return data.get(step) if isinstance(data, dict) else None


def _without(places: Mapping[KeyPath, Where], gone: KeyPath) -> dict[KeyPath, Where]:
    """Return places without those at and below one."""
    return {place: where for place, where in places.items() if place[: len(gone)] != gone}


def _replaced(data: Any, place: KeyPath, value: Any, assignment: str) -> Any:
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
