"""YAML 1.2's core schema as plain data, with the line and the writing of each value."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import yaml

from ood_bench.errors import SuiteError

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "KeyPath",
    "Read",
    "YamlError",
    "one_line",
    "read_text",
    "spell",
]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Path to a value in a YAML document: keys of mappings and indices of lists."""

MAX_NODES = 100_000
MAX_DEPTH = 50

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Read:
    """What a text holds.

    Attributes:
        data: Its value: mappings, lists, texts, numbers, truth values and None.
        lines: The line, counted from 1, of each value; empty for an empty text.
        written: How each value that is no text is written.
    """

    data: Any
    lines: Mapping[KeyPath, int]
    written: Mapping[KeyPath, str]


class YamlError(SuiteError):
    """A text is not YAML, or a value of it is none that this program reads.

    Attributes:
        line: The line, counted from 1; None where none is known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def spell(place: KeyPath) -> str:
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


def one_line(text: object) -> str:
    r"""Return a message on one line.

    Example:
        >>> one_line("a\n   b")
        'a b'
    """
    return " ".join(str(text).split())


def read_text(text: str) -> Read:
    """Read a YAML text whose keys are names, each given once.

    Values are those of YAML 1.2's core schema, which is what people expect: `1e-3` is a number.
    What YAML 1.1 takes for another number or truth value, such as `yes`, `0100`, `1:30` and
    `1_000`, is refused, since either may be meant. So are numbers that are not finite. `<<`
    merges a mapping, or several, below a mapping's own keys.

    Raises:
        YamlError: If it is not such YAML; one line, with the place.

    Example:
        >>> read_text("{rate: 1e-3, on: 0x10, id: '1.10', day: 2019-05-06}").data
        {'rate': 0.001, 'on': 16, 'id': '1.10', 'day': '2019-05-06'}
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        line = mark.line + 1 if mark else None
        raise YamlError(f"not YAML: {one_line(reason)}", line) from error
    if node is None:
        return Read(None, {}, {})
    reader = _Reader(loader)
    return Read(reader.read(node, ()), reader.lines, reader.written)


class _Loader(yaml.SafeLoader):
    """PyYAML with the core schema's scalars in place of YAML 1.1's."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  PyYAML's own tables
    yaml_constructors = {}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.plain: set[yaml.Node] = set()

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Compose a scalar, and note whether it has neither quotes nor a tag."""
        plain = self.peek_event().implicit[0]  # type: ignore[no-untyped-call]  # PyYAML's
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if plain:
            self.plain.add(node)
        return node


def _int(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(text: str) -> float:
    found = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(found):
        raise ValueError
    return found


def _constructed(read: Callable[[str], Any], _: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return read(str(node.value))


_SCALARS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "null": (r"~|null|Null|NULL|", "~nN", lambda _: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF", lambda text: _TRUTH[text.lower()]),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789", _int),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
        lambda text: _float(text.lower()),
    ),
}


def _undefined(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    return loader.construct_undefined(node)


for _name, (_pattern, _first, _read) in _SCALARS.items():
    _begins = [*_first, *([""] if _name == "null" else [])]
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"(?:{_pattern})\Z"), _begins)
    _Loader.add_constructor(f"{_TAG}{_name}", partial(_constructed, _read))
_Loader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])
_Loader.add_constructor(f"{_TAG}str", partial(_constructed, str))
_Loader.add_constructor(None, _undefined)


class _Reader:
    def __init__(self, loader: _Loader) -> None:
        self.loader = loader
        self.older = yaml.SafeLoader("")
        self.lines: dict[KeyPath, int] = {}
        self.written: dict[KeyPath, str] = {}
        self.nodes = 0
        self.merging: list[yaml.Node] = []

    def fail(self, node: yaml.Node, place: KeyPath, message: str) -> YamlError:
        spot = f"{spell(place)}: " if place else ""
        return YamlError(f"{spot}{message}", node.start_mark.line + 1)

    def count(self, node: yaml.Node, place: KeyPath) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(place) > MAX_DEPTH:
            raise self.fail(node, (), "nested too deeply or expanded from aliases too often")

    def read(self, node: yaml.Node, place: KeyPath) -> Any:
        self.count(node, place)
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, place)
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != f"{_TAG}{kind}":
            raise self.fail(node, place, f"cannot read this value: its tag is {node.tag}")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        return [self.read(item, (*place, i)) for i, item in enumerate(node.value)]

    def scalar(self, node: yaml.ScalarNode, place: KeyPath) -> Any:
        text = str(node.value)
        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, KeyError) as error:
            if node.tag == f"{_TAG}float":
                raise self.fail(node, place, f"a finite number is wanted, got {text}") from error
            reason = getattr(error, "problem", None)
            reason = reason or f"'{text[:60]}' is no {node.tag.removeprefix(_TAG)}"
            raise self.fail(node, place, f"cannot read this value: {one_line(reason)}") from error
        if node in self.loader.plain:
            self.refuse_ambiguous(node, value, place)
        if not isinstance(value, str):
            self.written[place] = text
        return value

    def refuse_ambiguous(self, node: yaml.ScalarNode, value: Any, place: KeyPath) -> None:
        """Refuse a number or a truth value of YAML 1.1 that is another one, or text, in 1.2."""
        text = str(node.value)
        plain = (True, False)
        tag = self.older.resolve(yaml.ScalarNode, text, plain)  # type: ignore[no-untyped-call]
        if tag not in {f"{_TAG}{name}" for name in ("bool", "int", "float")}:
            return
        try:
            older = self.older.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, IndexError):  # '0_', say, which its pattern takes
            return
        if older == value and isinstance(older, bool) == isinstance(value, bool):
            return
        before = str(older).lower() if isinstance(older, bool) else older
        now = "text" if isinstance(value, str) else value
        write = (
            f'{before}, or "{text}" in quotes' if isinstance(value, str) else f"{before} or {now}"
        )
        raise self.fail(
            node, place, f"{text} is {before} in YAML 1.1 and {now} in YAML 1.2; write {write}"
        )

    def mapping(self, node: yaml.MappingNode, place: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first: dict[str, int] = {}
        merges = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fail(key_node, place, "a key must be a name")
            key = str(key_node.value)
            if key in first:
                raise self.fail(
                    key_node, (*place, key), f"duplicate key, first given in line {first[key]}"
                )
            first[key] = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merges.append(value_node)
                continue
            result[key] = self.read(value_node, (*place, key))
            self.lines[(*place, key)] = first[key]
        for merge in merges:
            self.merge(merge, place, result)
        return result

    def merge(self, node: yaml.Node, place: KeyPath, result: dict[str, Any]) -> None:
        """Add the keys of mappings that a mapping does not have; of several the first counts."""
        several = isinstance(node, yaml.SequenceNode)
        for each in node.value if several else [node]:
            if not isinstance(each, yaml.MappingNode):
                text = "a mapping is wanted, or a list of such: write <<: *anchor"
                raise self.fail(each, (*place, "<<"), text)
            if any(each is one for one in self.merging):
                raise self.fail(each, (*place, "<<"), "leads back to the mapping that it is in")
            self.count(each, place)
            self.merging.append(each)
            for key_node, value_node in each.value:
                if getattr(key_node, "tag", None) == _MERGE:
                    continue
                if not isinstance(key_node, yaml.ScalarNode):
                    raise self.fail(key_node, place, "a key must be a name")
                if (key := str(key_node.value)) not in result:
                    result[key] = self.read(value_node, (*place, key))
            for key_node, value_node in each.value:
                if getattr(key_node, "tag", None) == _MERGE:
                    self.merge(value_node, place, result)
            self.merging.pop()
