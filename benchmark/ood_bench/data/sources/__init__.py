"""Sources of images: each module reads one kind of files into pictures by split."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from ood_bench.data.pictures import Pictures

__all__ = [
    "Files",
    "Found",
    "SearchRoots",
    "Source",
]

Files: TypeAlias = Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True)
class SearchRoots:
    """The folders to search for data sets.

    Attributes:
        root: The data root, or None.
        hub: The cache of the Hugging Face hub, or None to ignore it.
    """

    root: Path | None
    hub: Path | None

    def below(self, folders: tuple[str, ...]) -> tuple[Path, ...]:
        """Return some folders below the data root; none without a root."""
        return () if self.root is None else tuple(self.root / folder for folder in folders)


@dataclass(frozen=True)
class Found:
    """An available data set.

    Attributes:
        title: Where it was found, for provenance: "data root, Parquet".
        files: The files of each split; they change when the images do.
        read: Reads a split, optionally at most a given number of images.
        left_out: For each split, the number of ignored files beside its own, by reason.
        remarks: Remarks on the files of each split.
    """

    title: str
    files: Files
    read: Callable[[str, int | None], Pictures]
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A way to find a data set, tried in the order that its catalogue entry lists."""

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the data set if it is available, whole or in part; nothing is decoded.

        Args:
            name: Name of the catalogue entry.
            roots: Where to look.

        Raises:
            DataError: If its files are inconsistent, for instance if a shard is missing.
        """
        ...
