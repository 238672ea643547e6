"""Rankings of a run's detectors: both directions of pairs, cost, tests."""

from collections.abc import Sequence
from typing import NamedTuple

from ood_bench.report.measured import detections
from ood_bench.report.numbers import ABSENT, decimal, p_text, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import Cost, Difference, Results, Row, untrained
from ood_bench.statistics.passes import mean_passes

SIGNIFICANT = 0.05


class DatasetPair(NamedTuple):
    """An inside and an outside data set."""

    inside: str
    outside: str

    def __str__(self) -> str:
        return f"{self.inside} → {self.outside}"


class RankedDetector(NamedTuple):
    """A detector of a model, and the pooled AUROC of each pair on which it was measured."""

    model: str
    detector: str
    auroc: dict[DatasetPair, Row]

    @property
    def name(self) -> str:
        """Its name in figures."""
        return f"{self.model} · {self.detector}"

    @property
    def grouped(self) -> bool:
        """Whether its scores are of groups of images."""
        return any(row.grouped for row in self.auroc.values())

    @property
    def untrained(self) -> list[str]:
        """The remarks that its model is not trained; such a detector has no rank."""
        return untrained(row.note for row in self.auroc.values())

    def over(self, pairs: Sequence[DatasetPair]) -> list[float]:
        """Return its AUROC on each of the given pairs on which it was measured."""
        return [self.auroc[pair].value for pair in pairs if pair in self.auroc]


class RankingBoard(NamedTuple):
    """The detectors that are ranked among one another.

    Attributes:
        images: The shape of the images of its pairs; empty if all pairs of the run have one.
        grouped: Whether its detectors score groups of images, which is an easier task.
        pairs: Its pairs, each followed by its reverse if that was run too.
        detectors: By the lowest AUROC over the pairs that are ranked, the highest first; then those
            not measured on all of these, and those of models that are not trained.
    """

    images: str
    grouped: bool
    pairs: list[DatasetPair]
    detectors: list[RankedDetector]

    @property
    def heading(self) -> str:
        """The heading of its table."""
        images = f"{self.images} images".strip()
        if self.grouped:
            return f"Detector ranking, groups of {images}"
        return f"Detector ranking, {images}" if self.images else "Detector ranking"

    @property
    def ranked(self) -> list[DatasetPair]:
        """The pairs behind mean, worst and rank: those run in both directions, or else all."""
        known = set(self.pairs)
        return [p for p in self.pairs if DatasetPair(p.outside, p.inside) in known] or self.pairs

    @property
    def both_ways(self) -> list[DatasetPair]:
        """The pairs on which a detector was run in both directions, each in its first only."""
        found: list[DatasetPair] = []
        for pair in self.pairs:
            reverse = DatasetPair(pair.outside, pair.inside)
            both = any(pair in one.auroc and reverse in one.auroc for one in self.detectors)
            if both and reverse not in found:
                found.append(pair)
        return found

    def ranks(self) -> dict[tuple[str, str], float]:
        """Return the mean rank of each detector of each trained model; 1 is the best AUROC.

        On each pair it is ranked among all that were measured there; ties share a rank.
        """
        from scipy.stats import rankdata

        found: dict[tuple[str, str], list[float]] = {}
        for pair in self.ranked:
            measured = [e for e in self.detectors if pair in e.auroc and not e.untrained]
            places = rankdata([-entry.auroc[pair].value for entry in measured])
            for entry, rank in zip(measured, places, strict=True):
                found.setdefault((entry.model, entry.detector), []).append(float(rank))
        return {name: sum(places) / len(places) for name, places in found.items()}


def entries(results: Results) -> list[RankedDetector]:
    """Return all detectors of all models, in the order of the run."""
    found: dict[tuple[str, str], RankedDetector] = {}
    for row in results.rows:
        if row.seed == "all" and row.metric == "auroc":
            entry = found.setdefault(
                (row.model, row.detector), RankedDetector(row.model, row.detector, {})
            )
            entry.auroc[DatasetPair(row.inside, row.outside)] = row
    return list(found.values())


def boards(results: Results) -> list[RankingBoard]:
    """Return the rankings of a run: one for each shape of image, groups of images apart.

    Shifted ID images are no OOD images, so pairs with that label are left out.

    A detector of several shapes, such as one of a classifier trained on each, is on several.
    """
    shifted = {
        DatasetPair(one.inside, one.outside) for one in results.nearness if one.category == "shift"
    }
    everything = [
        entry._replace(auroc={p: row for p, row in entry.auroc.items() if p not in shifted})
        for entry in entries(results)
    ]
    shapes = {card.name: card.shape for card in reversed(results.data)}
    families: dict[str, list[DatasetPair]] = {}
    for pair in _ordered(everything):
        families.setdefault(shapes.get(pair.inside, ""), []).append(pair)
    found = []
    for shape, pairs in families.items():
        images = shape if len(families) > 1 else ""
        for grouped in (False, True):
            own = [
                entry._replace(
                    auroc={pair: entry.auroc[pair] for pair in pairs if pair in entry.auroc}
                )
                for entry in everything
                if entry.grouped == grouped
            ]
            own = [entry for entry in own if entry.auroc]
            shown = [pair for pair in pairs if any(pair in entry.auroc for entry in own)]
            if own:
                board = RankingBoard(images, grouped, shown, own)
                found.append(board._replace(detectors=_worst_first(board)))
    return found


def _worst_first(board: RankingBoard) -> list[RankedDetector]:
    """Return the detectors of a board, compared by the worst AUROC of each, the best one first.

    One that was measured on some of the ranked pairs only has shown nothing of the others.
    """

    def place(entry: RankedDetector) -> tuple[bool, bool, float]:
        values = entry.over(board.ranked)
        return bool(entry.untrained), len(values) < len(board.ranked), -min(values, default=0.0)

    return sorted(board.detectors, key=place)


def _ordered(everything: list[RankedDetector]) -> list[DatasetPair]:
    """Return the pairs of a run, each followed by its reverse if that was run too."""
    tried = dict.fromkeys(pair for entry in everything for pair in entry.auroc)
    ordered: dict[DatasetPair, None] = {}
    for pair in tried:
        ordered[pair] = None
        reverse = DatasetPair(pair.outside, pair.inside)
        if reverse in tried:
            ordered[reverse] = None
    return list(ordered)


def ranking_table(results: Results, board: RankingBoard) -> TextTable:
    """Return each detector of a board: AUROC of every pair, mean, worst, rank and cost.

    Mean and worst are left out where there is one pair. The rows of models that are not trained
    are gray.
    """
    ranking = results.ranking
    if ranking is None:
        return TextTable((), ())
    over, ranked = board.ranked, board.ranks()
    several = len(over) > 1
    marks = {
        (item.model, item.detector, DatasetPair(item.inside, item.outside)): "▲"
        if item.value > 0
        else "▼"
        for item in ranking.differences
        if item.p_holm < SIGNIFICANT
    }
    own = frozenset(board.pairs)
    trained: dict[tuple[str, str], dict[str, None]] = {}
    for item in detections(results):
        if item.pooled and (item.inside, item.outside) in own:
            trained.setdefault((item.model, item.detector), {})[item.trained] = None
    costs_of: dict[tuple[str, str], list[Cost]] = {}
    for cost in ranking.costs:
        if (cost.inside, cost.outside) in own:
            costs_of.setdefault((cost.model, cost.detector), []).append(cost)
    rows, footnotes = [], Footnotes()
    for entry in board.detectors:
        name = (entry.model, entry.detector)
        costs = costs_of.get(name, [])
        times = [cost.milliseconds for cost in costs]
        passes = mean_passes([cost.passes for cost in costs])
        rank, values = ranked.get(name), entry.over(over)
        cells = []
        for pair in board.pairs:
            row, mark = entry.auroc.get(pair), marks.get((*name, pair), "")
            cells.append(f"{decimal(row.value)} {mark}".strip() if row else ABSENT)
        if several:
            fewer = f" (of {len(values)})" if 0 < len(values) < len(over) else ""
            cells.append(f"{decimal(sum(values) / len(values) if values else None)}{fewer}")
            cells.append(decimal(min(values, default=None)))
        rows.append(
            (
                f"{entry.model} {footnotes.mark(*entry.untrained)}".strip(),
                entry.detector,
                ranking.uses.get(entry.detector, ABSENT),
                " or ".join(trained.get(name, {})) or ABSENT,
                *cells,
                ABSENT if rank is None else f"{rank:.1f}",
                ABSENT if passes is None else str(passes),
                f"{sum(times) / len(times):.2f}" if times else ABSENT,
            )
        )
    means = (f"Mean of {len(over)} pairs", "Worst", "Mean rank") if several else ("Rank",)
    columns = (
        *words("Model", "Detector", "Extra input", "Trainings"),
        *numbers(*map(str, board.pairs), *means, "Passes/image", "ms/image"),
    )
    gray = frozenset(i for i, entry in enumerate(board.detectors) if entry.untrained)
    return TextTable(columns, tuple(rows), footnotes.texts, gray)


def difference_table(results: Results) -> TextTable:
    """Return each detector's AUROC minus the baseline's, with p-values."""
    ranking = results.ranking
    if ranking is None:
        return TextTable((), ())
    footnotes = Footnotes()
    notes = {
        (entry.model, entry.detector, pair): untrained([row.note])
        for entry in entries(results)
        for pair, row in entry.auroc.items()
    }

    def label(item: Difference) -> str:
        pair = DatasetPair(item.inside, item.outside)
        sides = (notes.get((item.model, d, pair), []) for d in (item.detector, ranking.baseline))
        return footnotes.mark(*(remark for side in sides for remark in side))

    rows = tuple(
        (
            f"{item.model} {label(item)}".strip(),
            f"{item.inside} → {item.outside}",
            item.detector,
            with_interval(item.value, item.low, item.high),
            item.trainings or ABSENT,
            p_text(item.p),
            p_text(item.p_holm),
        )
        for item in ranking.differences
    )
    columns = (
        *words("Model", "ID → OOD", "Detector"),
        *numbers(f"AUROC minus that of {ranking.baseline}"),
        *words("Trainings"),
        *numbers("p", "p (Holm)"),
    )
    return TextTable(columns, rows, footnotes.texts)
