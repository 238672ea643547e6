r"""Compare background models on ID images alone, as those of the zoo were chosen.

    python benchmark/choose_mutation.py fashion_mnist results/background-glow-fashion_mnist-* \
        --model zoo:glow-fashion_mnist --backgrounds mutated-10 mutated-20 mutated-30
    python benchmark/choose_mutation.py mnist_20k results/background-glow-mnist-* \
        --model zoo:glow-mnist --backgrounds mutated-10 mutated-20 mutated-30

The images that were held out of the training stand for ID images, and the same images with their
16 patches in another order for OOD ones: what they show is lost, the statistics of the patches are
not. A background model should know only the latter, so that the likelihood ratio tells the two
apart. No test image and no other data set is read. Of the shares of mutated pixels whose intervals
hold the largest AUROC, the zoo has the smallest.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ood_bench
from ood_bench.data import DataOptions, Shape
from ood_bench.data.library import Library
from ood_bench.data.partition import partition
from ood_bench.detectors import Precomputed

PATCHES = 4
"""Number of patches along each side."""


def held_out(name: str) -> NDArray[np.uint8]:
    """Return the 2,000 images `(N, C, H, W)` that the zoo's trainings on gray images leave out."""
    library = Library(root=Path(os.environ["OOD_BENCH_DATA"]), index=None)
    images = library.load(name, DataOptions(), "train", Shape(1, 28, 28))
    parts = partition(len(images.pixels), digest=images.digest, validation=1_000, held_out=2_000)
    return images.pixels[parts.held_out]


def shuffled(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images `(N, C, H, W)` whose patches are in an order drawn for each image."""
    count, channels, height, width = images.shape
    size = (height // PATCHES, width // PATCHES)
    grid = images.reshape(count, channels, PATCHES, size[0], PATCHES, size[1])
    patches = grid.transpose(0, 2, 4, 1, 3, 5).reshape(count, PATCHES**2, channels, *size)
    orders = np.tile(np.arange(PATCHES**2), (count, 1))
    orders = np.random.default_rng(0).permuted(orders, axis=1)
    mixed = np.take_along_axis(patches, orders[:, :, None, None, None], axis=1)
    grid = mixed.reshape(count, PATCHES, PATCHES, channels, *size)
    return np.ascontiguousarray(grid.transpose(0, 3, 1, 4, 2, 5).reshape(images.shape))


def main() -> None:
    """Print the AUROC of each background's likelihood ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("run", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--backgrounds", nargs="+", required=True)
    args = parser.parse_args()
    images = held_out(args.data)
    sides = {"inside": images, "outside": shuffled(images)}

    def scored(model: str, run: str | None = None) -> dict[str, NDArray[np.float64]]:
        found = {
            side: ood_bench.score(model, pixels, run=run, results=args.run.parent)
            for side, pixels in sides.items()
        }
        return {side: table["log_prob"].to_numpy() for side, table in found.items()}

    model = scored(args.model)
    ratios = {}
    for name in args.backgrounds:
        background = scored(name, args.run.name)
        ratios[name] = {side: background[side] - model[side] for side in sides}
    ratios["no background"] = {side: -model[side] for side in sides}
    inside, outside = ({name: one[side] for name, one in ratios.items()} for side in sides)
    found = ood_bench.evaluate_detectors(
        {name: Precomputed(name) for name in ratios},
        inside=inside,
        outside={"shuffled": outside},
        metrics=["auroc"],
    )
    sys.stdout.write(f"{found.frame[['detector', 'value', 'low', 'high']]}\n")


if __name__ == "__main__":
    main()
