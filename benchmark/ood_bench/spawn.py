"""Processes that are started anew, from a script, a notebook or the command alike."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = [
    "without_main",
]


@contextmanager
def without_main() -> Iterator[None]:
    """Let processes that are spawned meanwhile not import the script that started this one.

    None of ours needs anything of it, and a script without `if __name__ == "__main__":` would run
    once more in each.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
