"""Compute a run's detection metrics again from its stored scores."""

from collections import defaultdict
from typing import NamedTuple

from ood_bench.cells import SCORES, Cells
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import ROUNDING, Detected, DetectionMetrics
from ood_bench.cells.score import Score
from ood_bench.errors import StoreError
from ood_bench.metrics import STANDARD, Measure, Sample, pool
from ood_bench.results import Recomputed, trainings, untrained
from ood_bench.runs.collect import FORMER_REVISION, training_cards
from ood_bench.runs.record import RunRecord
from ood_bench.runs.untrained import Untrained

SHOWN = ("auroc", "fpr95")
"""The metrics that are shown; the values of all others are computed again too."""
LEVEL = 0.95
"""Coverage of the intervals that are shown, whatever the runs had."""


class _Place(NamedTuple):
    """What the seeds of a row have in common."""

    pair: tuple[str, str, str, str]
    images: tuple[str, str]
    grouped: bool


def recompute(record: RunRecord, store: Cells) -> tuple[Recomputed, ...]:
    """Compute every detection metric of a run again from its stored scores.

    Intervals of the present rules must be what they were as well; that of the detection error,
    whose upper end is a bootstrap's, is not computed.

    Args:
        record: The record of the run.
        store: Its cells.

    Raises:
        StoreError: If scores are missing, or a stored number is not that of the scores; the
            message names the first.
    """
    found: dict[_Place, list[dict[str, Measure]]] = defaultdict(list)
    notes: dict[_Place, list[str]] = defaultdict(list)
    unlearnt = Untrained(store, training_cards(record, store))
    for cell in record.of("detection"):
        if not store.has(cell.key):
            continue
        what = f"{cell.at.label}, {cell.at.detector} against {cell.at.outside}"
        spec = store.spec(cell.key, DetectionMetrics)
        sides, images, grouped = [], [], False
        for key in (spec.inside, spec.outside):
            if not store.keeps(key, SCORES):
                raise StoreError(f"{what}: its scores were not kept")
            sides.append(store.read_scores(key))
            source = store.spec(key, Detect).source
            images.append(store.spec(source, Score).data)
            grouped = grouped or len(sides[-1]) != store.count_rows(source)
        sample = Sample(sides[0], sides[1], seed=0, resamples=1)
        _compare(DetectionMetrics.read(store, cell.key), spec, sample, what)
        place = _Place(cell.at.pair, (images[0], images[1]), grouped)
        found[place].append({name: STANDARD[name].interval(sample, LEVEL) for name in SHOWN})
        notes[place] += untrained(unlearnt.note(cell.key).split("; "))
    return tuple(
        Recomputed(
            *place.pair,
            images=place.images,
            measures={
                name: pool([one[name] for one in each], level=LEVEL, bounds=(0.0, 1.0))[0]
                for name in SHOWN
            },
            trainings=trainings(len(each), ensemble=place.pair[0] in record.ensembles),
            grouped=place.grouped,
            untrained="; ".join(dict.fromkeys(notes[place])),
        )
        for place, each in found.items()
    )


def _compare(stored: Detected, spec: DetectionMetrics, sample: Sample, what: str) -> None:
    """Check that stored numbers are those of the scores.

    Raises:
        StoreError: If one is not.
    """
    counts = (int(sample.tally.inside.sum()), int(sample.tally.outside.sum()))
    if (stored.n_inside, stored.n_outside) != counts:
        raise StoreError(f"{what}: it does not have as many scores as it states")
    for name, measure in stored.measures.items():
        metric = STANDARD[name]
        again: tuple[float, ...] = (metric.value(sample.tally),)
        if name != "detection_error" and spec.revision != FORMER_REVISION:
            again = metric.interval(sample, spec.level)
        for part, given, computed in zip(Measure._fields, measure, again, strict=False):
            if not abs(given - computed) <= ROUNDING:
                raise StoreError(
                    f"{what}: the {part} of {name} is stated as {given:.6f}, and its scores give "
                    f"{computed:.6f}"
                )
