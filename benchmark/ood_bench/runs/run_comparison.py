"""Comparison of runs: AUROC of their common detectors, tested on the same images."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ood_bench.cells import SCORES, Cells, RecordedCell
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import DetectionMetrics
from ood_bench.cells.score import Score
from ood_bench.detectors import Scores
from ood_bench.metrics import paired_delong, pool, pooled_p
from ood_bench.results import (
    ClaimResult,
    ComparedClaim,
    ComparedRow,
    Results,
    Row,
    RunComparison,
    trainings,
)
from ood_bench.runs.collect import collect
from ood_bench.runs.ranking import holm
from ood_bench.runs.record import RunRecord

Address = tuple[str, str, str, str]


class ComparedRun(NamedTuple):
    """One of the compared runs."""

    name: str
    record: RunRecord
    store: Cells


def compare_runs(sides: Sequence[ComparedRun]) -> RunComparison:
    """Compare runs with the first of them, from finished cells.

    Args:
        sides: Two or more runs.
    """
    results = {side.name: collect(side.record, side.store) for side in sides}
    measured = {name: _pooled(found) for name, found in results.items()}
    trained = {side.name: _trained(side) for side in sides}
    first, *others = sides
    level = first.record.level
    rows: list[ComparedRow] = []
    for address, row in measured[first.name].items():
        if not any(address in measured[other.name] for other in others):
            continue
        rows.append(_row(first.name, row, trained[first.name][address]))
        for other in others:
            if address in measured[other.name]:
                by_how_many = trained[other.name][address]
                theirs = _row(other.name, measured[other.name][address], by_how_many)
                rows.append(_differing(theirs, address, first, other, level))
    return RunComparison(
        runs=tuple(results),
        level=level,
        rows=tuple(_corrected(rows)),
        claims=tuple(_claims(results)),
        notes=tuple(_notes(results, measured, rows)),
    )


def _pooled(results: Results) -> dict[Address, Row]:
    return {
        (row.model, row.inside, row.outside, row.detector): row
        for row in results.rows
        if row.metric == "auroc" and row.seed == "all"
    }


def _trained(side: ComparedRun) -> dict[Address, str]:
    """Return the number of trainings of each detection, in words."""
    seeds = Counter(
        cell.at.pair for cell in side.record.of("detection") if side.store.has(cell.key)
    )
    ensembles = side.record.ensembles
    return {
        address: trainings(count, ensemble=address[0] in ensembles)
        for address, count in seeds.items()
    }


def _row(run: str, row: Row, trained: str) -> ComparedRow:
    return ComparedRow(
        row.model,
        row.inside,
        row.outside,
        row.detector,
        run,
        row.value,
        row.low,
        row.high,
        row.n_inside,
        row.n_outside,
        trainings=trained,
    )


def _differing(
    row: ComparedRow, address: Address, first: ComparedRun, other: ComparedRun, level: float
) -> ComparedRow:
    """Return a row with its difference from the first run, or with the reason for none."""
    ours, theirs = _by_seed(first, address), _by_seed(other, address)
    seeds = [seed for seed in theirs if seed in ours]
    if not seeds:
        return replace(row, note="the runs have no seed in common")
    if all(ours[seed].key == theirs[seed].key for seed in seeds):
        return replace(row, difference=0.0, note="same scores as in the first run")
    found = []
    for seed in seeds:
        scores = [
            _scored(side.store, cells[seed]) for side, cells in ((other, theirs), (first, ours))
        ]
        for one in scores:
            if isinstance(one, str):
                return replace(row, note=one)
        (own, own_images), (base, base_images) = [one for one in scores if not isinstance(one, str)]
        if own_images != base_images:
            return replace(row, note="the runs scored different images")
        try:
            found.append(paired_delong((own[0], base[0]), (own[1], base[1]), level=level))
        except ValueError as mistake:
            return replace(row, note=str(mistake))
    measure, _ = pool(found, level=level, bounds=(-1.0, 1.0))
    common = ", ".join(map(str, seeds))
    return replace(
        row,
        difference=measure.value,
        difference_low=measure.low,
        difference_high=measure.high,
        p=pooled_p(found, level=level),
        note="" if len(seeds) == max(len(ours), len(theirs)) else f"on common seeds: {common}",
    )


def _by_seed(side: ComparedRun, address: Address) -> dict[int, RecordedCell]:
    return {
        cell.at.seed: cell
        for cell in side.record.of("detection")
        if cell.at.pair == address and side.store.has(cell.key)
    }


def _scored(
    store: Cells, cell: RecordedCell
) -> tuple[tuple[Scores, Scores], tuple[str, str]] | str:
    """Return scores and digests of both sides' images, or the reason for none."""
    scores, images = [], []
    spec = store.spec(cell.key, DetectionMetrics)
    for key in (spec.inside, spec.outside):
        if not store.keeps(key, SCORES):
            return "a run's scores were not kept; compare the intervals"
        source = store.spec(key, Detect).source
        scores.append(store.read_scores(key))
        if len(scores[-1]) != store.count_rows(source):
            return "scores of groups of images cannot be paired"
        images.append(store.spec(source, Score).data)
    return (scores[0], scores[1]), (images[0], images[1])


def _corrected(rows: Sequence[ComparedRow]) -> Iterator[ComparedRow]:
    corrected = iter(holm([row.p for row in rows if row.p is not None]))
    for row in rows:
        yield row if row.p is None else replace(row, p_holm=next(corrected))


def _claims(results: dict[str, Results]) -> Iterator[ComparedClaim]:
    found: dict[tuple[str, str], dict[str, ClaimResult]] = {}
    for run, result in results.items():
        for claim in result.claims:
            found.setdefault((claim.id, claim.says), {})[run] = claim
    for (name, says), by_run in found.items():
        for run, claim in by_run.items():
            ends = (claim.measured, claim.low, claim.high)
            yield ComparedClaim(name, says, run, claim.verdict, *ends, trainings=claim.trainings)


def _notes(
    results: dict[str, Results],
    measured: dict[str, dict[Address, Row]],
    rows: Sequence[ComparedRow],
) -> Iterator[str]:
    first = next(iter(results))
    shown = {(row.run, row.model, row.inside, row.outside, row.detector) for row in rows}
    for run, result in results.items():
        yield from (f"{run}: {note}" for note in result.notes)
        if result.level != results[first].level:
            yield f"Intervals of {run} cover {100 * result.level:g} %."
        alone = sum((run, *address) not in shown for address in measured[run])
        if alone:
            yield f"{alone} results of {run} have no counterpart and are not compared."
