"""Interval of an expression whose terms may share images and trainings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ood_bench.claims.lookup import Measured
from ood_bench.hashing import seed_for
from ood_bench.metrics import Measure, pool
from ood_bench.metrics.covariance import Influence, covariance
from ood_bench.metrics.measure import normal_quantile
from ood_bench.metrics.resampling import RESAMPLES, Draw, Resampled, jointly
from ood_bench.results import FindingRow, trainings
from ood_bench.results.trainings import ONE

EXACT = "exact: its terms cancel"
OWN = "that of its one term"
DELONG = "covariance over the images that its terms share (DeLong)"
BOOTSTRAP = "joint bootstrap over the images that its terms share"
ADDED = "half-widths added up, for terms that share images of which no single values are kept"
INDEPENDENT = "terms that share no image are independent"


class Rows(NamedTuple):
    """Number of images of a set that a measure reads, and which part of the set."""

    size: int
    part: tuple[str, ...] = ()


@dataclass(frozen=True)
class PerImage:
    """One measure of one training as a function of the images.

    Attributes:
        reads: The sets of images that it reads.
        resampled: The measure as a function of resampled images.
        influence: The influence of each image, for AUROC and means; otherwise None.
        draws: Number of bootstrap resamples, if it is resampled.
    """

    reads: Mapping[str, Rows]
    resampled: Resampled
    influence: Influence | None = None
    draws: int = RESAMPLES


class PerImageReader(Protocol):
    """Protocol: finds the images that a measure reads, and reads their per-image values."""

    def images(self, row: Measured, /) -> frozenset[str] | None:
        """Return the sets of images that a measure reads; None if unknown."""
        ...

    def read(self, row: Measured, /) -> PerImage | None:
        """Return a row of a single seed per image; None if per-image values are not stored."""
        ...


class Names:
    """Identifies images by names of data sets and splits, without per-image values."""

    def images(self, row: Measured, /) -> frozenset[str] | None:
        """Return data set and split of each side; a finding may read any of its model's images."""
        if isinstance(row, FindingRow):
            return None
        inside, outside = f"{row.inside}/test", f"{row.outside}/test"
        alone = {
            "bpd_train": f"{row.inside}/train",
            "bpd_inside": inside,
            "bpd_outside": outside,
        }
        return frozenset([alone[row.metric]] if row.metric in alone else [inside, outside])

    def read(self, row: Measured, /) -> PerImage | None:  # noqa: ARG002
        """Return None."""
        return None


class Part(NamedTuple):
    """A pooled row and the derivative of the expression in it."""

    row: Measured
    slope: float


class Spread(NamedTuple):
    """The half-widths of an interval below and above its value, and the rule used."""

    down: float
    up: float
    rule: str


Reach: TypeAlias = tuple[float, float]


def spread(
    parts: Sequence[Part], rows: Sequence[Measured], source: PerImageReader, *, level: float
) -> Spread:
    r"""Return the interval of an expression to first order.

    A single term keeps its own interval, times its derivative. Terms that share images are
    correlated: with $C$ the covariance matrix of their values over the images and $g$ the
    derivatives, the half-width is $z \sqrt{g^\top C g}$. For AUROC and means $C$ is DeLong's. If
    there are other metrics, or an AUROC is so near 0 or 1 that its normal interval leaves [0, 1],
    only the correlations come from $C$ (by a joint bootstrap of the images), and each term's
    half-widths from its own interval, on the side that the sign of its derivative selects.
    Without per-image values half-widths are added, an upper bound for any correlation. Terms
    without common images are independent: their half-widths are added in quadrature.

    Terms of several seeds are paired by seed. The half-width of the mean over seeds is added in
    quadrature, as in `metrics.pool`.

    Args:
        parts: The terms, each once.
        rows: All rows, including those of single seeds.
        source: Reader of per-image values.
        level: Coverage of all intervals.

    Reference:
        Zou, Toward using confidence intervals to compare correlations, Psychological Methods
        2007, doi:10.1037/1082-989X.12.4.399, for half-widths that differ with a correlation.
    """
    parts = [part for part in parts if part.slope]
    if not parts:
        return Spread(0.0, 0.0, EXACT)
    if len(parts) == 1:
        ((row, slope),) = parts
        return Spread(*_scaled([row], slope), OWN)
    terms = [_Term.of(part, rows) for part in parts]
    shared = _sharing([source.images(term.singles[0]) for term in terms])
    found = [_over_images([terms[i] for i in cluster], source, level) for cluster in shared]
    reaches = [reach for reach, _ in found] + [
        _over_seeds(group, level) for group in _by_seeds(terms)
    ]
    down, up = (math.hypot(*side) for side in zip(*reaches, strict=True))
    rules = dict.fromkeys(rule for _, rule in found if rule)
    if len(shared) > 1:
        rules[INDEPENDENT] = None
    return Spread(down, up, "; ".join(rules))


@dataclass(frozen=True)
class _Term:
    """A pooled row, its slope, and its rows of single seeds in the order of the seeds."""

    row: Measured
    slope: float
    singles: tuple[Measured, ...]

    @classmethod
    def of(cls, part: Part, rows: Sequence[Measured]) -> "_Term":
        name = _address(part.row)
        single = sorted(
            (row for row in rows if row.seed != "all" and _address(row) == name),
            key=lambda row: (len(row.seed), row.seed),
        )
        return cls(*part, tuple(single) or (part.row,))

    @property
    def seeds(self) -> tuple[str, ...]:
        return tuple(row.seed for row in self.singles)

    @property
    def own(self) -> Reach:
        """The half-widths of its own intervals over images, times the derivative."""
        return _scaled(self.singles, self.slope)


def fewest(found: Sequence[Measured], rows: Sequence[Measured]) -> str:
    """Return the smallest number of trainings behind pooled rows, in words; empty if unknown.

    Args:
        found: Pooled rows.
        rows: All rows, including those of single seeds.
    """
    terms = [_Term.of(Part(row, 0.0), rows) for row in found]
    least = min(terms, key=lambda term: len(term.singles), default=None)
    if least is None or least.singles[0].seed == "all":
        return ""
    (first, *others) = least.singles
    said = first.trainings if isinstance(first, FindingRow) else first.note.split("; ")[-1]
    return said if said.startswith(ONE) and not others else trainings(len(least.singles))


def _address(row: Measured) -> tuple[str, ...]:
    if isinstance(row, FindingRow):
        return ("finding", row.analysis, row.name, row.model, row.inside, row.outside)
    return (row.metric, row.detector, "", row.model, row.inside, row.outside)


def _scaled(rows: Sequence[Measured], slope: float) -> Reach:
    """Return the root mean square half-widths of rows, times a derivative of either sign."""
    down, up = (
        math.hypot(*(max(0.0, reach) for reach in side)) / math.sqrt(len(rows))
        for side in zip(*((row.value - row.low, row.high - row.value) for row in rows), strict=True)
    )
    return (slope * down, slope * up) if slope > 0 else (-slope * up, -slope * down)


def _sharing(images: Sequence[frozenset[str] | None]) -> list[list[int]]:
    """Return clusters of terms that share images, directly or through other terms."""
    clusters: list[list[int]] = []
    for i, own in enumerate(images):
        touched = [
            cluster
            for cluster in clusters
            if any(own is None or (other := images[j]) is None or own & other for j in cluster)
        ]
        clusters = [cluster for cluster in clusters if cluster not in touched]
        clusters.append(sorted([i, *(j for cluster in touched for j in cluster)]))
    return sorted(clusters)


def _by_seeds(terms: Sequence[_Term]) -> list[list[_Term]]:
    groups: dict[tuple[str, ...], list[_Term]] = {}
    for term in terms:
        groups.setdefault(term.seeds, []).append(term)
    return [group for seeds, group in groups.items() if len(seeds) > 1]


def _over_seeds(group: Sequence[_Term], level: float) -> Reach:
    """Return the half-width over seeds of the mean of terms paired by seed."""
    values = [
        sum(term.slope * row.value for term, row in zip(group, rows, strict=True))
        for rows in zip(*(term.singles for term in group), strict=True)
    ]
    mean, low, high = pool([Measure(value, value, value) for value in values], level=level)[0]
    return mean - low, high - mean


def _over_images(terms: Sequence[_Term], source: PerImageReader, level: float) -> tuple[Reach, str]:
    """Return the half-widths over images of terms that share images, and the rule."""
    if len(terms) == 1:
        return terms[0].own, ""
    owns = [term.own for term in terms]
    values = [_averaged(term, source) for term in terms]
    known = [value for value in values if value]
    if len(known) < len(values) or not _paired(known):
        return _added(owns), ADDED
    influences = [value.influence for value in known if value.influence]
    if len(influences) < len(known):
        sizes = {name: rows.size for value in known for name, rows in value.reads.items()}
        drawn = jointly(
            [value.resampled for value in known],
            sizes,
            seed=seed_for("joint bootstrap"),
            resamples=min(value.draws for value in known),
        )
        if not np.isfinite(drawn).all():
            return _added(owns), ADDED
        return _together(terms, owns, np.cov(drawn.T)), BOOTSTRAP
    matrix = covariance(influences)
    errors = np.sqrt(np.diag(matrix))
    ends = [
        _ends(term, normal_quantile(level) * float(error))
        for term, error in zip(terms, errors, strict=True)
    ]
    return _together(terms, ends, matrix), DELONG


def _added(reaches: Sequence[Reach]) -> Reach:
    return sum(down for down, _ in reaches), sum(up for _, up in reaches)


def _ends(term: _Term, reach: float) -> Reach:
    """Return the half-widths of a term's normal interval, or its own if that leaves [0, 1]."""
    row = term.row
    share = not isinstance(row, FindingRow) and row.metric == "auroc"
    if share and not reach < row.value < 1.0 - reach:
        return term.own
    return abs(term.slope) * reach, abs(term.slope) * reach


def _together(
    terms: Sequence[_Term], reaches: Sequence[Reach], matrix: NDArray[np.float64]
) -> Reach:
    """Return the half-widths of a sum of correlated terms with asymmetric half-widths."""
    error = np.sqrt(np.diag(matrix))
    products = np.outer(error, error)
    correlation = np.divide(matrix, products, out=np.zeros_like(matrix), where=products > 0)
    np.fill_diagonal(correlation, 1.0)
    sign = np.sign([term.slope for term in terms])
    down, up = (sign * np.array(side) for side in zip(*reaches, strict=True))
    return (
        math.sqrt(max(0.0, float(down @ correlation @ down))),
        math.sqrt(max(0.0, float(up @ correlation @ up))),
    )


def _averaged(term: _Term, source: PerImageReader) -> PerImage | None:
    """Return a term's mean over seeds per image; None if values of a seed are not stored."""
    found = [value for row in term.singles if (value := source.read(row))]
    if len(found) < len(term.singles) or not _paired(found):
        return None
    influences = [value.influence for value in found if value.influence is not None]
    averaged: Influence | None = None
    if len(influences) == len(found):
        averaged = {
            name: np.mean([one[name] for one in influences], axis=0) for name in influences[0]
        }

    def resampled(draw: Draw) -> float:
        return sum(value.resampled(draw) for value in found) / len(found)

    return PerImage(found[0].reads, resampled, averaged, min(value.draws for value in found))


def _paired(values: Sequence[PerImage]) -> bool:
    """Return whether all measures that read a set of images read the same rows."""
    seen: dict[str, Rows] = {}
    return all(
        seen.setdefault(name, rows) == rows
        for value in values
        for name, rows in value.reads.items()
    )
