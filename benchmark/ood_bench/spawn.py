"""Start processes by spawn, from a script, a notebook or the command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = [
    "without_main",
]


@contextmanager
def without_main() -> Iterator[None]:
    """Keep processes spawned within the context from importing the main script.

    Our processes do not need it, and a script without `if __name__ == "__main__":` would run
    again in each.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
