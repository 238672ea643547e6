"""Data sets of the Hugging Face hub that `datasets` has downloaded before."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ood_bench.data.sources import Found, SearchRoots
from ood_bench.data.sources.shards import by_split
from ood_bench.data.sources.tabular import Columns, tables


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

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the data set if it lies in the cache; the network is not touched.

        Of several configurations or versions there, the one written last counts; the title
        says which configuration it is.
        """
        del name
        if roots.hub is None:
            return None
        owner, _, repo = self.repo.rpartition("/")
        prepared = _snake_case(repo)
        below = roots.hub / (f"{owner}___{prepared}" if owner else prepared)
        infos = below.glob(f"{self.config or '*'}/*/*/dataset_info.json")
        folder = max(infos, key=lambda path: path.stat().st_mtime_ns, default=below).parent
        found = by_split(sorted(folder.glob(f"{prepared}-*.arrow")), prefix=f"{prepared}-")
        files = {self.ours(split): paths for split, paths in found.items() if self.ours(split)}
        config = folder.parents[1].name.partition("-")[0]
        title = f"hub, {self.repo}" + ("" if config == "default" else f", {config}")
        return tables(title, files, self.columns) if files else None

    def ours(self, theirs: str) -> str:
        """Return our name of one of the hub's splits; empty if another split has that name.

        Example:
            >>> hub = Hub("nobody/nothing", splits={"test": "eval"})
            >>> [hub.ours(split) for split in ("train", "test", "eval")]
            ['train', '', 'test']
        """
        for split, other in self.splits.items():
            if theirs == other:
                return split
        return "" if theirs in self.splits else theirs


def _snake_case(repo: str) -> str:
    """Return the name that `datasets` gives a repository in its cache.

    Example:
        >>> _snake_case("CelebA-attrs")
        'celeb_a-attrs'
    """
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", repo)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", words).lower()


def hub_cache() -> Path:
    """Return where `datasets` keeps what it has downloaded, by its environment variables."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{cache}/huggingface")
    return Path(os.environ.get("HF_DATASETS_CACHE", f"{home}/datasets")).expanduser()
