"""The findings of an analysis, as a small table under its figure."""

from collections.abc import Callable, Iterable

from ood_bench.report.conventions import FINDINGS
from ood_bench.report.numbers import ABSENT, decimal, with_interval
from ood_bench.report.texttable import Footnotes, TextTable, numbers, words
from ood_bench.results import FindingRow, untrained
from ood_bench.results.trainings import ONE


def findings_table(rows: Iterable[FindingRow], heading: Callable[[str], str] = str) -> TextTable:
    """Return the pooled findings of one model and inside: a row per data set, a column per name.

    A number without an interval stands alone. Remarks on the model are footnotes of every data
    set, remarks on one number are footnotes of that number.

    Args:
        rows: The findings of one analysis.
        heading: The title of a finding by its name.
    """
    pooled = [row for row in rows if row.seed == "all"]
    names = list(dict.fromkeys(row.name for row in pooled))
    trained = {row.outside: row.trainings or ABSENT for row in pooled}
    footnotes = Footnotes()
    of_model = untrained(row.note for row in pooled)
    marks = footnotes.mark(*of_model)
    cells = {}
    for row in pooled:
        own = (remark for remark in row.note.split("; ") if remark not in of_model)
        cells[row.outside, row.name] = f"{_cell(row)} {footnotes.mark(*own)}".strip()
    lines = [
        (
            f"{outside or pooled[0].inside} {marks}".strip(),
            *(cells.get((outside, name), ABSENT) for name in names),
            said,
        )
        for outside, said in trained.items()
    ]
    of_one = any(said.startswith(ONE) for said in trained.values())
    columns = (*words("Data set"), *numbers(*map(heading, names)), *words("Trainings"))
    texts = (*footnotes.texts, FINDINGS) if of_one else footnotes.texts
    return TextTable(columns, tuple(lines), texts)


def _cell(row: FindingRow) -> str:
    if row.low == row.high:
        return decimal(row.value)
    return with_interval(row.value, row.low, row.high)
