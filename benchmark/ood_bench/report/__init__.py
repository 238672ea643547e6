"""The report: tables, figures and files made from the results of a run."""

from ood_bench.report.figures import Picture, draw_all
from ood_bench.report.markdown import markdown
from ood_bench.report.measured import terminal_table
from ood_bench.report.texttable import TextTable
from ood_bench.report.tidy import csv_text, json_text
from ood_bench.report.versus import auroc_table, versus_claims_table, versus_note, write_versus
from ood_bench.report.write import Format, write_report

__all__ = [
    "Format",
    "Picture",
    "TextTable",
    "auroc_table",
    "csv_text",
    "draw_all",
    "json_text",
    "markdown",
    "terminal_table",
    "versus_claims_table",
    "versus_note",
    "write_report",
    "write_versus",
]
