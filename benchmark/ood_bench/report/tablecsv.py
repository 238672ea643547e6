"""A table of an analysis as CSV."""

import base64
from typing import TYPE_CHECKING

from ood_bench.spreadsheet import guarded

if TYPE_CHECKING:
    import pandas as pd


def table_csv(table: "pd.DataFrame") -> str:
    """Return a table as CSV, bytes such as PNG files in base64.

    Text that a spreadsheet could take for a formula is guarded, see `ood_bench.spreadsheet`.
    """
    found = table.copy()
    for column in table.columns:
        if table[column].dtype.kind not in "biufcmM":
            found[column] = table[column].astype(object).map(_cell)
    found.columns = [guarded(str(column)) for column in table.columns]
    return found.to_csv(index=False, lineterminator="\n")


def _cell(value: object) -> object:
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return guarded(value) if isinstance(value, str) else value
