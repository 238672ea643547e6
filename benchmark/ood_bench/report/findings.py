"""What an analysis found, as a small table under its figure."""

from collections.abc import Iterable

from ood_bench.report.conventions import FINDINGS
from ood_bench.report.numbers import ABSENT, decimal, with_interval
from ood_bench.report.texttable import TextTable
from ood_bench.results import FindingRow
from ood_bench.results.trainings import ONE


def findings_table(rows: Iterable[FindingRow]) -> TextTable:
    """Return the pooled findings of one model on one inside: a line a data set, a column a name.

    A number without an interval stands alone.
    """
    pooled = [row for row in rows if row.seed == "all"]
    cells = {(row.outside, row.name): _cell(row) for row in pooled}
    names = list(dict.fromkeys(row.name for row in pooled))
    trained = {row.outside: row.trainings or ABSENT for row in pooled}
    lines = [
        (
            outside or pooled[0].inside,
            *(cells.get((outside, name), ABSENT) for name in names),
            said,
        )
        for outside, said in trained.items()
    ]
    of_one = any(said.startswith(ONE) for said in trained.values())
    headers = ("Data set", *names, "Trainings")
    footnotes = (FINDINGS,) if of_one else ()
    return TextTable(headers, tuple(lines), footnotes, numeric=frozenset(names))


def _cell(row: FindingRow) -> str:
    if row.low == row.high:
        return decimal(row.value)
    return with_interval(row.value, row.low, row.high)
