"""Scores of images, and a verdict on each by a threshold from held-out ID images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.capabilities import DensityModel
from ood_bench.detectors import Columns, Detector, Scores
from ood_bench.detectors.likelihood import Likelihood
from ood_bench.errors import OodBenchError, PluginError
from ood_bench.plan.plugins import split_role
from ood_bench.registry import Registry
from ood_bench.statistics import Statistic, in_family, provider
from ood_bench.units import bits_per_dim

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDS = 5
"""Folds of the held-out images; each is scored by a detector fitted on the others."""


@dataclass(frozen=True)
class Judged:
    """Scores and verdicts of some images.

    Attributes:
        table: One row per image: `file`, `log_prob` in nats, `bits_per_dim`, `score`, and
            `verdict` (ID or OOD) where there are held-out images.
        threshold: The score above which an image is OOD; None without held-out images.
        accept: The share of held-out images that it accepts as ID.
        held_out: Number of held-out images.
    """

    table: pd.DataFrame
    threshold: float | None
    accept: float
    held_out: int


def judge(
    model: DensityModel,
    names: Sequence[str],
    pixels: NDArray[np.uint8],
    *,
    detector: Detector,
    held_out: Columns | None,
    accept: float = 0.95,
    registry: Registry,
) -> Judged:
    """Score images, and classify each as in-distribution or out-of-distribution.

    The threshold is the lowest score that accepts at least the share `accept` of the held-out
    images, each of which is scored by a detector fitted on the other four fifths (5-fold). The
    images under test have no influence on it.

    Args:
        model: In evaluation mode, on its device.
        names: The name of each image.
        pixels: uint8, shape `(N, C, H, W)`.
        detector: The detector; it must read only the model's own columns and score single images.
        held_out: Columns of ID images that the model was not trained on. Without them there is no
            verdict, and the detector must be the likelihood.
        accept: Share of ID images to accept, in (0, 1].
        registry: The installed statistics.

    Raises:
        OodBenchError: If the detector reads columns that do not exist.
        PluginError: If a value is not finite; the message names the image.
    """
    if not 0 < accept <= 1:
        raise OodBenchError(f"accept must be above 0 and at most 1, got {accept:g}")
    name = type(detector).__name__
    _check(detector, name, held_out)
    columns = computed_columns(model, pixels, ("log_prob", *detector.needs), registry)
    for column, values in columns.items():
        _require_finite(values, names, f"'{column}'")
    scores = detector.fit(held_out or {})(columns)
    _require_finite(scores, names, f"the score of {name}")
    table = pd.DataFrame(
        {
            "file": list(names),
            "log_prob": columns["log_prob"],
            "bits_per_dim": bits_per_dim(columns["log_prob"], pixels[0].size),
            "score": scores,
        }
    )
    if held_out is None:
        return Judged(table, None, accept, 0)
    limit = threshold(detector, held_out, accept)
    table["verdict"] = np.where(scores > limit, "OOD", "ID")
    return Judged(table, limit, accept, _count(held_out))


def threshold(detector: Detector, held_out: Columns, accept: float) -> float:
    """Return the lowest score that accepts at least a share of held-out images.

    Example:
        >>> held_out = {"log_prob": -np.arange(100.0)}
        >>> threshold(Likelihood(), held_out, 0.95)
        94.0
    """
    count = _count(held_out)
    if count < FOLDS:
        raise OodBenchError(f"a threshold takes at least {FOLDS} held-out images, got {count}")
    scores = np.empty(count)
    for fold in range(FOLDS):
        own = np.arange(count) % FOLDS == fold
        scorer = detector.fit({name: values[~own] for name, values in held_out.items()})
        scores[own] = scorer({name: values[own] for name, values in held_out.items()})
    passed = math.ceil(round(accept * count, 6))
    return float(np.sort(scores)[passed - 1])


def computed_columns(
    model: object, pixels: NDArray[np.uint8], needs: Sequence[str], registry: Registry
) -> dict[str, Scores]:
    """Compute columns of images with the installed statistics that yield them.

    Raises:
        OodBenchError: If none yields a column for this model.
    """
    statistics: dict[str, type[Statistic]] = {}
    for name in registry.names("statistics"):
        try:
            statistics[name] = registry.load("statistics", name)
        except PluginError:
            continue  # a broken one is reported below if it is needed
    found: dict[str, Scores] = {}
    for need in needs:
        if any(in_family(column, need) for column in found):
            continue
        chosen = provider(need, statistics, type(model))
        if chosen is None:
            raise OodBenchError(
                f"no statistic yields the column '{need}' of {type(model).__name__}"
            )
        found |= statistics[chosen]().compute(pixels, model)
    return found


def _check(detector: Detector, name: str, held_out: Columns | None) -> None:
    """Check that a detector scores single images by the model's held-out columns only."""
    roles = [need for need in (*detector.needs, *detector.fits_on) if split_role(need)[0]]
    if roles:
        raise OodBenchError(
            f"{name} reads another model ({', '.join(roles)}); take a detector that reads the "
            "model's own columns"
        )
    if detector.fit_on == "train":
        raise OodBenchError(
            f"{name} is fitted on training images, and a model comes with columns of held-out ones "
            "alone; give it fit_on: held_out if it has that option"
        )
    if detector.group > 1:
        raise OodBenchError(f"{name} scores groups of {detector.group} images, not single ones")
    if held_out is None:
        if not isinstance(detector, Likelihood):
            raise OodBenchError(f"{name} needs held-out in-distribution images; give held_out")
        return
    lacking = [
        need
        for need in (*detector.needs, *detector.fits_on)
        if not any(in_family(column, need) for column in held_out)
    ]
    if lacking:
        raise OodBenchError(
            f"{name} reads {', '.join(lacking)} of held-out images, and the model comes with "
            f"{', '.join(sorted(held_out)) or 'none'}; name the detector in the suite and run it "
            "again"
        )


def _count(columns: "Mapping[str, NDArray[np.float64]]") -> int:
    return len(next(iter(columns.values())))


def _require_finite(values: Scores, names: Sequence[str], what: str) -> None:
    if values.shape != (len(names),):
        raise PluginError(f"{what}: shape {values.shape} instead of ({len(names)},)")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise PluginError(f"{names[bad[0]]}: {what} is {values[bad[0]]}")
