"""What it costs to collect the results of a run."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

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
