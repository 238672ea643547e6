"""All metrics of two sets of scores."""

from typing import TYPE_CHECKING, NamedTuple

from numpy.typing import ArrayLike

from ood_bench import metrics
from ood_bench.metrics import Measure
from ood_bench.metrics.checks import both_sides

if TYPE_CHECKING:
    import pandas as pd


class Evaluation(NamedTuple):
    """How well scores separate outside from inside images; each metric with its interval.

    Attributes:
        auroc: Probability that an outside image scores above an inside one, ties counting half;
            0.5 for random scores. Higher is better, and it is never flipped.
        aupr_out: Average precision with outside images as positives. Higher is better.
        aupr_in: Average precision with inside images as positives. Higher is better.
        fpr95: Share of outside images accepted when 95 % of inside images are. Lower is better.
        detection_error: Least mean of the two error rates over all thresholds. Lower is better.
        n_inside: Number of inside images.
        n_outside: Number of outside images.
        level: Coverage of the intervals.
    """

    auroc: Measure
    aupr_out: Measure
    aupr_in: Measure
    fpr95: Measure
    detection_error: Measure
    n_inside: int
    n_outside: int
    level: float

    @property
    def frame(self) -> "pd.DataFrame":
        """One row per metric, with columns `value`, `low` and `high`."""
        import pandas as pd

        found = {
            name: value for name, value in self._asdict().items() if isinstance(value, Measure)
        }
        return pd.DataFrame.from_dict(found, orient="index", columns=["value", "low", "high"])

    def __repr__(self) -> str:
        """Return a small table."""
        lines = [
            f"{self.n_inside:,} ID and {self.n_outside:,} OOD images, larger = more OOD; "
            f"intervals of {100 * self.level:g} %"
        ]
        for name, value in self._asdict().items():
            if isinstance(value, Measure):
                lines.append(f"{name:<16}{value.value:.4f}  [{value.low:.4f}, {value.high:.4f}]")
        return "\n".join(lines)


def evaluate(
    inside: ArrayLike,
    outside: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> Evaluation:
    """Measure how well scores separate outside from inside images.

    A score is larger for images that are more out of distribution: give minus the
    log-likelihood, not the log-likelihood. Intervals are those of `ood_bench.metrics.evaluate`.

    Args:
        inside: Scores of in-distribution images, shape `(N,)`: a list, an array or a tensor.
        outside: Scores of out-of-distribution images, shape `(M,)`.
        level: Coverage of the intervals.
        resamples: Bootstrap resamples behind the upper end of the detection error's interval. With
            200, that end varies with the seed by 1 to 6 % of its distance from the value. A suite
            has 1000.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: If a side is empty or has a score that is not a finite real number, there are
            no resamples, or the level is not in (0, 1).

    Example:
        >>> evaluate([1, 2, 3, 4], [3, 4, 5, 6])
        4 ID and 4 OOD images, larger = more OOD; intervals of 95 %
        auroc           0.8750  [0.4529, 0.9772]
        aupr_out        0.8542  [0.4562, 0.9642]
        aupr_in         0.8542  [0.4562, 0.9642]
        fpr95           0.5000  [0.0900, 1.0000]
        detection_error 0.2500  [0.0750, 0.5000]
        >>> evaluate([1, 2, 3, 4], [3, 4, 5, 6]).auroc.value
        0.875
    """
    inside, outside = both_sides(inside, outside)
    found = metrics.evaluate(inside, outside, seed=seed, resamples=resamples, level=level)
    return Evaluation(**found, n_inside=len(inside), n_outside=len(outside), level=level)
