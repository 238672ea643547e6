"""Runs that were made here, by this user: a mark that nobody else can make."""

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
    """Return the mark of a record, with a key of the user's that is made when there is none.

    Empty where no key can be kept.
    """
    try:
        key = _key(_key_file()) or _new_key(_key_file())
    except (OSError, RuntimeError, StoreError):  # RuntimeError: there is no home
        return ""
    return _mac(key, content)


def made_here(content: Any, given: str) -> bool:
    """Tell whether a record has the mark that this user's runs have."""
    try:
        key = _key(_key_file())
    except (RuntimeError, StoreError):
        return False
    return key is not None and hmac.compare_digest(_mac(key, content).encode(), given.encode())


def _new_key(path: Path) -> bytes:
    """Make a key that only the user can read; of two runs that make one, both take the first."""
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
