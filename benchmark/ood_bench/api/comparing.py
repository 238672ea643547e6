"""Paired tests between detectors of a run, on the images that both have scored."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ood_bench.cells import Cells
from ood_bench.cells.metric import DetectionMetrics
from ood_bench.detectors import Scores
from ood_bench.metrics import paired_delong, pooled_p
from ood_bench.runs import RunRecord
from ood_bench.runs.ranking import holm

if TYPE_CHECKING:
    from ood_bench.report.compact import Tied
    from ood_bench.report.ranking import DatasetPair

Sides: TypeAlias = tuple[Scores, Scores]
"""Scores of the inside and the outside images."""


def paired_test(record: RunRecord, store: Cells, scores: Callable[[str], Scores]) -> "Tied":
    """Return the test whether AUROCs differ from the best, over the seeds that both have.

    Args:
        record: The run.
        store: Its cells.
        scores: Returns the scores of a cell by its key.
    """
    keys: dict[tuple[str, ...], dict[int, str]] = defaultdict(dict)
    for cell in record.of("detection"):
        if store.has(cell.key):
            keys[cell.at.pair][cell.at.seed] = cell.key

    def sides(address: tuple[str, ...]) -> dict[int, Sides]:
        specs = {
            seed: store.spec(key, DetectionMetrics) for seed, key in keys.get(address, {}).items()
        }
        return {seed: (scores(spec.inside), scores(spec.outside)) for seed, spec in specs.items()}

    def tied(
        pair: "DatasetPair", model: str, detector: str, others: Sequence[tuple[str, str]]
    ) -> list[float | None]:
        best = sides((model, *pair, detector))
        found = [sides((model, *pair, detector)) for model, detector in others]
        return corrected_p(best, found, level=record.level)

    return tied


def corrected_p(
    best: dict[int, Sides], others: Sequence[dict[int, Sides]], *, level: float
) -> list[float | None]:
    """Return the p-values of others' AUROCs equal to the best, with Holm's correction.

    Args:
        best: The scores of the best detector, by seed.
        others: Those of the others.
        level: Coverage of the intervals that the p-values belong to.

    Returns:
        One for each of the others; None without common seeds or the same images.
    """
    found = [_p(best, other, level) for other in others]
    corrected = iter(holm([p for p in found if p is not None]))
    return [None if p is None else next(corrected) for p in found]


def _p(best: dict[int, Sides], other: dict[int, Sides], level: float) -> float | None:
    """Return the p-value of equal AUROCs; None without common seeds or the same images."""
    common = [seed for seed in best if seed in other]
    if not common or any(not _same_images(best[seed], other[seed]) for seed in common):
        return None
    measures = []
    for seed in common:
        (inside, outside), (own_inside, own_outside) = best[seed], other[seed]
        measures.append(paired_delong((inside, own_inside), (outside, own_outside), level=level))
    return pooled_p(measures, level=level)


def _same_images(one: Sides, other: Sides) -> bool:
    return all(len(a) == len(b) for a, b in zip(one, other, strict=True))
