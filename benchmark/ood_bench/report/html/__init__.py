"""The report as one HTML file that needs no network: tables, charts, images, figures."""

from ood_bench.report.html.page import drawn_in_page, fails_in_page, html

__all__ = ["drawn_in_page", "fails_in_page", "html"]
