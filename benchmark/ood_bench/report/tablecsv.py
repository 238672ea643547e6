"""A table of an analysis as CSV."""

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def table_csv(table: "pd.DataFrame") -> str:
    """Return a table as CSV, bytes such as PNG files in base64."""
    text = {
        column: [base64.b64encode(value).decode() for value in table[column]]
        for column in table.columns
        if isinstance(next(iter(table[column]), None), bytes)
    }
    return table.assign(**text).to_csv(index=False, lineterminator="\n")
