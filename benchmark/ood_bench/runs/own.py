"""Runs that were made here, by this user: a mark that nobody else can make."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from ood_bench.errors import StoreError
from ood_bench.files import write_whole
from ood_bench.hashing import canonical
from ood_bench.typed import read_limited


def mark(content: Any) -> str:
    """Return the mark of a record, with a key of the user's that is made when there is none.

    Empty where no key can be kept.
    """
    path = _key_file()
    try:
        key = _key(path)
        if key is None:
            key = secrets.token_bytes(32)
            write_whole(path, key)
            path.chmod(0o600)
    except (OSError, StoreError):
        return ""
    return _mac(key, content)


def made_here(content: Any, given: str) -> bool:
    """Tell whether a record has the mark that this user's runs have."""
    try:
        key = _key(_key_file())
    except StoreError:
        return False
    return key is not None and hmac.compare_digest(_mac(key, content), given)


def _mac(key: bytes, content: Any) -> str:
    return hmac.new(key, canonical(content).encode(), hashlib.sha256).hexdigest()


def _key(path: Path) -> bytes | None:
    try:
        key = read_limited(path)
    except FileNotFoundError:
        return None
    return key if len(key) == 32 else None


def _key_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "ood-bench" / "key"
