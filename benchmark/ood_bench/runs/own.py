"""Signature of the user's own runs: an HMAC under a key that only the user has."""

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from ood_bench.errors import StoreError
from ood_bench.hashing import canonical
from ood_bench.typed import read_limited

LENGTH = 32


def mark(content: Any) -> str:
    """Return the signature of a record; the user's key is created if there is none.

    Empty if no key can be stored.
    """
    try:
        key = _key(_key_file()) or _new_key(_key_file())
    except (OSError, RuntimeError, StoreError):  # RuntimeError: no home folder
        return ""
    return _mac(key, content)


def made_here(content: Any, given: str) -> bool:
    """Return whether a record has the signature of this user's runs."""
    try:
        key = _key(_key_file())
    except (RuntimeError, StoreError):
        return False
    return key is not None and hmac.compare_digest(_mac(key, content).encode(), given.encode())


def _new_key(path: Path) -> bytes:
    """Create a key that only the user can read; concurrent runs agree on the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
        with suppress(FileExistsError):
            os.link(name, path)
        if _key(path) is None:  # a damaged one
            Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path.read_bytes()


def _mac(key: bytes, content: Any) -> str:
    return hmac.new(key, canonical(content).encode(), hashlib.sha256).hexdigest()


def _key(path: Path) -> bytes | None:
    try:
        key = read_limited(path)
    except FileNotFoundError:
        return None
    return key if len(key) == LENGTH else None


def _key_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "ood-bench" / "key"
