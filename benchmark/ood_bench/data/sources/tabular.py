"""Tables in the Hugging Face image schema: Parquet files, and Arrow files of the hub's cache."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ood_bench.data.pictures import Encoded, Labels, as_labels
from ood_bench.data.reading import reading
from ood_bench.data.sources import Files, Found, SearchRoots
from ood_bench.data.sources.shards import parquet_files
from ood_bench.errors import DataError

ROWS = 512


@dataclass(frozen=True)
class Columns:
    """Names of the columns.

    Attributes:
        image: A struct of bytes and path, as `datasets` writes images, or plain binary.
        label: Integers. None: `label`, if there are integers under that name.
    """

    image: str = "image"
    label: str | None = None


@dataclass(frozen=True)
class RootParquet:
    """`ROOT/<name>/<split>-*.parquet`."""

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the data set if its folder holds Parquet files."""
        if roots.root is None:
            return None
        files = parquet_files(roots.root / name)
        return tables("data root, Parquet", files, Columns()) if files else None


def tables(title: str, files: Files, columns: Columns) -> Found:
    """Return a data set that lies in tables, by split."""
    return Found(title, files, lambda split, limit: read_tables(files[split], columns, limit))


def read_tables(paths: tuple[Path, ...], columns: Columns, limit: int | None) -> Encoded:
    """Return the images of one split, in the order of its files.

    Raises:
        DataError: If a file is damaged or lacks a column.
    """
    schemas = [_schema(path) for path in paths]
    label = columns.label
    for path, schema in zip(paths, schemas, strict=True):
        for name in filter(None, (columns.image, columns.label)):
            if name not in schema.names:
                raise DataError(
                    f"{path}: no column '{name}'; there are {', '.join(schema.names)}; say "
                    "which with image_column and label_column"
                )
    unread = ""
    if label is None and all("label" in schema.names for schema in schemas):
        kinds = [schema.field("label").type for schema in schemas]
        others = [kind for kind in kinds if not _integers(kind)]
        label = None if others else "label"
        unread = f"without labels, as column 'label' holds {others[0]}" if others else ""
    labels, count = _labels_and_count(paths, label, columns.image, limit)

    def blobs() -> Iterator[tuple[str, bytes | None]]:
        left = count
        for path in paths:
            row = 0
            for batch in _batches(path, [columns.image]):
                for blob in _bytes(path, batch.column(0))[:left].to_pylist():
                    yield f"{path}: row {row}", blob
                    row, left = row + 1, left - 1
            if not left:
                return

    return Encoded(count, labels, blobs, unread)


def _integers(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind.value_type if pa.types.is_dictionary(kind) else kind))


def _bytes(path: Path, column: Any) -> Any:
    if pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
        column = column.field("bytes")
    if pa.types.is_binary_view(column.type):
        column = column.cast(pa.large_binary())
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        raise DataError(f"{path}: the image column holds {column.type}, not encoded images")
    return column


def _labels_and_count(
    paths: tuple[Path, ...], label: str | None, image: str, limit: int | None
) -> tuple[Labels, int]:
    if label is None:
        total = sum(_rows(path, image) for path in paths)
        return None, total if limit is None else min(total, limit)
    parts = []
    for path in paths:
        for batch in _batches(path, [label]):
            column = batch.column(0)
            if not pa.types.is_integer(column.type) or column.null_count:
                raise DataError(f"{path}: column '{label}' must hold an integer in every row")
            values = column.to_numpy(zero_copy_only=False)
            parts.append(as_labels(f"{path}: column '{label}'", values, len(column)))
    labels = np.concatenate([np.empty(0, np.int64), *parts])[:limit]
    return labels, len(labels)


def _schema(path: Path) -> Any:
    with _reading(path):
        if path.suffix == ".arrow":
            with pa.ipc.open_stream(pa.memory_map(str(path))) as stream:
                return stream.schema
        return pq.read_schema(path)


def _rows(path: Path, image: str) -> int:
    if path.suffix == ".parquet":
        with _reading(path):
            return int(pq.read_metadata(path).num_rows)
    return sum(len(batch) for batch in _batches(path, [image]))


def _batches(path: Path, columns: list[str]) -> Iterator[Any]:
    with ExitStack() as stack:
        with _reading(path):
            if path.suffix == ".arrow":
                stream = pa.ipc.open_stream(pa.memory_map(str(path)))
                batches = (batch.select(columns) for batch in stack.enter_context(stream))
            else:
                file = stack.enter_context(pq.ParquetFile(path))
                batches = file.iter_batches(ROWS, columns=columns)
        while True:
            with _reading(path):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def _reading(path: Path) -> AbstractContextManager[None]:
    kind = "Arrow" if path.suffix == ".arrow" else "Parquet"
    return reading(path, f"not a readable {kind} file")
