"""Tables of near-OOD, far-OOD and shifted sets: mean AUROC, and how near the sets are."""

from ood_bench.report.numbers import ABSENT, count, decimal, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import Category, CategoryMean, Results

TITLES: dict[Category, str] = {
    "near": "Near-OOD AUROC",
    "far": "Far-OOD AUROC",
    "shift": "Shifted ID AUROC",
}
CATEGORIES: dict[Category, str] = {"near": "near-OOD", "far": "far-OOD", "shift": "shifted ID"}
"""What the categories are called in tables."""


def categories_table(results: Results) -> TextTable:
    """Return the mean AUROC of each detector over the sets of each category."""
    means = {
        (one.model, one.inside, one.detector, one.category): one for one in results.category_means
    }
    measured = {one.category for one in means.values()}
    shown: list[Category] = [name for name in TITLES if name in measured]
    rows: list[tuple[str, ...]] = []
    gray: set[int] = set()
    footnotes = Footnotes()
    for model, inside, detector in dict.fromkeys(key[:3] for key in means):
        own = [means.get((model, inside, detector, category)) for category in shown]
        found = [one for one in own if one is not None]
        notes = footnotes.mark(*(one.note for one in found))
        if any("not trained" in one.note for one in found):
            gray.add(len(rows))
        trained = " or ".join(dict.fromkeys(one.trainings for one in found)) or ABSENT
        cells = map(_cell, own)
        rows.append((f"{model} {notes}".strip(), inside, detector, *cells, trained))
    columns = (
        *words("Model", "ID", "Detector"),
        *numbers(*(TITLES[name] for name in shown)),
        *words("Trainings"),
    )
    return TextTable(columns, tuple(rows), footnotes.texts, frozenset(gray))


def _cell(mean: CategoryMean | None) -> str:
    """Write a mean with its interval, and over how many sets it is if some are missing."""
    if mean is None:
        return ABSENT
    text = with_interval(mean.value, mean.low, mean.high)
    return text if mean.complete else f"{text} ({mean.sets} of {mean.of} sets)"


def nearness_table(results: Results) -> TextTable:
    """Return the category of each OOD set beside its measured distance from the ID set."""
    rows = tuple(
        (
            f"{one.inside} → {one.outside}",
            CATEGORIES[one.category],
            decimal(one.distance),
            decimal(one.own),
            count(one.images),
        )
        for one in results.nearness
    )
    columns = (
        *words("ID → OOD", "Label"),
        *numbers("Pixel distance", "ID test to ID training", "Images of each"),
    )
    return TextTable(columns, rows)
