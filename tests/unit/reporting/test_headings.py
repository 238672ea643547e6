"""What findings are called in tables: titles with units, not the names that claims use."""

import pytest
from tests.unit.reporting.test_analyses import ALL

from ood_bench.analyses import Analysis, Study
from ood_bench.analyses.constants import Constants
from ood_bench.analyses.course import Course
from ood_bench.analyses.graying import Graying
from ood_bench.analyses.second_order import GAPS, SecondOrder
from ood_bench.report.document import Picture, Shown
from ood_bench.report.figures import figures
from ood_bench.results import FindingRow

LATER: list[tuple[Analysis, tuple[str, ...]]] = [
    (Constants(), ("bpd_constant_0", "bpd_noise", "share_constants_likelier")),
    (Course(), ("crossings", "largest_gap_bpd", "last_gap_bpd")),
    (Graying(), ("bpd_change_half_gray", "auroc_half_gray")),
    (Graying(to="black"), ("bpd_change_half_black", "auroc_half_black")),
    (
        SecondOrder(),
        (
            "variance_channel_1",
            "reach",
            "remainder_bpd",
            *(f"{gap}_bpd" for gap in GAPS),
            *(gap.replace("_gap", "_sign_agrees") for gap in GAPS if gap != "observed_gap"),
        ),
    ),
]
"""Analyses of models and courses, and the names of what they find."""


def check(analysis: Analysis, names: list[str]) -> None:
    titles = [analysis.heading(name) for name in names]
    assert len(set(titles)) == len(names)
    for name, title in zip(names, titles, strict=True):
        assert title != name
        assert "_" not in title


@pytest.mark.parametrize("analysis", ALL, ids=lambda analysis: type(analysis).__name__)
def test_every_finding_of_stored_columns_has_a_title(analysis: Analysis, study: Study) -> None:
    found = analysis.findings(analysis.tabulate(study))
    check(analysis, list(dict.fromkeys(one.name for one in found)))


@pytest.mark.parametrize(("analysis", "names"), LATER, ids=lambda value: type(value).__name__)
def test_every_finding_of_a_model_has_a_title(analysis: Analysis, names: tuple[str, ...]) -> None:
    check(analysis, list(names))


def test_a_figures_findings_stand_under_the_titles_of_its_analysis() -> None:
    def title(name: str) -> str:
        return f"Title of {name}"

    row = FindingRow("suite", "gaps", "m", "in", "out", "all", "volume_gap", 1.0, 0.5, 1.5)
    shown = Shown("gaps", "Gaps", "m", "in", 0, "", Picture("figures/a.png"), heading=title)
    (figure,) = figures([shown], [row])
    assert figure.findings is not None
    headings = [column.heading for column in figure.findings.columns]
    assert headings == ["Data set", "Title of volume_gap", "Trainings"]
