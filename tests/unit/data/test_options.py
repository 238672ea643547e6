"""What a suite may say about a data set, and what it may not."""

import pytest
from pydantic import ValidationError

from ood_bench.data import DataOptions


@pytest.mark.parametrize(
    "given",
    [
        {"folder": "a", "npz": "b"},
        {"use": "mnist", "hub": "a/b"},
        {"image_column": "img"},
        {"config": "full", "folder": "a"},
        {"level": 1, "colour": [1, 2, 3]},
        {"level": 256},
        {"colour": [1, 2]},
        {"limit": 0},
        {"crop": 3},
        {"transform": {"crop": "round"}},
        {"transform": {"crop": 0}},
        {"transform": {"resize": "nearest"}},
        {"transform": {"rezise": "box"}},
    ],
)
def test_a_contradiction_or_an_unknown_word_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DataOptions.model_validate(given)


def test_options_survive_the_trip_through_json() -> None:
    given = {
        "folder": "a/b",
        "limit": "10",
        "transform": {"crop": "148", "resize": "box", "invert": True},
    }
    options = DataOptions.model_validate(given)
    assert options.transform is not None
    assert options.transform.crop == 148
    assert DataOptions.model_validate(options.model_dump(mode="json")) == options
    assert options.own == "folder"
