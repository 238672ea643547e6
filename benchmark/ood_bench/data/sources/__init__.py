"""Where images come from: one module a source, each turning files into pictures by split."""

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
    """Where to look.

    Attributes:
        root: The data root, or None.
        hub: The cache of the hub's data sets, or None to leave it out.
    """

    root: Path | None
    hub: Path | None

    def below(self, folders: tuple[str, ...]) -> tuple[Path, ...]:
        """Return some folders below the data root; none without a root."""
        return () if self.root is None else tuple(self.root / folder for folder in folders)


@dataclass(frozen=True)
class Found:
    """A data set that is at hand.

    Attributes:
        title: Where it was found, for provenance: "data root, Parquet".
        files: The files that each split is read from; they change when the images do.
        read: Reads a split, at most so many images of it if a number is given.
        left_out: For each split how many files beside its own are not read, by reason.
        remarks: What a reader must know about how the images of a split lie there.
    """

    title: str
    files: Files
    read: Callable[[str, int | None], Pictures]
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A way to find a data set, tried in the order that its catalogue entry lists."""

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the data set if it is at hand, whole or in part; nothing is decoded.

        Args:
            name: Name of the catalogue entry.
            roots: Where to look.

        Raises:
            DataError: If it is there but cannot be right: a shard is missing, say.
        """
        ...
