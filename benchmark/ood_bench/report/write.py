"""Reports as files, each written under a temporary name and renamed."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ood_bench.report.figures import draw_all, file_stem, png, small_png
from ood_bench.report.markdown import markdown
from ood_bench.report.overview import draw_overviews
from ood_bench.report.tidy import comparison_csv, csv_text, findings_csv, json_text
from ood_bench.results import Results

if TYPE_CHECKING:
    import pandas as pd

    from ood_bench.analyses import Analysis

Format = Literal["markdown", "csv", "json"]

LARGE = 1 << 15


def write_report(
    results: Results,
    folder: Path,
    *,
    format: Format,
    analyses: "Mapping[str, Analysis]",
    small: bool = False,
) -> Path:
    """Write a report and return its path.

    Args:
        results: What a run found.
        folder: Where the files go; made if it is not there.
        format: `markdown` writes `report.md`, `figures/*.png` and `tables/*.csv`, `csv` writes
            `results.csv` and `json` `results.json`.
        analyses: The analyses by the suite's names, which draw their tables; the Markdown
            report alone reads them.
        small: Whether figures are for a screen, in few colours, and analyses' tables of more
            than `LARGE` bytes are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        return _write(folder / "results.csv", csv_text(results))
    if format == "json":
        return _write(folder / "results.json", json_text(results))
    for name in ("figures", "tables"):
        (folder / name).mkdir(exist_ok=True)
    _write(folder / "tables" / "results.csv", csv_text(results))
    if results.findings:
        _write(folder / "tables" / "findings.csv", findings_csv(results))
    for table in results.analyses:
        text = _table_csv(table.table)
        if not small or len(text) <= LARGE:
            _write(folder / "tables" / f"{file_stem(table)}.csv", text)
    encode = small_png if small else png
    pictures = list(draw_all(results.analyses, analyses, encode=encode))
    for picture in pictures:
        _write(folder / picture.path, picture.png)
    overviews = list(draw_overviews(results, encode=encode))
    for overview in overviews:
        _write(folder / overview.path, overview.png)
    if results.comparison:
        _write(folder / "tables" / "comparison.csv", comparison_csv(results))
    return _write(folder / "report.md", markdown(results, pictures, overviews))


def _table_csv(table: "pd.DataFrame") -> str:
    """Return a table as CSV, bytes such as PNG files in base64."""
    text = {
        column: [base64.b64encode(value).decode() for value in table[column]]
        for column in table.columns
        if isinstance(next(iter(table[column]), None), bytes)
    }
    return table.assign(**text).to_csv(index=False, lineterminator="\n")


def _write(path: Path, content: str | bytes) -> Path:
    """Write a file whole; what is not Unicode in a text, as in some file names, is escaped."""
    if isinstance(content, str):
        content = content.encode(errors="backslashreplace")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    return partial.replace(path)
