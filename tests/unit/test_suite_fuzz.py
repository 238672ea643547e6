"""A broken suite becomes a plan or one line a mistake, and nothing else."""

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import SUITE

from ood_bench.data import Library
from ood_bench.errors import OodBenchError
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.suite import load_suite

ROUNDS, EACH = 10, 20

NESTED: Any = []
for _ in range(60):
    NESTED = [NESTED]

VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    3,
    10**9,
    10**30,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "text",
    "1e6",
    "~nobody/x",
    "a\0b",
    "x" * 5000,
    "\x1b[31mred",
    "日本",
    "line\nbreak",
    "../..",
    "/dev/null",
    "./absent.py:Model",
    [],
    {},
    [None],
    [1, 2, 3],
    ["low"],
    {"use": "glow"},
    {"": 1},
    {"options": []},
    {"npz": "low.npz"},
    NESTED,
)


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all values below the root."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*at, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*at, key))


def broken(data: Any, random: np.random.Generator) -> Any:
    """Return a suite's data with one to three values replaced, deleted, renamed or doubled."""
    data = copy.deepcopy(data)
    for _ in range(random.integers(1, 4)):
        known = list(places(data))
        if not known:
            break
        *above, last = known[random.integers(len(known))]
        holder = data
        for step in above:
            holder = holder[step]
        value = VALUES[random.integers(len(VALUES))]
        match random.integers(6):
            case 0:
                del holder[last]
            case 1 if isinstance(holder, dict):
                holder[f"{last}x"] = holder.pop(last)
            case 2 if isinstance(holder, list):
                holder.append(holder[last])
            case _:
                holder[last] = copy.deepcopy(value)
    return data


def damaged(text: str, random: np.random.Generator) -> str:
    """Return a file's text with a few characters changed, gone or doubled."""
    for _ in range(random.integers(1, 4)):
        start = int(random.integers(len(text)))
        stop = start + int(random.integers(0, 12))
        odd = ("", "\t", ":", "{", "]", "&a ", "*a", "!!python/object:os.system ", "\u2028", "%")
        middle = odd[random.integers(len(odd))] + text[start:stop] * int(random.integers(0, 3))
        text = text[:start] + middle + text[stop:]
    return text


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_broken_suite_is_a_plan_or_one_line_a_mistake(tiny: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = yaml.safe_load(SUITE)
    refused = 0
    for i in range(EACH):
        if i % 4:
            text = yaml.safe_dump(broken(whole, random), allow_unicode=True)
        else:
            text = damaged(SUITE, random)
        tiny.write_text(text, encoding="utf-8")
        try:
            loaded = load_suite(tiny)
            library = Library(root=None, index=None, hub=False)
            with warnings.catch_warnings():
                build_plan(loaded, Registry(loaded.folder), library, skip_missing=bool(i % 2))
        except OodBenchError as error:
            refused += 1
            lines = str(error).split("\n")
            assert all(lines), text
            assert all(len(line) < 12_000 for line in lines), text
        except Exception as error:
            raise AssertionError(f"round {seed}, suite {i}:\n{text}") from error
    assert refused > EACH // 3
