"""Record and store to results; unfinished cells are left out, with a note."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ood_bench.cells import TABLE, Address, Cells, reported
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.metric import AddedMetric, BitsMetric, DetectionMetrics
from ood_bench.claims import evaluate_claims
from ood_bench.hashing import digest
from ood_bench.metrics import SPECS, Measure, MetricSpec, pool
from ood_bench.results import (
    AnalysisTable,
    DataCard,
    FindingRow,
    Omission,
    Results,
    Row,
    TrainingCard,
    trainings,
)
from ood_bench.runs.archive import NOT_KEPT, computing_seconds
from ood_bench.runs.audit import collect_audit
from ood_bench.runs.categories import category_means, nearness
from ood_bench.runs.per_image import KeptImages
from ood_bench.runs.ranking import rank
from ood_bench.runs.record import RunRecord
from ood_bench.runs.untrained import Untrained
from ood_bench.units import bits_per_dim, legible
from ood_bench.zoo.layout import TRAINING

FORMER_REVISION = 1
"""The revision of metrics that had normal DeLong and bootstrap intervals."""
ASTRONOMICAL = 100.0
"""Mean bits per dimension from which the median is said too; a uniform model has 8."""


def collect(record: RunRecord, store: Cells) -> Results:
    """Return the results of a run from finished cells; only pooling over seeds is computed.

    Args:
        record: The record of the run.
        store: The store of its cells.
    """
    cards = training_cards(record, store)
    untrained = Untrained(store, cards)
    added = _added_metrics(record, store)
    single = [
        *_bpd_rows(record, store, untrained),
        *_detection_rows(record, store, untrained),
        *_added_rows(record, store, untrained),
    ]
    single = [*_beside_published(single, [card for _, card in cards])]
    rows = (*_noted(single, record), *_pooled(single, record))
    findings = tuple(_findings(record, store, untrained))
    unfinished = _unfinished(record, store)
    source = KeptImages(record, store)
    not_kept = tuple(skip for skip in record.skips if skip.reason.startswith(NOT_KEPT))
    return Results(
        suite=record.suite,
        title=record.title,
        about=record.about,
        level=record.level,
        rows=rows,
        claims=evaluate_claims(
            record.claims,
            (*rows, *findings),
            (*record.skips, *record.failures),
            source=source,
            level=record.level,
        ),
        data=tuple(
            DataCard(
                name=ref.name,
                title=ref.info.title,
                split=ref.info.split,
                count=ref.info.count,
                shape=str(ref.info.shape),
                source=ref.info.source,
                transform=ref.info.transform,
                licence=ref.info.licence,
                citation=ref.info.citation,
                digest=ref.info.digest,
                note=ref.info.note,
            )
            for ref in record.data
        ),
        training=tuple(card for _, card in cards),
        analyses=tuple(
            AnalysisTable(
                analysis=cell.at.analysis,
                model=cell.at.model,
                inside=cell.at.inside,
                seed=cell.at.seed,
                make=store.framed(cell.key),
                digest=digest(
                    [
                        store.manifest(cell.key)["files"][TABLE],
                        cell.at.plugin,
                        dict(cell.at.options),
                    ]
                ),
            )
            for cell in record.of("analysis")
            if store.has(cell.key) and cell.key not in record.hidden
        ),
        findings=findings,
        skips=(*(skip for skip in record.skips if skip not in not_kept), *unfinished),
        not_kept=not_kept,
        failures=record.failures,
        notes=record.notes,
        manifest={
            **record.manifest,
            "time of all cells": f"{computing_seconds(record, store):.0f} s",
            **({"checksum of the archive": record.checksum} if record.zipped else {}),
        },
        ranking=rank(record, store),
        audit=collect_audit(record, store),
        metrics=(*SPECS, *added),
        variants=record.variants,
        nearness=nearness(record, store),
        corrupted=record.corrupted,
        category_means=tuple(category_means(record, rows, source)),
        former_intervals=any(
            store.spec(cell.key, DetectionMetrics).revision == FORMER_REVISION
            for cell in record.of("detection")
            if store.has(cell.key)
        ),
    )


def _unfinished(record: RunRecord, store: Cells) -> tuple[Omission, ...]:
    """Return a note on how many cells an interrupted run lacks, failures not counted."""
    if record.failures:
        return ()
    count = sum(not store.has(key) for key in {cell.key for cell in record.of(*reported())})
    reason = "not computed yet; run the suite again to go on"
    return (Omission(f"{count} results", reason),) if count else ()


def training_cards(record: RunRecord, store: Cells) -> list[tuple[str, TrainingCard]]:
    """Return the cards of finished trainings with their keys; two models may share one."""
    return [
        (
            cell.key,
            store.read_typed(
                cell.key,
                TRAINING,
                TrainingCard,
                model=cell.at.model,
                plugin=cell.at.plugin,
                inside=cell.at.inside,
                seed=cell.at.seed,
            ),
        )
        for cell in record.of("train")
        if store.has(cell.key)
    ]


def _detection_rows(record: RunRecord, store: Cells, untrained: Untrained) -> Iterable[Row]:
    for cell in record.of("detection"):
        if not store.has(cell.key):
            continue
        found = DetectionMetrics.read(store, cell.key)
        for metric, measure in found.measures.items():
            yield _row(
                record,
                cell.at,
                metric,
                measure,
                n_inside=found.n_inside,
                n_outside=found.n_outside,
                note=untrained.note(cell.key),
            )


def _added_rows(record: RunRecord, store: Cells, untrained: Untrained) -> Iterable[Row]:
    for cell in record.of("added"):
        if not store.has(cell.key):
            continue
        found = AddedMetric.read(store, cell.key)
        yield _row(
            record,
            cell.at,
            cell.at.metric,
            found.measure,
            n_inside=found.n_inside,
            n_outside=found.n_outside,
            note=untrained.note(cell.key),
        )


def _added_metrics(record: RunRecord, store: Cells) -> tuple[MetricSpec, ...]:
    """Return the descriptions of the metrics that the suite adds, by their names there."""
    found = {
        cell.at.metric: AddedMetric.read(store, cell.key).metric
        for cell in record.of("added")
        if store.has(cell.key)
    }
    return tuple(replace(spec, name=name) for name, spec in found.items())


def _bpd_rows(record: RunRecord, store: Cells, untrained: Untrained) -> Iterable[Row]:
    for cell in record.of("bpd"):
        if not store.has(cell.key):
            continue
        at, found = cell.at, BitsMetric.read(store, cell.key)
        own = at.data == at.inside
        metric = "bpd_outside" if not own else "bpd_train" if at.part == "train" else "bpd_inside"
        mean, low, high = found.measures["bpd"]
        remark = _median(store, cell.key) if mean > ASTRONOMICAL else ""
        yield _row(
            record,
            replace(at, outside="" if own else at.data),
            metric,
            Measure(mean, max(low, min(0.0, mean)), high),
            n_inside=found.n if own else 0,
            n_outside=0 if own else found.n,
            note=_joined(untrained.note(cell.key), remark),
        )


def _median(store: Cells, key: str) -> str:
    """Return a remark with the median behind a mean that a few images make.

    It is empty if the store no longer has the statistics.
    """
    spec = store.spec(key, BitsMetric)
    if not store.has(spec.columns):
        return ""
    bits = bits_per_dim(store.read_columns(spec.columns)["log_prob"], spec.dims)
    median = legible(float(np.median(bits)))
    return f"a few images make this mean, the median is {median} bits per dimension"


def _row(
    record: RunRecord,
    at: Address,
    metric: str,
    measure: Measure,
    *,
    n_inside: int,
    n_outside: int,
    note: str,
) -> Row:
    return Row(
        suite=record.suite,
        model=at.model,
        inside=at.inside,
        outside=at.outside,
        detector=at.detector,
        seed=str(at.seed),
        metric=metric,
        value=measure.value,
        low=measure.low,
        high=measure.high,
        n_inside=n_inside,
        n_outside=n_outside,
        transform=at.transform,
        note=_joined(at.note, note),
    )


def _findings(record: RunRecord, store: Cells, untrained: Untrained) -> Iterable[FindingRow]:
    """Return the findings of analyses for each seed, then pooled over seeds."""
    ensembles = record.ensembles
    single = [
        FindingRow(
            suite=record.suite,
            analysis=cell.at.analysis,
            model=cell.at.model,
            inside=cell.at.inside,
            seed=str(cell.at.seed),
            trainings=trainings(1, ensemble=cell.at.model in ensembles),
            name=found.name,
            outside=found.outside,
            value=found.value,
            low=found.low,
            high=found.high,
            note=_joined(found.note, untrained.note(cell.key)),
        )
        for cell in record.of("analysis")
        if store.has(cell.key)
        for found in Analyse.findings(store, cell.key)
    ]
    groups: dict[tuple[str, ...], list[FindingRow]] = defaultdict(list)
    for row in single:
        groups[row.analysis, row.model, row.inside, row.outside, row.name].append(row)
    pooled = []
    for group in groups.values():
        measures = [Measure(row.value, row.low, row.high) for row in group]
        measure, _ = pool(measures, level=record.level, bounds=(-math.inf, math.inf))
        trained = trainings(len(group), ensemble=group[0].model in ensembles)
        noted = replace(group[0], seed="all", trainings=trained, note=_notes(group))
        pooled.append(replace(noted, **measure._asdict()))
    return [*single, *pooled]


def _beside_published(rows: Sequence[Row], cards: Iterable[TrainingCard]) -> Iterable[Row]:
    """Note on each row how far its model is from the published one, where known."""
    said = {
        (card.model, card.inside, str(card.seed)): (card.published, card.published_in)
        for card in cards
        if card.published is not None
    }
    own = {
        (row.model, row.inside, row.seed): row.value for row in rows if row.metric == "bpd_inside"
    }
    for row in rows:
        key = (row.model, row.inside, row.seed)
        remark = ""
        if key in said and key in own:
            published, source = said[key]
            remark = (
                f"{row.model} has {own[key]:.3f} bits per dimension of {row.inside}, and "
                f"{published:.3f} are published ({source})"
            )
        yield replace(row, note=_joined(row.note, remark))


def _noted(rows: Iterable[Row], record: RunRecord) -> Iterable[Row]:
    """Note on each row of a single seed that it comes from one training."""
    ensembles = record.ensembles
    for row in rows:
        said = trainings(1, ensemble=row.model in ensembles)
        yield replace(row, note=_joined(row.note, said))


def _pooled(rows: Iterable[Row], record: RunRecord) -> Iterable[Row]:
    """Pool rows that differ only in seed into one row with seed `all`."""
    ensembles = record.ensembles
    groups: dict[tuple[str, str, str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.model, row.inside, row.outside, row.detector, row.metric].append(row)
    for group in groups.values():
        first = group[0]
        measure, spread = pool(
            [Measure(r.value, r.low, r.high) for r in group],
            level=record.level,
            bounds=(0.0, math.inf if first.metric.startswith("bpd") else 1.0),
        )
        said = trainings(1, ensemble=first.model in ensembles)
        if len(group) > 1:
            said = f"{len(group)} seeds, sd {spread:.4f}"
        yield Row(
            **vars(first)
            | {
                "seed": "all",
                "value": measure.value,
                "low": measure.low,
                "high": measure.high,
                "note": _joined(_notes(group), said),
            }
        )


def _notes(group: Iterable[Row] | Iterable[FindingRow]) -> str:
    """Return the notes of some rows, each remark once."""
    return _joined(*dict.fromkeys(remark for row in group for remark in row.note.split("; ")))


def _joined(*remarks: str) -> str:
    return "; ".join(filter(None, remarks))
