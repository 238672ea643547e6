"""Small random images, written in the formats that sources hold them in."""

import gzip
import io
import pickle
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image


class Pixels(NamedTuple):
    """Images `(N, C, H, W)` and their labels."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def random_pixels(*shape: int, seed: int = 0) -> Pixels:
    generator = np.random.default_rng(seed)
    return Pixels(
        generator.integers(0, 256, shape, dtype=np.uint8),
        generator.integers(0, 10, shape[0], dtype=np.int64),
    )


def as_image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0).copy())


def encoded(pixels: NDArray[np.uint8], image_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    as_image(pixels).save(buffer, image_format, lossless=True)
    return buffer.getvalue()


def image_table(pixels: Pixels, image: str = "image", label: str = "label") -> pa.Table:
    """A table in the Hugging Face image schema, WebP and PNG by turns."""
    rows = [
        {"bytes": encoded(one, "WEBP" if i % 2 and len(one) == 3 else "PNG"), "path": str(i)}
        for i, one in enumerate(pixels.images)
    ]
    return pa.table({image: rows, label: pa.array(pixels.labels)})


def write_parquet(folder: Path, pixels: Pixels, *, split: str = "test", shards: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, len(pixels.images), shards + 1).astype(int)
    for i, (start, stop) in enumerate(pairwise(bounds)):
        part = Pixels(pixels.images[start:stop], pixels.labels[start:stop])
        path = folder / f"{split}-{i:05}-of-{shards:05}.parquet"
        pq.write_table(image_table(part), path, row_group_size=3)


def write_idx(folder: Path, pixels: Pixels, *, zipped: bool) -> None:
    folder.mkdir(parents=True)
    images, labels = pixels.images[:, 0], pixels.labels.astype(np.uint8)
    for name, array in (("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
        data = header + array.tobytes()
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(data) if zipped else data)


def write_cifar10(folder: Path, pixels: Pixels) -> None:
    folder.mkdir(parents=True)
    names = [f"data_batch_{i}" for i in range(1, 6)]
    for name, images, labels in zip(
        names, np.split(pixels.images, 5), np.split(pixels.labels, 5), strict=True
    ):
        batch = {"data": images.reshape(len(images), -1), "labels": labels.tolist()}
        (folder / name).write_bytes(pickle.dumps({**batch, "batch_label": name}, protocol=2))
    batch = {"data": pixels.images.reshape(-1, 3072), "labels": pixels.labels.tolist()}
    (folder / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))


def write_images(folder: Path, pixels: Pixels, *, classes: bool = False) -> None:
    for i, (one, label) in enumerate(zip(*pixels, strict=True)):
        path = folder / (f"{label}/{i:03}.png" if classes else f"{i:03}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(one))
