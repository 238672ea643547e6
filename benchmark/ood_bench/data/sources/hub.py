"""Data sets of the Hugging Face hub that `datasets` has downloaded before."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ood_bench.data.sources import Found, Place
from ood_bench.data.sources.tabular import Columns, by_split, tables


@dataclass(frozen=True)
class Hub:
    """A data set of the hub.

    Attributes:
        repo: Its name there: `ylecun/mnist`.
        columns: Its columns.
        config: Its configuration; None where it has one only.
        splits: Its names for our splits, where they differ: `{"test": "valid"}`.
    """

    repo: str
    columns: Columns = field(default_factory=Columns)
    config: str | None = None
    splits: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str, place: Place) -> Found | None:
        """Return the data set if it lies in the cache; the network is not touched."""
        del name
        folder = None if place.hub is None else self._prepared(place.hub)
        if folder is None:
            return None
        prefix = self.repo.rpartition("/")[2] + "-"
        found = by_split(sorted(folder.glob(f"{prefix}*.arrow")), prefix=prefix)
        files = {self.ours(split): paths for split, paths in found.items() if self.ours(split)}
        return tables(f"hub, {self.repo}", files, self.columns) if files else None

    def ours(self, theirs: str) -> str:
        """Return our name of one of the hub's splits; empty if another split has that name."""
        for split, other in self.splits.items():
            if theirs == other:
                return split
        return "" if theirs in self.splits else theirs

    def _prepared(self, cache: Path) -> Path | None:
        """Return the folder `<repo>/<config>/<version>/<hash>` written last."""
        below = cache / self.repo.replace("/", "___")
        infos = list(below.glob(f"{self.config or '*'}/*/*/dataset_info.json"))
        return max(infos, key=lambda path: path.stat().st_mtime_ns).parent if infos else None


def hub_cache() -> Path:
    """Return where `datasets` keeps what it has downloaded, by its environment variables."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{cache}/huggingface")
    return Path(os.environ.get("HF_DATASETS_CACHE", f"{home}/datasets")).expanduser()
