"""The subsets in the wheel: raw pixels in Parquet, which is smaller and faster than PNG here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ood_bench.data.images import content_digest
from ood_bench.data.pictures import Decoded
from ood_bench.data.shape import Shape
from ood_bench.data.sources import Found, Place
from ood_bench.errors import DataError

FOLDER = Path(__file__).parent.parent / "embedded"


@dataclass(frozen=True)
class Embedded:
    """`embedded/<name>-<split>.parquet`.

    Attributes:
        shape: Shape of one image.
        digests: Content digest of each split.
    """

    shape: Shape
    digests: Mapping[str, str]

    def find(self, name: str, place: Place) -> Found | None:
        """Return the subset, which is always at hand."""
        del place
        files = {split: (FOLDER / f"{name}-{split}.parquet",) for split in self.digests}

        def read(split: str, limit: int | None) -> Decoded:
            path = files[split][0]
            pixels, labels = _read(path, self.shape)
            if content_digest(pixels) != self.digests[split]:
                raise _damaged(path, "its pixels are not those that were embedded")
            return Decoded(pixels[:limit], labels[:limit])

        return Found("embedded subset", files, read)


def _read(path: Path, shape: Shape) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        table = pq.read_table(path, columns=["pixels", "label"], memory_map=False)
        pixels = table["pixels"].combine_chunks().cast(pa.binary(shape.dims))
        values = np.frombuffer(pixels.buffers()[1], np.uint8).reshape(-1, *shape)
        return values, table["label"].to_numpy().astype(np.int64)
    except (pa.ArrowException, OSError, LookupError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, reason: object) -> DataError:
    return DataError(f"{path}: damaged; install ood-bench again ({reason})")
