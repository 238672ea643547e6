"""Values of one class as a table."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def frame(rows: Sequence[Any], kind: type[Any]) -> "pd.DataFrame":
    """Return values as a frame with one column per field, even if there are none."""
    import pandas as pd

    return pd.DataFrame([vars(row) for row in rows], columns=[field.name for field in fields(kind)])
