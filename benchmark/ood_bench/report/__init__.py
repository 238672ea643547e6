"""The report: one document about one or several runs, and the formats that write it."""

from ood_bench.report.compact import CompactTable, compact_table
from ood_bench.report.compose import run_document
from ood_bench.report.document import Document, Section
from ood_bench.report.formats import Format, load_format
from ood_bench.report.pdf import Pdf
from ood_bench.report.resize import PaperSize
from ood_bench.report.run_comparison import run_comparison_document
from ood_bench.report.sections import audit_sections
from ood_bench.report.terminal import terminal_sections, terminal_table
from ood_bench.report.texttable import TextTable
from ood_bench.report.write import write_report, write_run_comparison

__all__ = [
    "CompactTable",
    "Document",
    "Format",
    "PaperSize",
    "Pdf",
    "Section",
    "TextTable",
    "audit_sections",
    "compact_table",
    "load_format",
    "run_comparison_document",
    "run_document",
    "terminal_sections",
    "terminal_table",
    "write_report",
    "write_run_comparison",
]
