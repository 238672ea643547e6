"""Files of data sets, written as their publishers write them."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy.io import savemat
from tests.unit.data import sets
from tests.unit.data.sets import Pixels

from ood_bench.data import DataOptions


def use(name: str) -> DataOptions:
    return DataOptions(use=name)


def write_mat(root: Path, colour: Pixels) -> DataOptions:
    labels = np.where(colour.labels == 0, 10, colour.labels)
    content = {"X": colour.images.transpose(2, 3, 1, 0), "y": labels[:, None].astype(np.uint8)}
    savemat(root / "test_32x32.mat", content, do_compression=True)
    return use("svhn")


def write_npz(root: Path, colour: Pixels, *, last: bool = False) -> DataOptions:
    images = colour.images.transpose(0, 2, 3, 1) if last else colour.images
    np.savez(root / "own.npz", x_test=images, y_test=colour.labels)
    return DataOptions(npz=root / "own.npz")


def write_parquet(root: Path, colour: Pixels, *, shards: int = 1) -> DataOptions:
    sets.write_parquet(root / "cifar10", colour, shards=shards)
    return use("cifar10")


def write_own_parquet(root: Path, colour: Pixels) -> DataOptions:
    pq.write_table(sets.image_table(colour, "img", "fine"), root / "some.parquet")
    return DataOptions(parquet=root / "some.parquet", image_column="img", label_column="fine")


def write_datasets_parquet(root: Path, colour: Pixels) -> DataOptions:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {
        "image": [sets.as_image(image) for image in colour.images],
        "label": colour.labels.tolist(),
    }
    (root / "cifar10").mkdir()
    table = datasets.Dataset.from_dict(rows, features=features)
    table.to_parquet(str(root / "cifar10/test-00000-of-00001.parquet"))
    return use("cifar10")


def write_batches(root: Path, colour: Pixels) -> DataOptions:
    sets.write_cifar10(root / "cifar-10-batches-py", colour)
    return use("cifar10")


def write_folder(root: Path, colour: Pixels) -> DataOptions:
    sets.write_images(root / "own/test", colour)
    return DataOptions(folder=root / "own")
