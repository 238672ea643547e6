"""The report as one HTML file that needs no network: tables, charts, images, figures."""

from ood_bench.report.html.page import Html, html

__all__ = ["Html", "html"]
