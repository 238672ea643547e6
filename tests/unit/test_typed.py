"""JSON from disk: exactly the types asked for, or one line."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ood_bench.errors import StoreError
from ood_bench.typed import LARGEST, typed


@dataclass(frozen=True)
class Sample:
    """A small value."""

    name: str
    count: int
    values: tuple[float, ...] = ()


GOOD = '{"name": "a", "count": 2, "values": [1, 2.5]}'


def test_what_fits_is_read() -> None:
    assert typed(GOOD, Sample, "x.json") == Sample("a", 2, (1.0, 2.5))
    assert typed('{"count": 2}', Sample, "x.json", more={"name": "b"}) == Sample("b", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "EOF"),
        ("{", "EOF"),
        ("no", "expected"),
        ("null", "the whole"),
        ("7", "the whole"),
        ("[]", "the whole"),
        ("[" * 100_000, "recursion limit"),
        ('{"a":' * 100_000, "recursion limit"),
        ('{"name": "a"}', "count: Field required"),
        ('{"name": "a", "count": "2"}', "count: Input should be a valid integer"),
        ('{"name": "a", "count": 2.0}', "count: Input should be a valid integer"),
        ('{"name": "a", "count": true}', "count: Input should be a valid integer"),
        ('{"name": null, "count": 2}', "name: Input should be a valid string"),
        ('{"name": "a", "count": 2, "values": [NaN]}', "expected"),
        ('{"name": "a", "count": 2, "values": [1e999]}', "not finite"),
        (b'{"name": "\xff", "count": 2}', "invalid unicode"),
        (" " * (LARGEST + 1), "at most"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_it(text: str | bytes, message: str) -> None:
    with pytest.raises(StoreError, match=r"^x\.json is damaged: ") as caught:
        typed(text, Sample, "x.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    with pytest.raises(StoreError):
        typed(text, Sample, "x.json")
