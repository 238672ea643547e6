"""Score images with a model of a run, an exported one, or one in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.data import Shape, Transform
from ood_bench.data.options import OnBad
from ood_bench.detectors import Columns, Detector
from ood_bench.errors import DataError
from ood_bench.registry import Registry, construct
from ood_bench.scoring import Gathered, find_model, gather, judge
from ood_bench.scoring.judge import computed_columns

if TYPE_CHECKING:
    import pandas as pd

    from ood_bench.capabilities import DensityModel


def score(
    model: "str | Path | DensityModel",
    images: str | Path | Sequence[str | Path] | NDArray[np.uint8],
    *,
    detector: str | Detector = "likelihood",
    accept: float = 0.95,
    held_out: NDArray[np.uint8] | None = None,
    transform: Mapping[str, Any] | None = None,
    split: str | None = None,
    on_bad: OnBad = "error",
    run: str | None = None,
    results: str | Path = "results",
    root: str | Path | None = None,
    device: str = "auto",
    trust_code: bool = False,
) -> "pd.DataFrame":
    """Score images: log-likelihood, detector score, and a verdict on each image.

    Args:
        model: The folder of an exported model, the file of a training's cell, the name of a model
            in a run (`glow`, or `glow@mnist/0`), or a model in memory, in evaluation mode, whose
            `log_prob` takes uint8 images.
        images: uint8, shape `(N, C, H, W)`; or a folder, an `.npz` archive, an image file, a
            pattern such as `photos/*.png`, the name of a data set of the catalogue, or a list of
            these.
        detector: A detector, or the name of one, with default options.
        accept: Share of ID images to accept, which sets the threshold of the verdict.
        held_out: For a model in memory: in-distribution images that it was not trained on,
            uint8, shape `(M, C, H, W)`. Without them there is no verdict, and the detector must
            be the likelihood.
        transform: The transform of images that are read, as in a suite, such as
            `{"crop": "square", "resize": "bicubic", "channels": "match"}`; default: that of
            the training images.
        split: The split of an archive or a data set; default: `test`.
        on_bad: `error` lists all unreadable files and images, `skip` leaves them out.
        run: The run of a named model; default: the newest of a whole suite.
        results: The folder of all runs.
        root: The data root, for data sets of the catalogue.
        device: `auto`, `cpu`, `cuda` or `cuda:N`, for a model that is loaded.
        trust_code: Whether to run code that a model's folder contains or names and that no
            installed package registers; read it first.

    Returns:
        One row per image: `file`, `log_prob` (log P(x) of the 8-bit image in nats),
        `bits_per_dim`, `score` (larger = more OOD), and `verdict` (`ID` or `OOD`).

    Raises:
        OodBenchError: If the model, an image or a column that the detector reads is missing.

    Example:
        >>> import torch
        >>> class Uniform:
        ...     def log_prob(self, x):
        ...         return torch.full((len(x),), -x[0].numel() * torch.log(torch.tensor(256.0)))
        >>> black = np.zeros((2, 1, 8, 8), np.uint8)
        >>> score(Uniform(), black)[["file", "bits_per_dim", "score"]]
               file  bits_per_dim       score
        0  image[0]           8.0  354.891357
        1  image[1]           8.0  354.891357
    """
    registry = Registry()
    built: Detector = (
        construct(registry.load("detectors", detector), detector, {})
        if isinstance(detector, str)
        else detector
    )
    chosen = None if transform is None else Transform.model_validate(transform)
    columns: Columns | None
    shape: Shape | None
    if isinstance(model, str | Path):
        from ood_bench.execute.devices import device_named

        found = find_model(model, results=Path(results), run=run, trust_code=trust_code)
        loaded, columns = found.load(device_named(device)), found.columns(registry)
        shape, usual = found.shape, found.transform
    else:
        loaded, usual = model, Transform()
        columns, shape = _held_out(model, held_out, built, registry), _shape(model, held_out)
    if not isinstance(images, np.ndarray):
        if shape is None:
            raise DataError("this model does not say its shape; give the images as an array")
        where = None if root is None else Path(root)
        gathered = gather(
            images,
            shape,
            usual=usual,
            transform=chosen,
            split=split,
            root=where,
            on_bad=on_bad,
        )
    else:
        gathered = _named(images, shape)
    return judge(
        loaded,
        gathered.names,
        gathered.pixels,
        detector=built,
        held_out=columns,
        accept=accept,
        registry=registry,
    ).table


def _held_out(
    model: object, held_out: NDArray[np.uint8] | None, detector: Detector, registry: Registry
) -> Columns | None:
    """Return the columns of held-out images for a detector, under a model in memory."""
    if held_out is None:
        return None
    pixels = _named(held_out, None).pixels
    return computed_columns(model, pixels, (*detector.needs, *detector.fits_on), registry)


def _shape(model: object, held_out: NDArray[np.uint8] | None) -> Shape | None:
    """Return the shape of a model in memory; None if unknown."""
    from ood_bench.lit import ImageModule

    if isinstance(model, ImageModule):
        return model.shape
    return None if held_out is None else Shape(*held_out.shape[1:])


def _named(images: NDArray[np.uint8], shape: Shape | None) -> Gathered:
    """Check an array of images, and number them."""
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise DataError(
            f"images must be uint8 of shape (N, C, H, W), at least one, got {images.dtype} "
            f"{images.shape}"
        )
    if shape is not None and images.shape[1:] != shape:
        raise DataError(f"images are {Shape(*images.shape[1:])} but the model takes {shape}")
    return Gathered(tuple(f"image[{i}]" for i in range(len(images))), images, "none")
