"""Means over the OOD sets of a category, and how near each set is."""

from collections.abc import Iterator, Sequence

from ood_bench.cells import Cells
from ood_bench.cells.distance import PairDistance
from ood_bench.claims.joint import Part, PerImageReader, fewest, spread
from ood_bench.results import Category, CategoryMean, Nearness, Row, untrained
from ood_bench.results.run import GROUPED
from ood_bench.runs.record import RunRecord


def nearness(record: RunRecord, store: Cells) -> tuple[Nearness, ...]:
    """Return each labelled pair with its measured distance, in the order of the suite."""
    found = {
        (cell.at.inside, cell.at.outside): PairDistance.read(store, cell.key)
        for cell in record.of("distance")
        if store.has(cell.key)
    }
    listed = []
    for label in record.categories:
        measured = found.get((label.inside, label.outside))
        distance, own = (measured.distance, measured.own) if measured else (None, None)
        images = measured.images if measured else 0
        listed.append(Nearness(label.inside, label.outside, label.category, distance, own, images))
    return tuple(listed)


def category_means(
    record: RunRecord, rows: Sequence[Row], source: PerImageReader
) -> Iterator[CategoryMean]:
    """Yield the mean AUROC of each detector over the sets of each category.

    Args:
        record: The record of the run.
        rows: All rows, those of single seeds and pooled ones.
        source: Reader of per-image values, for the correlation of AUROCs that share images.
    """
    labels: dict[str, dict[Category, list[str]]] = {}
    for label in record.categories:
        labels.setdefault(label.inside, {}).setdefault(label.category, []).append(label.outside)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.metric == "auroc" and row.inside in labels:
            groups.setdefault((row.model, row.inside, row.detector), []).append(row)
    for (model, inside, detector), own in groups.items():
        pooled = {row.outside: row for row in own if row.seed == "all"}
        for category, outside in labels[inside].items():
            found = [pooled[name] for name in outside if name in pooled]
            if not found:
                continue
            value = sum(row.value for row in found) / len(found)
            parts = [Part(row, 1 / len(found)) for row in found]
            reach = spread(parts, own, source, level=record.level)
            remarks = [
                remark
                for row in found
                for remark in row.note.split("; ")
                if remark.startswith(GROUPED)
            ]
            yield CategoryMean(
                suite=record.suite,
                model=model,
                inside=inside,
                detector=detector,
                category=category,
                value=value,
                low=max(0.0, value - reach.down),
                high=min(1.0, value + reach.up),
                sets=len(found),
                of=len(outside),
                trainings=fewest(found, own),
                note="; ".join(dict.fromkeys([*remarks, *untrained(row.note for row in found)])),
            )
