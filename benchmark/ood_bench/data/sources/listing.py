"""The files below a folder, and which of them are no images: hidden, a system's, lost links."""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ood_bench.data.options import OnBad
from ood_bench.data.tally import listed

SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".bmp", ".dib"),
        *(".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".jp2", ".j2k", ".tga", ".ico"),
    )
)
LOST = "links that lead nowhere"
_SYSTEM = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "$recycle.bin"),
        *("system volume information", "lost+found", "@eadir"),
    )
)
_NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class ImageFiles(NamedTuple):
    """Image files in the order of their paths, and how many others were left out, by reason."""

    paths: tuple[Path, ...]
    left_out: Counter[str]


def image_files(folder: Path, *, on_bad: OnBad = "error") -> ImageFiles:
    """Return all images below a folder; links are followed as torchvision does, loops end.

    Args:
        folder: The folder.
        on_bad: Whether links that lead nowhere and files that are no images by their names are
            an error, or are left out and counted.

    Raises:
        DataError: If there are such; it lists them all.
        OSError: If a folder cannot be listed.
    """
    paths: list[Path] = []
    faults: list[str] = []
    left_out: Counter[str] = Counter()
    for path, reason in _walk(folder):
        if not reason and path.suffix.lower() not in SUFFIXES:
            reason = "not an image"
        if not reason:
            paths.append(path)
            continue
        left_out[reason] += 1
        if reason in _FAULTS:
            faults.append(f"{path}: {_FAULTS[reason]}")
    if faults and on_bad == "error":
        head = f"{folder}: {len(faults):,} files are no images that can be read"
        raise listed(head, sorted(faults), "`on_bad: skip` leaves {} out")
    return ImageFiles(tuple(sorted(paths)), left_out)


_FAULTS = {
    LOST: "a link that leads nowhere",
    "not an image": "not an image; an image folder may hold nothing else",
}


def aside(entry: os.DirEntry[str]) -> str:
    """Return why an entry of a folder has no part in a data set; empty if it has one."""
    if entry.name.startswith("."):
        return "hidden"
    return "system" if entry.name.lower() in _SYSTEM else ""


def holds_files(folder: Path) -> bool:
    """Return whether a folder has a file below it that is not hidden or a system's."""
    return any(reason not in ("hidden", "system") for _, reason in _walk(folder))


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file below a folder with the reason why it is none, which is mostly empty."""
    waiting = [(folder, frozenset((_identity(folder.stat()),)))]
    while waiting:
        here, above = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                path = here / entry.name
                reason = aside(entry)
                if reason:
                    yield path, reason
                    continue
                try:
                    found = entry.stat() if entry.is_symlink() or entry.is_dir() else None
                except OSError as error:
                    if error.errno not in _NOWHERE:
                        raise
                    yield path, LOST
                    continue
                if found is None or not entry.is_dir():
                    yield path, "" if entry.is_file() else "neither file nor folder"
                elif _identity(found) in above:
                    yield path, "links back to a folder above"
                else:
                    waiting.append((path, above | {_identity(found)}))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
