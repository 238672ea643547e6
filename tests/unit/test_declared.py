"""A model's source says what importing it would; what it does not say is left to the import."""

import inspect
import sys
from pathlib import Path

import pytest

from ood_bench.capabilities import CAPABILITIES, has
from ood_bench.declared import declared
from ood_bench.registry import Registry, option_fields


@pytest.mark.parametrize("name", Registry().names("models"))
def test_the_source_of_a_bundled_model_says_what_its_class_says(name: str) -> None:
    registry = Registry()
    path = registry.bundled("models", name)
    if path is None:
        pytest.skip("of another package")
    plugin, found = registry.load("models", name), declared(path)
    assert found is not None
    assert (found.module, found.name) == (plugin.__module__, plugin.__qualname__)
    assert found.description == inspect.getdoc(plugin)
    assert found.options == option_fields(plugin)
    assert list(found.options) == list(option_fields(plugin))
    assert found.capabilities == {item for item in CAPABILITIES if has(plugin, item)}
    assert found.log_prob_is == getattr(plugin, "log_prob_is", "")


PLAIN = '''
from typing import Literal

KINDS = ("a", "b")
Kind = Literal["a", "b"]


class Base:
    log_prob_is = "exact"


class Plain(Base):
    """Plain."""

    def __init__(self, shape, *, kind: Kind = "a", kinds: tuple[str, ...] = KINDS, size: int):
        pass
'''


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"package_of_{folder.name}"
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / name / "plain.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    return f"{name}.plain:Plain"


def test_a_class_is_read_without_importing_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, PLAIN, monkeypatch)
    found = declared(path)
    assert found is not None
    assert found.options["kinds"] == (tuple[str, ...], ("a", "b"))
    assert found.options["size"] == (int, ...)
    assert (found.description, found.log_prob_is) == ("Plain.", "exact")
    assert path.partition(".")[0] not in sys.modules


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class Plain(Base)", "class Plain(imported.Base)"),
        ("class Plain(Base)", "class Plain(Unknown)"),
        ("class Plain(Base)", "@changed\nclass Plain(Base)"),
        ("def __init__", "def build"),
        ("size: int", "**more"),
        ("kind: Kind", "kind: computed()"),
        ("kind: Kind", "kind: 'Kind'"),
        ("class Plain", "class Other"),
        ("class Plain", "class class"),
    ],
)
def test_what_is_not_plain_is_left_to_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    assert old in PLAIN
    assert declared(written(tmp_path, PLAIN.replace(old, new), monkeypatch)) is None
