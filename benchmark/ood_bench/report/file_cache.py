"""Cache of rendered files, keyed by a digest of their inputs."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ood_bench.errors import StoreError
from ood_bench.files import read_sealed, write_sealed, write_whole
from ood_bench.hashing import bytes_sha256
from ood_bench.typed import Sha256, read_limited, typed

log = logging.getLogger(__name__)

INDEX = "made.json"


class _Entry(NamedTuple):
    """Digest of a file's inputs, and its checksum; None for a file left out as too large."""

    of: str
    sha256: Sha256 | None


class FileCache:
    """Cache of a report's rendered files, indexed in `made.json`.

    The index, which has a checksum of its own, holds for each file a digest of its inputs and
    its checksum. A file for which both still match is kept, or copied from another folder that
    has it; a damaged one is named in a warning and rendered again.

    Args:
        folder: The cache's folder; None to keep nothing.
        other: Another folder that may hold the files, such as the run's own.
    """

    def __init__(self, folder: Path | None, other: Path | None = None) -> None:
        self.folder = folder
        self._known = {place: _read(place) for place in (folder, other) if place}
        self._index = dict(self._known[folder]) if folder else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the index, even after an error: finished files are kept."""
        if self.folder and self._index:
            lines = {name: self._index[name] for name in sorted(self._index)}
            write_sealed(self.folder / INDEX, lines)

    def file(
        self, name: str, of: str | None, make: Callable[[], str | bytes | None]
    ) -> bytes | None:
        """Return a file's content, rendered only if none with the same inputs is cached.

        Args:
            name: Path below the folder.
            of: Digest of the inputs; None to render in any case.
            make: Renders the content; None leaves the file out.
        """
        for place, known in self._known.items():
            entry = known.get(name)
            if entry is None or entry.of != of:
                continue
            content = _content(place / name) if entry.sha256 else None
            if entry.sha256 and (content is None or bytes_sha256(content) != entry.sha256):
                log.warning("%s is not what was written; it is made again", place / name)
                continue
            self._keep(name, of, content, anew=place != self.folder)
            return content
        found = make()
        content = found.encode(errors="backslashreplace") if isinstance(found, str) else found
        self._keep(name, of, content, anew=True)
        return content

    def _keep(self, name: str, of: str | None, content: bytes | None, *, anew: bool) -> None:
        if self.folder is None:
            return
        if anew and content is not None:
            write_whole(self.folder / name, content)
        self._index.pop(name, None)
        if of is not None:
            self._index[name] = _Entry(of, None if content is None else bytes_sha256(content))


def _read(folder: Path) -> dict[str, _Entry]:
    """Return a folder's index; empty, with a warning, if it is damaged."""
    path = folder / INDEX
    try:
        read_limited(path)
        return typed(json.dumps(read_sealed(path)), dict[str, _Entry], path)
    except FileNotFoundError:
        return {}
    except (OSError, StoreError):
        log.warning("%s is not what was written; figures and tables are made again", path)
        return {}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
