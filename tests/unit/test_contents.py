"""What the files of cells may hold: shares between 0 and 1, seconds, and every side of a pair."""

from typing import Any

import pytest
from pydantic import ValidationError

from ood_bench.analyses import Finding
from ood_bench.audit import FEATURES
from ood_bench.cells.audit import PairFound
from ood_bench.cells.environment import Environment
from ood_bench.cells.metric import Bits, Detected, Paired


def detected(*measure: float) -> Detected:
    return Detected.model_validate({"measures": {"auroc": measure}, "n_inside": 3, "n_outside": 2})


@pytest.mark.parametrize("measure", [(0, 0, 1), (1 + 1e-7, -1e-7, 1 + 1e-7), (0.5, 0.5, 0.5)])
def test_a_share_may_leave_0_to_1_by_rounding(measure: tuple[float, float, float]) -> None:
    assert tuple(detected(*measure).measures["auroc"]) == measure


@pytest.mark.parametrize("measure", [(1.00001, 0, 1), (0.5, -0.00001, 1), (0.5, 0, 1.1)])
def test_a_share_beyond_that_is_no_measure(measure: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError, match="auroc is a share, and .* does not lie between 0 "):
        detected(*measure)


@pytest.mark.parametrize("seconds", ["0", "12.5", "123456789012.123456789"])
def test_seconds_are_a_decimal_number(seconds: str) -> None:
    assert Environment(seconds=seconds).seconds == seconds


@pytest.mark.parametrize("seconds", ["", "-1", "1e3", "nan", "1.", ".5", "1" * 13, "1\n"])
def test_what_is_none_is_refused(seconds: str) -> None:
    with pytest.raises(ValidationError):
        Environment(seconds=seconds)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (Bits, {"measures": {}, "n": 1}),
        (Bits, {"measures": {"auroc": [0, 0, 0]}, "n": 1}),
        (Paired, {"measures": {}}),
        (Detected, {"measures": {"bits": [0, 0, 0]}, "n_inside": 1, "n_outside": 1}),
        (Detected, {"measures": {}, "n_inside": -1, "n_outside": 1}),
    ],
)
def test_files_without_what_they_are_for_are_refused(kind: Any, content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(content)


def test_a_finding_is_of_no_outside_unless_it_names_one() -> None:
    found = Finding(name="gap", value=1.0, low=0.5, high=1.5)
    assert (found.outside, found.note) == ("", "")


@pytest.mark.parametrize("train", [None, (1, 0)])
def test_an_audit_of_a_pair_that_lacks_something_says_what(train: tuple[int, int] | None) -> None:
    counts = {"inside": 3, "outside": 2, **({} if train is None else {"train": 9})}
    whole: dict[str, Any] = {
        "counts": counts,
        "separations": dict.fromkeys(FEATURES, (0.5, 0.4, 0.6)),
        "test": (0, 0),
        "train": train,
        "inside": None,
    }
    assert PairFound.model_validate(whole).lacking() == []
    for name in counts:
        less = {**whole, "counts": {key: n for key, n in counts.items() if key != name}}
        assert PairFound.model_validate(less).lacking() == [name]
    first, *others = FEATURES
    less = {**whole, "separations": dict.fromkeys(others, (0.5, 0.4, 0.6)), "counts": {}}
    assert PairFound.model_validate(less).lacking() == [first, *sorted(counts)]
