"""The report: one document of what a run found, or several, and the formats that write it."""

from ood_bench.report.compose import run_document
from ood_bench.report.document import Document, Section
from ood_bench.report.formats import Format, load_format
from ood_bench.report.sections import audit_sections
from ood_bench.report.terminal import terminal_sections, terminal_table
from ood_bench.report.texttable import TextTable
from ood_bench.report.versus import versus_document
from ood_bench.report.write import write_report, write_versus

__all__ = [
    "Document",
    "Format",
    "Section",
    "TextTable",
    "audit_sections",
    "load_format",
    "run_document",
    "terminal_sections",
    "terminal_table",
    "versus_document",
    "write_report",
    "write_versus",
]
