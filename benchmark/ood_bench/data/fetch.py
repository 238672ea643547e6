"""Download a data set from the Hugging Face hub into the data root."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ood_bench.data.catalogue import catalogue
from ood_bench.data.entry import Entry
from ood_bench.data.sources.hub import Hub
from ood_bench.errors import DataError, did_you_mean, machine_refusal, system_number
from ood_bench.files import unfinished

WRITTEN_AT_ONCE = 1000
"""Images per row group of a Parquet file."""


def fetch(name: str, root: Path, *, entries: Mapping[str, Entry] | None = None) -> tuple[Path, ...]:
    """Write a data set's splits as Parquet in the Hugging Face image schema.

    The files are `ROOT/<name>/<split>-00000-of-00001.parquet`, written atomically; a split
    that exists already is kept.

    Args:
        name: A data set of the catalogue.
        root: The data root.
        entries: The data sets known by name.

    Returns:
        The files of all splits.

    Raises:
        DataError: If the name is unknown, the hub has no such set, or the download fails.
    """
    entries = catalogue() if entries is None else entries
    if name not in entries:
        raise DataError(f"unknown data set '{name}'{did_you_mean(name, entries)}")
    hub = entries[name].hub
    if hub is None:
        raise DataError(f"'{name}' is not on the hub; it comes with ood-bench")
    splits = ("all",) if "all" in hub.splits else tuple(entries[name].counts)
    paths: list[Path] = []
    for split in splits:
        if not (shards := sorted((root / name).glob(f"{split}-*.parquet"))):
            shards = [root / name / f"{split}-00000-of-00001.parquet"]
            _download(name, hub, hub.splits.get(split, split), shards[0])
        paths += shards
    return tuple(paths)


def _download(name: str, hub: Hub, split: str, path: Path) -> None:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import config
    from datasets.exceptions import DatasetsError

    ours = {hub.columns.image: "image", hub.columns.label or "label": "label"}
    try:
        found = datasets.load_dataset(hub.repo, hub.config, split=split)
        kept = [column for column in ours if column in found.column_names]
        found = found.select_columns(kept)
        found = found.rename_columns({old: ours[old] for old in kept if old != ours[old]})
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        for cause in (error, error.__cause__):  # for instance, the disk of its cache is full
            if cause is not None and machine_refusal(cause):
                number = system_number(cause) or 0
                cache = str(config.HF_DATASETS_CACHE)
                raise OSError(number, os.strerror(number), cache) from error
        reason = " ".join(str(error).split())
        raise DataError(f"cannot fetch '{name}' from the hub ({hub.repo}): {reason}") from error
    schema = found.features.arrow_schema  # as Parquet of the hub has it, with the classes' names
    with unfinished(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for table in found.with_format("arrow").iter(WRITTEN_AT_ONCE):
            writer.write_table(cast("pa.Table", table).cast(schema))
