"""What it costs to collect the results of a run."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from ood_bench.cells.environment import Environment
from ood_bench.runs import read_record
from ood_bench.runs.ranking import rank
from ood_bench.store import Store


def test_what_detectors_share_is_read_once_to_rank_them(finished: Path) -> None:
    read = Counter[tuple[str, str]]()

    class Counting(Store):
        def _content(self, key: str, name: str) -> bytes:
            read[key, name] += 1
            return super()._content(key, name)

    (run,) = finished.glob("results/tiny-*")
    record = replace(read_record(run), baseline="likelihood")
    ranking = rank(record, Counting(finished / "results/store"))
    assert ranking is not None
    assert len(ranking.costs) == 2 * 2 * 3  # models, outside data sets, detectors
    assert {*read.values()} == {1}


def test_a_cost_has_the_passes_that_were_counted(finished: Path) -> None:
    (run,) = finished.glob("results/tiny-*")
    record = replace(read_record(run), baseline="likelihood")
    ranking = rank(record, Store(finished / "results/store"))
    assert ranking is not None
    assert {str(cost.passes) for cost in ranking.costs} == {"1 F"}  # one also reads file sizes


def test_columns_of_earlier_versions_have_no_passes(finished: Path) -> None:
    class Earlier(Store):
        def environment(self, key: str) -> Environment:
            return Environment(seconds="1.0")

    (run,) = finished.glob("results/tiny-*")
    record = replace(read_record(run), baseline="likelihood")
    ranking = rank(record, Earlier(finished / "results/store"))
    assert ranking is not None
    assert {cost.passes for cost in ranking.costs} == {None}
