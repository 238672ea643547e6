"""Claims are read alone: failures first, with unit, and a yes or no in words."""

from dataclasses import replace

import pytest

from ood_bench.report import run_document
from ood_bench.report.claimed import expected, failures_first, measured, unit
from ood_bench.report.html.page import html
from ood_bench.report.provenance import claims_table
from ood_bench.results import ClaimResult, Results
from ood_bench.suite import load_suite
from ood_bench.suite.shipped import shipped_suites

SIGN = "finding(name='closed_form_sign_agrees', outside='svhn')"


@pytest.mark.parametrize(
    ("measure", "expects", "ends", "shown", "wanted"),
    [
        (SIGN, ">= 1", (1.0, 1.0, 1.0), "yes", "yes"),
        (SIGN, ">= 1", (0.0, 0.0, 0.0), "no", "yes"),
        (SIGN, ">= 1", (1.0, 0.0, 1.0), "yes [no, yes]", "yes"),
        (SIGN, ">= 1", (0.667, 0.1, 1.0), "0.667 [0.100, 1.000]", "yes"),
        (SIGN, ">= 1", (None, None, None), "–", "yes"),
        ("auroc()", "< 0.5", (0.1, 0.0, 0.2), "0.100 [0.000, 0.200] AUROC", "< 0.5 AUROC"),
        ("auroc() - auroc()", "> 0", (0.1, 0.0, 0.2), "0.100 [0.000, 0.200] AUROC", "> 0 AUROC"),
        ("bpd_train() / 2", "> 0", (0.1, 0.0, 0.2), "0.100 [0.000, 0.200]", "> 0"),
        (
            "finding(name='volume_gap')", "> 0", (0.1, 0.0, 0.2),
            "0.100 [0.000, 0.200] bits/dim", "> 0 bits/dim",
        ),
        ("finding(name='crossings')", "<= 0", (0.0, 0.0, 0.0), "0 crossings", "<= 0 crossings"),
        ("finding(name='mine')", "> 0", (0.1, 0.0, 0.2), "0.100 [0.000, 0.200]", "> 0"),
        ("mine()", "> 0", (0.1, 0.0, 0.2), "0.100 [0.000, 0.200] mine", "> 0 mine"),
    ],
)  # fmt: skip
def test_a_claim_shows_its_value_with_its_unit(
    results: Results,
    measure: str,
    expects: str,
    ends: tuple[float | None, ...],
    shown: str,
    wanted: str,
) -> None:
    value, low, high = ends
    claim = replace(
        results.claims[0], measure=measure, expects=expects, measured=value, low=low, high=high
    )
    assert measured(claim) == shown
    assert expected(claim) == wanted


def test_failures_come_first_and_every_row_has_its_id(results: Results) -> None:
    first, absent = results.claims
    failed: ClaimResult = replace(first, id="C9", verdict="not reproduced")
    run = replace(results, claims=(first, absent, failed))
    assert [claim.id for claim in failures_first(run.claims)] == ["C9", "C5", "C3"]
    assert [row[0] for row in claims_table(run).rows] == ["C9", "C5", "C3"]
    page = html(run_document(run))
    places = [page.index(f'<span class="id">{id}</span>') for id in ("C9", "C5", "C3")]
    assert places == sorted(places)


def test_claims_of_bundled_suites_stand_alone_and_name_a_source_and_a_unit() -> None:
    seen = set()
    for name, path in shipped_suites().items():
        for claim in load_suite(path).suite.claims:
            seen.add(claim.id)
            assert unit(claim.measure), (name, claim.id)
            assert any(letter.isdigit() for letter in claim.source), (name, claim.source)
            assert not {"reverse", "same", "still", "too"} & set(claim.says.split()), claim.says
    assert len(seen) > 30
