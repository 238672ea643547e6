"""The page of a leaderboard: ranks, and what has none."""

import re

from ood_bench.metrics import Measure
from ood_bench.report.leaderboard import LeaderboardEntry, leaderboard_page
from ood_bench.results import Recomputed


def row(
    detector: str, auroc: float, *, images: str = "a", grouped: bool = False, untrained: str = ""
) -> Recomputed:
    measure = Measure(auroc, auroc - 0.01, auroc + 0.01)
    measures = {"auroc": measure, "fpr95": measure}
    pair = (images * 32, "f" * 32)
    return Recomputed(
        "glow", "clothes", "digits", detector, pair, measures, "3 trainings", grouped, untrained
    )


def shown(*entries: LeaderboardEntry) -> dict[str, list[list[str]]]:
    """The cells of each table, by its heading."""
    page = leaderboard_page(entries, (), level=0.95, title="Board")
    tables = re.findall(r"<h2>(.*?)</h2>\s*<div>(.*?)</table>", page, re.DOTALL)
    return {
        heading: [
            [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", line, re.DOTALL)]
            for line in re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]
        ]
        for heading, table in tables
    }


def entry(name: str, *rows: Recomputed) -> LeaderboardEntry:
    return LeaderboardEntry(name, "suite", "Title", "0" * 64, rows)


def test_the_best_is_first_ties_share_a_rank_and_what_does_not_count_is_last() -> None:
    groups = row("typicality", 0.99, grouped=True)
    one = entry("one", groups, row("knn", 0.7), row("msp", 0.9))
    two = entry("two", row("vim", 0.9), row("odin", 0.2))
    (table, _) = shown(one, two).items()
    heading, rows = table
    assert heading == "clothes → digits"
    assert [(line[0], line[1], line[3]) for line in rows] == [
        ("1", "one", "msp"),
        ("1", "two", "vim"),
        ("3", "one", "knn"),
        ("4", "two", "odin"),
        ("", "one", "typicality"),
    ]
    assert rows[0][4] == "0.900 [0.890, 0.910]"
    assert rows[-1][-1] == "3 trainings; scores of groups of images"


def test_other_images_of_the_same_name_are_another_table() -> None:
    found = shown(entry("one", row("knn", 0.7)), entry("two", row("knn", 0.9, images="b")))
    assert [*found][:2] == [
        "clothes → digits (images aaaaaaaa → ffffffff)",
        "clothes → digits (images bbbbbbbb → ffffffff)",
    ]
    assert [len(rows) for rows in found.values()] == [1, 1, 2]
