"""Folders that an option of a plugin names: their files, and a digest of the content."""

from pathlib import Path
from typing import Annotated, TypeAlias

from ood_bench.hashing import digest, file_sha256

__all__ = ["FolderPath", "NamesFolder", "files_of", "folder_sha256"]


class NamesFolder:
    """Mark of an option that names a folder."""


FolderPath: TypeAlias = Annotated[str, NamesFolder]
"""Type of an option of a plugin that names a folder, relative to the suite. The content of its
files belongs to the revision of the plugin."""


def files_of(folder: Path) -> dict[str, Path]:
    """Return the files of a folder and its subfolders, without hidden ones, by relative path.

    Raises:
        NotADirectoryError: If there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*"))}
    return {
        name.as_posix(): path
        for name, path in found.items()
        if path.is_file() and not any(part.startswith(".") for part in name.parts)
    }


def folder_sha256(folder: Path) -> str:
    """Return a digest of the content of a folder: of its files by relative path.

    Raises:
        OSError: If there is no such folder, or a file cannot be read.
    """
    return digest({name: file_sha256(path) for name, path in files_of(folder).items()})
