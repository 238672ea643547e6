"""Files made of stored tables: each is made once, and an index says of what."""

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ood_bench.files import write_whole
from ood_bench.hashing import bytes_sha256

INDEX = "made.json"


class _Entry(NamedTuple):
    """What a file was made of, and its checksum; none for one that was left out as too large."""

    of: str
    sha256: str | None


class Made:
    """The files of a report's folder that need not be made anew.

    `made.json` holds for each a digest of what it was made of and its checksum. A file of which
    both are still right is left as it is, or copied from another folder that has it.

    Args:
        folder: Where the files go; None to keep none.
        other: Another folder that may hold them, a run's own say.
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
        """Write the index, also of a report that was broken off."""
        if self.folder and self._index:
            lines = {name: self._index[name] for name in sorted(self._index)}
            write(self.folder / INDEX, json.dumps(lines, indent=0) + "\n")

    def file(
        self, name: str, of: str | None, make: Callable[[], str | bytes | None]
    ) -> bytes | None:
        """Return a file's content, made only if there is none that was made of the same.

        Args:
            name: Its path below the folder.
            of: A digest of all that it depends on; None to make it in any case.
            make: Returns its content, or None if it is to be left out.
        """
        for place, known in self._known.items():
            entry = known.get(name)
            if entry is None or entry.of != of:
                continue
            content = _content(place / name) if entry.sha256 else None
            if entry.sha256 and (content is None or bytes_sha256(content) != entry.sha256):
                continue
            self._keep(name, of, content, anew=place != self.folder)
            return content
        found = make()
        content = encoded(found) if isinstance(found, str) else found
        self._keep(name, of, content, anew=True)
        return content

    def _keep(self, name: str, of: str | None, content: bytes | None, *, anew: bool) -> None:
        if self.folder is None:
            return
        if anew and content is not None:
            write(self.folder / name, content)
        self._index.pop(name, None)
        if of is not None:
            self._index[name] = _Entry(of, None if content is None else bytes_sha256(content))


def encoded(text: str) -> bytes:
    """Return a text as UTF-8; what is not Unicode in it, as in some file names, is escaped."""
    return text.encode(errors="backslashreplace")


def write(path: Path, content: str | bytes) -> Path:
    """Write a file whole or not at all."""
    return write_whole(path, content)


def _read(folder: Path) -> dict[str, _Entry]:
    """Return a folder's index; one that is damaged counts as none."""
    try:
        content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return {name: _Entry(of, checksum) for name, (of, checksum) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
