"""Claims: verdicts that respect intervals, and the rows that a claim means."""

from dataclasses import replace

import pytest
from pydantic import ValidationError
from tests.unit.claim_rows import NAMES, claim, row

from ood_bench.claims import evaluate_claims, validate
from ood_bench.data import ImagesInfo, Shape
from ood_bench.errors import SuiteError
from ood_bench.plan import DataRead
from ood_bench.results import FindingRow, Omission
from ood_bench.runs.per_image import same_images


@pytest.mark.parametrize(
    ("expect", "interval", "verdict", "note"),
    [
        ("< 0.5", (0.3, 0.2, 0.4), "reproduced", ""),
        ("< 0.5", (0.4, 0.3, 0.5), "not reproduced", "the interval crosses the bound"),
        ("<= 0.5", (0.4, 0.3, 0.5), "reproduced", ""),
        ("> 0.5", (0.6, 0.5, 0.7), "not reproduced", "the interval crosses the bound"),
        (">= 0.5", (0.6, 0.5, 0.7), "reproduced", ""),
        ("< 0.5", (0.6, 0.4, 0.7), "not reproduced", ""),
        ("between 0.4 and 0.6", (0.5, 0.4, 0.6), "reproduced", ""),
        (
            "between 0.4 and 0.6",
            (0.5, 0.3, 0.6),
            "not reproduced",
            "the interval crosses the bound",
        ),
        ("between -1e-1 and +.5", (0.1, 0.0, 0.2), "reproduced", ""),
    ],
)
def test_a_claim_is_reproduced_only_if_the_whole_interval_meets_it(
    expect: str, interval: tuple[float, float, float], verdict: str, note: str
) -> None:
    (result,) = evaluate_claims([claim(expect=expect)], [row(*interval)])
    assert (result.verdict, result.note) == (verdict, note)
    assert (result.measured, result.low, result.high) == interval


def test_pooled_rows_are_measured_and_single_seeds_are_not() -> None:
    rows = [row(0.9, 0.9, 0.9, seed="0"), row(0.1, 0.1, 0.1)]
    assert evaluate_claims([claim()], rows)[0].measured == 0.1


def test_keywords_choose_the_row_and_may_be_left_out_where_one_is_meant() -> None:
    rows = [
        row(0.1, 0.1, 0.1),
        row(0.2, 0.2, 0.2, model="cv_glow"),
        row(0.3, 0.3, 0.3, metric="fpr95"),
        row(0.4, 0.4, 0.4, outside="svhn"),
    ]
    results = evaluate_claims(
        [
            claim("auroc(model='cv_glow')"),
            claim("fpr95()"),
            claim("auroc(model='glow', inside='fashion_mnist', outside='svhn')"),
        ],
        rows,
    )
    assert [result.measured for result in results] == [0.2, 0.3, 0.4]


def test_a_claim_that_may_mean_several_rows_is_not_run_and_says_what_to_add() -> None:
    rows = [row(0.1, 0.1, 0.1), row(0.2, 0.2, 0.2, detector="typicality")]
    (result,) = evaluate_claims([claim("auroc(model='glow')")], rows)
    assert result.verdict == "not run"
    assert result.measured is None
    assert result.note == "auroc(model='glow') may mean several rows; add detector"


def test_a_claim_never_slips_to_another_row_because_its_own_did_not_run() -> None:
    lacking = Omission("pair fashion_mnist → svhn", "no data", "", "fashion_mnist", "svhn", "")
    rows = [row(0.1, 0.1, 0.1)]
    assert evaluate_claims([claim("auroc(model='glow')")], rows)[0].verdict == "reproduced"
    (result,) = evaluate_claims([claim("auroc(model='glow')")], rows, [lacking])
    assert result.verdict == "not run"
    assert result.note.endswith("add outside")
    (named,) = evaluate_claims([claim("auroc(outside='mnist')")], rows, [lacking])
    assert named.verdict == "reproduced"


def test_a_claim_whose_row_is_missing_gives_the_reason_of_the_skip() -> None:
    missing = [
        Omission("pair fashion_mnist → svhn", "no data", "", "fashion_mnist", "svhn", ""),
        Omission("glow × volume", "no decompose()", "glow", "", "", "volume"),
        Omission("analysis/glow", "disk full"),
    ]
    svhn = "auroc(model='glow', outside='svhn', detector='likelihood')"
    (result,) = evaluate_claims([claim(svhn)], [row(0.1, 0.1, 0.1)], missing)
    assert (result.verdict, result.note) == ("not run", "pair fashion_mnist → svhn: no data")
    (other,) = evaluate_claims(
        [claim("auroc(outside='cifar10', detector='likelihood')")], [], missing
    )
    assert other.note == "auroc(outside='cifar10', detector='likelihood') was not measured"


def test_a_detector_that_was_skipped_does_not_explain_missing_bits_per_dimension() -> None:
    missing = [Omission("glow × volume", "no decompose()", "glow", "", "", "volume")]
    (result,) = evaluate_claims([claim("bpd_inside(model='glow')", "> 0")], [], missing)
    assert result.note == "bpd_inside(model='glow') was not measured"


def test_what_stands_beside_a_claim_is_measured_too_and_says_why_it_could_not_be() -> None:
    rows = [row(0.7, 0.6, 0.8), row(0.2, 0.1, 0.3, model="cv_glow")]
    beside = {"CV-Glow's": "auroc(model='cv_glow')", "SVHN's": "auroc(outside='svhn')"}
    given = claim("auroc(model='glow')").model_copy(update={"beside": beside})
    (result,) = evaluate_claims([given], rows)
    assert result.verdict == "not reproduced"
    first, second = result.beside
    assert (first.says, first.measured, first.low, first.high) == ("CV-Glow's", 0.2, 0.1, 0.3)
    assert (second.measured, second.note) == (None, "auroc(outside='svhn') was not measured")


def test_division_by_zero_and_overflow_are_verdicts_and_not_crashes() -> None:
    results = evaluate_claims(
        [claim("1 / auroc()"), claim("1e308 * 10 + auroc()")], [row(0.0, 0.0, 0.0)]
    )
    assert [result.verdict for result in results] == ["not run", "not run"]
    assert [result.note for result in results] == [
        "the measure divides by 0",
        "the measure is not a finite number",
    ]


def finding(value: float, *, outside: str = "mnist", name: str = "volume_gap") -> FindingRow:
    return FindingRow(
        suite="s",
        analysis="decomposition",
        model="glow",
        inside="fashion_mnist",
        outside=outside,
        seed="all",
        name=name,
        value=value,
        low=value - 0.1,
        high=value + 0.1,
    )


def test_a_claim_may_be_about_what_an_analysis_found() -> None:
    rows = (row(0.2, 0.1, 0.3), finding(0.5), finding(0.9, outside="svhn"), finding(7, name="x"))
    about = claim("finding(name='volume_gap', outside='mnist') - 0.2", "> 0")
    (found,) = evaluate_claims([about], rows)
    assert (found.verdict, found.measured) == ("reproduced", pytest.approx(0.3))
    (open_,) = evaluate_claims([claim("finding(name='volume_gap')", "> 0")], rows)
    assert open_.note == "finding(name='volume_gap') may mean several rows; add outside"
    (absent,) = evaluate_claims([claim("finding(name='gone')", "> 0")], rows)
    assert absent.note == "finding(name='gone') was not measured"


def test_findings_of_two_analyses_are_told_apart_by_the_analysis() -> None:
    rows = (finding(0.5), replace(finding(0.7), analysis="moments"))
    (open_,) = evaluate_claims([claim("finding(name='volume_gap')", "> 0")], rows)
    assert open_.note == "finding(name='volume_gap') may mean several rows; add analysis"
    about = claim("finding(name='volume_gap', analysis='moments')", "> 0")
    (found,) = evaluate_claims([about], rows)
    assert found.measured == 0.7


def test_all_reasons_why_a_measure_is_absent_are_said_once() -> None:
    missing = [
        Omission("glow × a", "no a", model="glow"),
        Omission("glow × b", "no b", model="glow"),
        Omission("glow × a", "no a", model="glow"),
    ]
    (found,) = evaluate_claims([claim("auroc(model='glow')")], [], missing)
    assert found.note == "glow × a: no a; glow × b: no b"


def test_a_finding_is_absent_for_the_reason_of_its_pair() -> None:
    skip = Omission("pair fashion_mnist → svhn", "no svhn", inside="fashion_mnist", outside="svhn")
    detector = Omission("glow × d", "no column", model="glow", detector="typicality")
    about = claim("finding(name='volume_gap', outside='svhn')", "> 0")
    (found,) = evaluate_claims([about], [finding(0.5)], [detector, skip])
    assert found.note == "pair fashion_mnist → svhn: no svhn"


def test_a_finding_is_asked_for_by_its_name_and_a_known_analysis() -> None:
    validate(claim("finding(name='anything', analysis='decomposition')"), **NAMES)
    with pytest.raises(ValidationError, match="needs a name"):
        claim("finding(model='glow')")
    with pytest.raises(SuiteError, match="no analysis 'decompositoin'; did you mean"):
        validate(claim("finding(name='x', analysis='decompositoin')"), **NAMES)


def test_images_are_the_same_in_any_shape_and_under_any_name() -> None:
    def ref(name: str, digest: str, *, split: str = "test", count: int = 10) -> DataRead:
        info = ImagesInfo(
            name, "", split, count, Shape(1, 8, 8), digest, "", "", licence="", citation="", note=""
        )
        return DataRead(name, split, info)

    found = same_images(
        [
            ref("mnist", "gray"),
            ref("mnist", "train", split="train"),
            ref("svhn", "house"),
            ref("mnist_20k", "gray"),
            ref("mnist", "colour"),
            ref("mnist_20k", "large"),
            ref("mnist", "half", count=5),
        ]
    )
    assert len({found[digest] for digest in ("gray", "colour", "large")}) == 1
    assert len({found[digest] for digest in ("gray", "train", "house", "half")}) == 4
