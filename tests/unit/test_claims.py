"""Claims: a small arithmetic over measured values, and verdicts that respect their intervals."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ood_bench.claims import Claim, evaluate_claims, validate
from ood_bench.claims.arithmetic import parse_expression
from ood_bench.data import ImagesInfo, Shape
from ood_bench.errors import SuiteError
from ood_bench.plan import DataRead
from ood_bench.results import FindingRow, Metric, Omission, Row
from ood_bench.runs.per_image import same_images

NAMES = {
    "models": ("glow", "cv_glow"),
    "datasets": ("fashion_mnist", "mnist", "svhn"),
    "detectors": ("likelihood", "typicality"),
    "analyses": ("decomposition",),
}


def row(
    value: float,
    low: float,
    high: float,
    *,
    metric: Metric = "auroc",
    model: str = "glow",
    outside: str = "mnist",
    detector: str = "likelihood",
    seed: str = "all",
) -> Row:
    return Row(
        suite="s",
        model=model,
        inside="fashion_mnist",
        outside=outside,
        detector=detector,
        seed=seed,
        metric=metric,
        value=value,
        low=low,
        high=high,
        n_inside=100,
        n_outside=100,
        transform="",
        note="",
    )


def claim(measure: str = "auroc()", expect: str = "< 0.5") -> Claim:
    return Claim(id="c", says="s", source="p", measure=measure, expect=expect)


def measured(text: str, **terms: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return value and ends of a measure over terms that share no image."""
    rows = [row(*ends, metric=name) for name, ends in terms.items()]  # type: ignore[arg-type]  # metrics
    (result,) = evaluate_claims([claim(text)], rows)
    assert result.measured is not None
    assert result.low is not None
    assert result.high is not None
    return result.measured, result.low, result.high


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("auroc()", 0.25),
        ("-auroc()", -0.25),
        ("1 - 2 * auroc()", 0.5),
        ("(auroc() + 1) / 2 - 0.125", 0.5),
        ("--auroc() * +3", 0.75),
        ("1 - auroc() - 0.5", 0.25),
        ("1 / auroc() / 2", 2.0),
    ],
)
def test_a_measure_is_ordinary_arithmetic(text: str, value: float) -> None:
    assert measured(text, auroc=(0.25, 0.2, 0.3))[0] == pytest.approx(value)


def test_a_constant_stretches_an_interval_and_a_minus_turns_it_round() -> None:
    found = measured("1 - 2 * auroc()", auroc=(0.3, 0.2, 0.6))
    assert found == pytest.approx((0.4, -0.2, 0.6))


@pytest.mark.parametrize("operator", ["+", "-"])
def test_half_widths_of_sums_and_differences_add_in_quadrature(operator: str) -> None:
    value, low, high = measured(
        f"bpd_inside() {operator} bpd_outside()",
        bpd_inside=(3.0, 2.7, 3.3),
        bpd_outside=(2.0, 1.6, 2.4),
    )
    assert (value - low, high - value) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("operator", ["*", "/"])
def test_intervals_of_products_and_ratios_agree_with_sampling(operator: str) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    a, b = random.normal(3.0, 0.01, 100_000), random.normal(2.0, 0.02, 100_000)
    samples = a * b if operator == "*" else a / b
    _, low, high = measured(
        f"bpd_inside() {operator} bpd_outside()",
        bpd_inside=(3.0, 2.99, 3.01),
        bpd_outside=(2.0, 1.98, 2.02),
    )
    assert (high - low) / 2 == pytest.approx(samples.std(), rel=0.02)


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


def test_a_mistake_in_what_stands_beside_a_claim_is_found_as_in_its_measure() -> None:
    unknown = Claim.model_validate(claim().model_dump() | {"beside": {"x": "aurok()"}})
    with pytest.raises(SuiteError, match="unknown metric 'aurok'; did you mean 'auroc'"):
        validate(unknown, **NAMES)
    wrong = claim().model_copy(update={"beside": {"x": "auroc(model='glowe')"}})
    with pytest.raises(SuiteError, match="no model 'glowe'; did you mean 'glow'"):
        validate(wrong, **NAMES)


def test_division_by_zero_and_overflow_are_verdicts_and_not_crashes() -> None:
    results = evaluate_claims(
        [claim("1 / auroc()"), claim("1e308 * 10 + auroc()")], [row(0.0, 0.0, 0.0)]
    )
    assert [result.verdict for result in results] == ["not run", "not run"]
    assert [result.note for result in results] == [
        "the measure divides by 0",
        "the measure is not a finite number",
    ]


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("auroc(modle='glow')", "auroc(...) has no keyword 'modle'; did you mean 'model'?"),
        ("bpd_inside(detector='likelihood')", "bpd_inside(...) has no keyword 'detector'"),
        ("auroc('glow')", "takes names by keyword: model, inside, outside, detector"),
        ("auroc(model=glow)", "write model='name' in quotes, not glow"),
        ("auroc(**x)", "has no keyword '**'"),
        ("0.5", "names no metric"),
        ("auroc() ** 2", "not 'auroc() ** 2'"),
        ("auroc() < 0.5", "not 'auroc() < 0.5'"),
        ("auroc.__class__", "not 'auroc.__class__'"),
        ("__import__('os').system('ls')", "not '__import__('os').system('ls')'"),
        ("[auroc()]", "not '[auroc()]'"),
        ("auroc() + True", "not 'True'"),
        ("auroc() + 1j", "not '1j'"),
        ("auroc() + 'a'", "not ''a''"),
        ("auroc() + 1e999", "too large"),
        ("auroc() + " + "9" * 400, "too large"),
        ("auroc() +", "cannot read the measure"),
        ("", "cannot read the measure"),
        ("auroc()\0", "cannot read the measure"),
        ("(" * 300 + "auroc()" + ")" * 300, "cannot read the measure"),
        ("-" * 300 + "auroc()", "nested deeper than 30"),
        ("1 + " * 600 + "auroc()", "longer than 2000 characters"),
    ],
)
def test_a_measure_that_is_not_such_arithmetic_is_refused_with_the_reason(
    measure: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        parse_expression(measure)
    assert message in str(caught.value)
    with pytest.raises(ValidationError, match="measure"):
        claim(measure)


@given(st.text(alphabet="auroc()+-*/ 01.e'=,_[]{}:\\\n\0lambda", max_size=60))
def test_any_text_is_a_measure_or_a_suite_error(text: str) -> None:
    try:
        parse_expression(text)
    except SuiteError:
        return


@pytest.mark.parametrize(
    "expect",
    ["", "0.5", "= 0.5", "< ", "< x", "< nan", "< 1e999", "between 1 and 0", "between 0, 1", "≤ 1"],
)
def test_an_expectation_that_cannot_be_read_names_the_forms_that_can(expect: str) -> None:
    with pytest.raises(ValidationError, match=r"write '< 0\.5'"):
        claim(expect=expect)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        ("auroc(model='glwo')", "the suite has no model 'glwo'; did you mean 'glow'?"),
        ("auroc(outside='mnits')", "the suite has no data set 'mnits'; did you mean 'mnist'?"),
        ("1 - auroc(inside='x')", "no data set 'x'; known: fashion_mnist, mnist, svhn"),
        ("auroc(detector='likelyhood')", "no detector 'likelyhood'; did you mean 'likelihood'?"),
    ],
)
def test_a_name_that_the_suite_lacks_is_answered_with_a_near_match(
    measure: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        validate(claim(measure), **NAMES)
    assert message in str(caught.value)
    assert "claim 'c'" in str(caught.value)


def test_a_claim_whose_names_are_all_known_is_valid() -> None:
    measure = (
        "auroc(model='glow', inside='fashion_mnist', outside='mnist', detector='likelihood')"
        " - bpd_train(model='cv_glow')"
    )
    validate(claim(measure), **NAMES)


def test_a_published_number_in_yaml_is_kept_as_its_text() -> None:
    data = {"id": "c", "says": "s", "source": "p", "measure": "auroc()", "expect": "< 1"}
    assert Claim.model_validate({**data, "quoted": 0.08}).quoted == "0.08"


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(0, 5))
def test_the_value_lies_in_its_interval(value: float, below: float, above: float) -> None:
    term = (value, value - below, value + above)
    found, low, high = measured("3 - 2 * auroc() / 7 + auroc()", auroc=term)
    assert low <= found <= high
    assert math.isfinite(found)


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
