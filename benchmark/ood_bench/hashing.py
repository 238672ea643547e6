"""Digests of values and files, and seeds derived from names."""

import hashlib
import json
from pathlib import Path

__all__ = [
    "bytes_sha256",
    "canonical",
    "digest",
    "file_sha256",
    "seed_for",
]


def canonical(value: object) -> str:
    """Return the canonical JSON text of a value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: If the value holds a number that is not finite.
        TypeError: If the value is not representable in JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return 32 hexadecimal digits (128 bits of SHA-256) of a JSON value.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:32]


def seed_for(*names: str | int) -> int:
    """Return a seed in [0, 2⁶³) that depends only on the given names.

    Example:
        >>> seed_for("init", "glow", 0) == seed_for("init", "glow", 0)
        True
        >>> seed_for("init", "glow", 0) == seed_for("init", "glow", 1)
        False
    """
    return int(hashlib.sha256(canonical(list(names)).encode()).hexdigest()[:16], 16) >> 1


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
