"""Detectors against OOD sets, from columns of any origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from numpy.typing import ArrayLike

from ood_bench.api.comparing import Sides, corrected_p
from ood_bench.cells.columns import require_finite
from ood_bench.detectors import Columns, Detector, Scores
from ood_bench.errors import OodBenchError, did_you_mean, raised
from ood_bench.metrics import STANDARD, Sample
from ood_bench.metrics.checks import finite, positive, share
from ood_bench.metrics.measure import percent
from ood_bench.plan.plugins import split_role
from ood_bench.registry import Registry, construct
from ood_bench.report.compact import CompactTable, compact_table, marks
from ood_bench.report.numbers import names
from ood_bench.report.ranking import DatasetPair
from ood_bench.results import GROUPED, Results, Row
from ood_bench.statistics import in_family

if TYPE_CHECKING:
    import pandas as pd

Given: TypeAlias = "Mapping[str, ArrayLike] | pd.DataFrame"
"""Columns by name: one number an image, shape `(N,)`, or a family of them, shape `(N, K)`."""


@dataclass(frozen=True)
class DetectorEvaluation:
    """Detectors against OOD sets: every metric with its interval.

    A notebook shows it as a table: detectors down, OOD sets across, the best of each column bold.

    Attributes:
        table: The table, which also writes itself as Markdown and LaTeX.
        frame: One row per detector, OOD set and metric, with the columns `detector`, `outside`,
            `metric`, `value`, `low`, `high`, `n_inside`, `n_outside`.
        scores: Scores by detector and data set, larger = more OOD.
    """

    table: CompactTable
    frame: "pd.DataFrame"
    scores: Mapping[str, Mapping[str, Scores]]

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def __repr__(self) -> str:
        """Return the table as Markdown."""
        return repr(self.table)


def evaluate_detectors(
    detectors: Sequence[str | Detector] | Mapping[str, str | Detector],
    *,
    inside: "Given",
    outside: "Mapping[str, Given]",
    held_out: "Given | None" = None,
    metrics: Sequence[str] = ("auroc", "fpr95"),
    name: str = "ID",
    level: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> DetectorEvaluation:
    """Fit detectors, score ID and OOD images, and measure every detector against every OOD set.

    Images are given by columns, such as features and logits that any framework has computed: a
    mapping from names to arrays or tensors, or a frame. A matrix of shape `(N, K)` is a family of
    columns. The name may leave out a role: `features` is taken for `classifier.features`.

    Args:
        detectors: Names of registered detectors, with default options, or detectors; or a mapping
            from labels to these.
        inside: Columns of the ID images.
        outside: Columns of each OOD set, by its name.
        held_out: Columns of other ID images, on which detectors are fitted; for `Mahalanobis` with
            `label`. Without them only detectors that fit nothing can be evaluated, such as
            `Energy`, or `Precomputed`, whose column holds scores that were computed elsewhere.
        metrics: Names of metrics: auroc, aupr_out, aupr_in, fpr95, detection_error.
        name: The name of the ID images in the table.
        level: Coverage of the intervals.
        resamples: As in `evaluate`; only for `detection_error`.
        seed: Seed of the bootstrap.

    Raises:
        OodBenchError: If a name is unknown, a column is missing, or a detector cannot be fitted.
        ValueError: If a column has no values or one that is not a finite real number.

    Example:
        >>> import numpy as np
        >>> from ood_bench.detectors import Energy, Knn
        >>> random = np.random.default_rng(0)
        >>> def images(shift):
        ...     features = random.normal(shift, 1, (200, 8))
        ...     return {"features": features, "logits": random.normal(size=(200, 3))}
        >>> evaluate_detectors(
        ...     [Energy(), Knn(k=5)], held_out=images(2), inside=images(2),
        ...     outside={"near": images(1.5), "far": images(0)}, metrics=["auroc"],
        ... ).frame.round(3)[["detector", "outside", "value", "low", "high"]]
          detector outside  value    low   high
        0   Energy    near  0.540  0.484  0.596
        1   Energy     far  0.531  0.474  0.587
        2      Knn    near  0.696  0.642  0.743
        3      Knn     far  1.000  0.996  1.000
    """
    resamples, level = positive(resamples, "resamples"), share(level, "level")
    for metric in metrics:
        if metric not in STANDARD:
            raise OodBenchError(f"no metric '{metric}'{did_you_mean(metric, STANDARD)}")
    if not metrics or not outside:
        raise OodBenchError(f"give at least one {'metric' if outside else 'OOD set'}")
    if name in outside:
        raise OodBenchError(f"'{name}' names the ID images; name the OOD set, or them, otherwise")
    found = _labelled(detectors)
    sets = {name: _columns(inside, name)}
    sets |= {other: _columns(columns, other) for other, columns in outside.items()}
    fitted = None if held_out is None else _columns(held_out, "held_out")
    for label, detector in found.items():
        for data, columns in sets.items():
            _provide(columns, detector.needs, label, data)
        if fitted is not None:
            _provide(fitted, (*detector.needs, *detector.fits_on), label, "held_out")
    scores = {label: _scores(label, one, fitted, sets) for label, one in found.items()}

    def row(label: str, other: str, metric: str, sample: Sample) -> Row:
        group, of = found[label].group, scores[label]
        counts = len(of[name]), len(of[other])
        note = f"{GROUPED}{group} images" if group > 1 else ""
        measure = STANDARD[metric].interval(sample, level)
        return Row("", "", name, other, label, "all", metric, *measure, *counts, "", note)

    rows = []
    for label, of in scores.items():
        for other in outside:
            sample = Sample(of[name], of[other], seed, resamples)
            rows += [row(label, other, metric, sample) for metric in metrics]
    return DetectorEvaluation(_table(rows, scores, metrics, level), _frame(rows), scores)


def _labelled(
    detectors: Sequence[str | Detector] | Mapping[str, str | Detector],
) -> dict[str, Detector]:
    """Return the detectors by label."""
    if isinstance(detectors, Mapping):
        pairs = list(detectors.items())
    else:
        pairs = [(one if isinstance(one, str) else _label(one), one) for one in detectors]
    found: dict[str, Detector] = {}
    registry = Registry()
    for label, one in pairs:
        if label in found:
            raise OodBenchError(
                f"two detectors are called '{label}'; give a mapping from labels to detectors"
            )
        if isinstance(one, type):
            raise OodBenchError(f"{label} is a class; write {one.__name__}()")
        built = construct(registry.load("detectors", one), one, {}) if isinstance(one, str) else one
        if not isinstance(built, Detector):
            raise OodBenchError(f"{label} is no detector but a {type(one).__name__}")
        found[label] = built
    if not found:
        raise OodBenchError("give at least one detector")
    return found


def _label(one: object) -> str:
    from ood_bench.detectors import Precomputed

    if isinstance(one, Precomputed):
        return one.needs[0]
    return one.__name__ if isinstance(one, type) else type(one).__name__


def _columns(given: "Given", data: str) -> dict[str, Scores]:
    """Return the columns of one data set, those of a matrix as a family."""
    found: dict[str, Scores] = {}
    for column, values in dict(given).items():
        checked = finite(values, f"{data}: column '{column}'", matrix=True)
        if checked.ndim == 1:
            found[column] = checked
        else:
            found |= {f"{column}.{k}": checked[:, k] for k in range(checked.shape[1])}
    lengths = {len(values): column for column, values in found.items()}
    if len(lengths) > 1:
        listed = ", ".join(f"'{column}' has {n}" for n, column in sorted(lengths.items()))
        raise OodBenchError(f"{data}: one value per image is expected in every column; {listed}")
    if not found:
        raise OodBenchError(f"{data}: no columns are given")
    return found


def _provide(columns: dict[str, Scores], needs: Sequence[str], label: str, data: str) -> None:
    """Add the columns that a detector reads of a role from those without a role.

    Raises:
        OodBenchError: If it reads one that is not there.
    """
    for need in needs:
        if any(in_family(column, need) for column in columns) or need.startswith("member.*."):
            continue
        role, bare = split_role(need)
        alike = {column: values for column, values in columns.items() if in_family(column, bare)}
        if not alike:
            given = dict.fromkeys(column.rstrip("0123456789").rstrip(".") for column in columns)
            wanted = bare.removesuffix(".*")
            kind = "a matrix (N, K)" if bare.endswith(".*") else "one number per image"
            raise OodBenchError(
                f"{label} reads '{wanted}', {kind}, which {data} lacks; it has {', '.join(given)}"
            )
        columns |= {f"{role}.{column}": values for column, values in alike.items()}


def _scores(
    label: str, detector: Detector, held_out: Columns | None, sets: Mapping[str, Columns]
) -> dict[str, Scores]:
    """Return a detector's scores of every data set."""
    try:
        scorer = detector.fit(held_out or {})
    except Exception as error:
        if held_out is None and isinstance(error, KeyError):
            raise OodBenchError(
                f"{label} is fitted on other ID images; give their columns as held_out"
            ) from error
        raise OodBenchError(f"{label} cannot be fitted: {raised(error)}") from error
    found: dict[str, Scores] = {}
    for data, columns in sets.items():
        try:
            found[data] = scorer(columns)
        except Exception as error:
            raise OodBenchError(f"{label} cannot score {data}: {raised(error)}") from error
        count = len(next(iter(columns.values()))) // detector.group
        require_finite(found[data], count, f"score of {label} on {data}")
    return found


def _frame(rows: Sequence[Row]) -> "pd.DataFrame":
    import pandas as pd

    columns = ["detector", "outside", "metric", "value", "low", "high", "n_inside", "n_outside"]
    return pd.DataFrame([vars(row) for row in rows])[columns]


def _table(
    rows: Sequence[Row],
    scores: Mapping[str, Mapping[str, Scores]],
    metrics: Sequence[str],
    level: float,
) -> CompactTable:
    """Return the table of the rows."""

    def sides(pair: DatasetPair, detector: str) -> dict[int, Sides]:
        of = scores[detector]
        return {0: (of[pair.inside], of[pair.outside])}

    def tied(
        pair: DatasetPair, _: str, detector: str, others: Sequence[tuple[str, str]]
    ) -> list[float | None]:
        best = sides(pair, detector)
        return corrected_p(best, [sides(pair, other) for _, other in others], level=level)

    made = compact_table(
        Results("", "", tuple(rows), (), (), (), (), (), (), (), (), level=level),
        metrics=metrics,
        spread="mean-interval",
        tied=tied,
    )
    specs = dict.fromkeys(column.metric for column in made.columns)
    better = [f"{one.heading} ({'1' if one.higher_is_better else '0'} is best)" for one in specs]
    said = [
        f"{names(better)} of each detector, ID → OOD images.",
        f"In brackets the interval over the choice of images, coverage {percent(level)}.",
        *marks(tested="auroc" in metrics, grouped=any(row.grouped for row in rows)),
    ]
    return CompactTable(made.columns, made.rows, " ".join(said))
