"""Text in CSV: no formula, and the same text when it is read back."""

from hypothesis import given
from hypothesis import strategies as st

from ood_bench.spreadsheet import guarded, unguarded

starts = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "'", "''", "'="])


@given(starts, st.text(max_size=5))
def test_no_cell_begins_as_a_formula_and_the_text_can_be_read_back(start: str, rest: str) -> None:
    text = start + rest
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert unguarded(guarded(text)) == text


def test_what_is_not_unicode_is_escaped() -> None:
    assert guarded("a\udcff.png").encode() == b"a\\udcff.png"
