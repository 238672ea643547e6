"""The detectors of a run beside its baseline: differences, costs and published values."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from ood_bench.cells import Cells, RecordedCell
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import DetectionMetrics, DifferenceMetric
from ood_bench.cells.score import Score
from ood_bench.metrics import Measure, pool, pooled_p
from ood_bench.results import Cost, Difference, PublishedAuroc, Ranking, trainings
from ood_bench.runs.record import RunRecord
from ood_bench.statistics.passes import Passes, mean_passes


def rank(record: RunRecord, store: Cells) -> Ranking | None:
    """Return how the detectors of a run compare with its baseline; None if it names none."""
    if record.baseline is None:
        return None
    return Ranking(
        baseline=record.baseline,
        uses=record.uses,
        differences=tuple(_differences(record, store)),
        costs=tuple(_costs(record.of("detection"), store)),
        quotations=tuple(PublishedAuroc(**published.model_dump()) for published in record.quoted),
    )


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values with Holm's step-down correction for their number, in their order.

    Reference:
        Holm, A simple sequentially rejective multiple test procedure, 1979.

    Example:
        >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in corrected]


def _differences(record: RunRecord, store: Cells) -> list[Difference]:
    groups: dict[tuple[str, str, str, str], list[Measure]] = defaultdict(list)
    for cell in record.of("paired"):
        if store.has(cell.key):
            found = DifferenceMetric.read(store, cell.key)
            groups[cell.at.pair].append(found)
    differences, ensembles = [], record.ensembles
    for address, measures in groups.items():
        measure, _ = pool(measures, level=record.level, bounds=(-1.0, 1.0))
        p = pooled_p(measures, level=record.level)
        trained = trainings(len(measures), ensemble=address[0] in ensembles)
        differences.append(Difference(*address, *measure, p=p, p_holm=p, trainings=trained))
    corrected = holm([item.p for item in differences])
    return [replace(item, p_holm=p) for item, p in zip(differences, corrected, strict=True)]


def _costs(cells: Iterable[RecordedCell], store: Cells) -> Iterable[Cost]:
    groups: dict[tuple[str, str, str, str], list[tuple[float, Passes | None]]] = defaultdict(list)
    environment, rows_of = cache(store.environment), cache(store.count_rows)  # columns are shared

    def passes_of(keys: Iterable[str]) -> Passes | None:
        """Return the passes for some columns, of an ensemble its members'; None if not known."""
        total = Passes()
        for key in keys:
            spec = store.spec(key, Score) if store.has(key) else None
            if spec is None:
                return None
            if spec.member:
                found = passes_of(spec.member.values())
            else:
                found = environment(key).passes if spec.calls_model else Passes()
            if found is None:
                return None
            total += found
        return total

    def seconds_of(key: str) -> float:
        """Return the time for some columns; of an ensemble with those of its members at hand."""
        spec = store.spec(key, Score) if store.has(key) else None
        members = filter(store.has, spec.member.values() if spec else ())
        return float(environment(key).seconds) + sum(map(seconds_of, members))

    for cell in cells:
        if not store.has(cell.key):
            continue
        scored = store.spec(cell.key, DetectionMetrics).outside
        detect = store.spec(scored, Detect)
        columns = sorted({*detect.images.values()})
        seconds = sum(map(seconds_of, columns)) + float(environment(scored).seconds)
        milliseconds = 1e3 * seconds / rows_of(detect.source)
        groups[cell.at.pair].append((milliseconds, passes_of(columns)))
    for address, measured in groups.items():
        milliseconds = sum(time for time, _ in measured) / len(measured)
        yield Cost(*address, milliseconds, mean_passes([passes for _, passes in measured]))
