"""Comparison of runs: AUROC of their common detectors, tested on the same images."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ood_bench.cells import SCORES, Cells, RecordedCell
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import DetectionMetrics
from ood_bench.cells.score import Score
from ood_bench.detectors import Scores
from ood_bench.errors import OodBenchError, did_you_mean
from ood_bench.metrics import mean_difference, paired_delong, pool, pooled_p
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


def compare_runs(
    sides: Sequence[ComparedRun], models: Mapping[str, str] | None = None
) -> RunComparison:
    """Compare runs with the first of them, from finished cells.

    Data sets have a counterpart of the same name, or else one with the same images.

    Args:
        sides: Two or more runs.
        models: Names of models in the first run, and those of their counterparts in the others;
            default: the same names.

    Raises:
        OodBenchError: If no run has such a model.
    """
    results = {side.name: collect(side.record, side.store) for side in sides}
    measured = {name: _pooled(found) for name, found in results.items()}
    trained = {side.name: _trained(side) for side in sides}
    first, *others = sides
    _check_models(models or {}, measured, first.name)
    level = first.record.level
    matched = {other.name: _counterparts(first, other, measured, models or {}) for other in others}
    rows: list[ComparedRow] = []
    for address, row in measured[first.name].items():
        if not any(address in matched[other.name] for other in others):
            continue
        rows.append(_row(first.name, address, row, trained[first.name][address]))
        for other in others:
            if theirs := matched[other.name].get(address):
                by_how_many = trained[other.name][theirs]
                own = _row(other.name, address, measured[other.name][theirs], by_how_many)
                found = _differing(own, address, theirs, first, other, level)
                called = [
                    f"this run's {was!a} is the first's {name!a}"
                    for name, was in zip(address, theirs, strict=True)
                    if name != was
                ]
                rows.append(replace(found, note="; ".join(filter(None, [*called, found.note]))))
    return RunComparison(
        runs=tuple(results),
        level=level,
        rows=tuple(_corrected(rows)),
        claims=tuple(_claims(results)),
        notes=tuple(_notes(results, measured, matched)),
    )


def _check_models(
    models: Mapping[str, str], measured: Mapping[str, Mapping[Address, Row]], first: str
) -> None:
    known = {run: {address[0] for address in found} for run, found in measured.items()}
    others = set().union(*(names for run, names in known.items() if run != first))
    for ours, theirs in models.items():
        if ours not in known[first]:
            raise OodBenchError(f"{first} has no model '{ours}'{did_you_mean(ours, known[first])}")
        if theirs not in others:
            raise OodBenchError(
                f"no other run has a model '{theirs}'{did_you_mean(theirs, others)}"
            )


def _counterparts(
    first: ComparedRun,
    other: ComparedRun,
    measured: Mapping[str, Mapping[Address, Row]],
    models: Mapping[str, str],
) -> dict[Address, Address]:
    """Return the other run's address for each of the first that has a counterpart."""
    ours, theirs = _contents(first), _contents(other)
    sets = {
        name: next(iter(alike))
        for name, images in ours.items()
        if name not in theirs
        and (alike := [one for one, of in theirs.items() if one not in ours and of & images])
    }
    found = {}
    for address in measured[first.name]:
        model, inside, outside, detector = address
        named = (
            models.get(model, model),
            sets.get(inside, inside),
            sets.get(outside, outside),
            detector,
        )
        if named in measured[other.name]:
            found[address] = named
    return found


def _contents(side: ComparedRun) -> dict[str, set[str]]:
    """Return the digests of the images that were scored of each data set, one for each shape."""
    found: dict[str, set[str]] = defaultdict(set)
    known = set()
    for cell in side.record.of("detection"):
        names = (cell.at.inside, cell.at.outside)
        if names in known or not side.store.has(cell.key):
            continue
        known.add(names)
        spec = side.store.spec(cell.key, DetectionMetrics)
        for name, key in zip(names, (spec.inside, spec.outside), strict=True):
            source = side.store.spec(key, Detect).source
            found[name].add(side.store.spec(source, Score).data)
    return found


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


def _row(run: str, address: Address, row: Row, trained: str) -> ComparedRow:
    return ComparedRow(
        *address,
        run,
        row.value,
        row.low,
        row.high,
        row.n_inside,
        row.n_outside,
        trainings=trained,
    )


def _differing(
    row: ComparedRow,
    address: Address,
    named: Address,
    first: ComparedRun,
    other: ComparedRun,
    level: float,
) -> ComparedRow:
    """Return a row with its difference from the first run, or with the reason for none.

    Trainings are paired by seed if both runs have the same seeds. Otherwise the means over all
    trainings of each are compared, as they are shown.

    Args:
        row: The row without a difference.
        address: The address in the first run.
        named: The address in the other run.
        first: The first run.
        other: The other run.
        level: Coverage of the interval.
    """
    ours, theirs = _by_seed(first, address), _by_seed(other, named)
    paired = set(ours) == set(theirs)
    if paired and all(ours[seed].key == theirs[seed].key for seed in ours):
        return replace(row, difference=0.0, note="same scores as in the first run")
    kept: list[list[tuple[Scores, Scores]]] = []
    images = set()
    for side, cells in ((other, theirs), (first, ours)):
        kept.append([])
        for seed in sorted(cells):
            found = _scored(side.store, cells[seed])
            if isinstance(found, str):
                return replace(row, note=found)
            kept[-1].append(found[0])
            images.add(found[1])
    if len(images) > 1:
        return replace(row, note="the runs scored different images")
    note = ""
    if paired:
        each = [
            paired_delong((own[0], base[0]), (own[1], base[1]), level=level)
            for own, base in zip(*kept, strict=True)
        ]
        measure, _ = pool(each, level=level, bounds=(-1.0, 1.0))
        p = pooled_p(each, level=level)
    else:
        measure, p = mean_difference(kept[0], kept[1], level=level)
        note = f"not paired by seed: {_seeds(theirs)} here, {_seeds(ours)} in the first run"
        if min(map(len, kept)) == 1:
            note += (
                "; a run has one training, so that interval and p are over the choice of images "
                "alone"
            )
    return replace(
        row,
        difference=measure.value,
        difference_low=measure.low,
        difference_high=measure.high,
        p=p,
        note=note,
    )


def _seeds(cells: Mapping[int, RecordedCell]) -> str:
    numbers = sorted(cells)
    return f"seed{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


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
    matched: Mapping[str, Mapping[Address, Address]],
) -> Iterator[str]:
    first = next(iter(results))
    compared = {run: set(found.values()) for run, found in matched.items()}
    compared[first] = {address for found in matched.values() for address in found}
    for run, result in results.items():
        yield from (f"{run}: {note}" for note in result.notes)
        if result.level != results[first].level:
            yield f"Intervals of {run} cover {100 * result.level:g} %."
        alone = sum(address not in compared[run] for address in measured[run])
        if alone:
            yield f"{alone} results of {run} have no counterpart and are not compared."
