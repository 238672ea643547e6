"""Measures of claims: a small arithmetic over measured values, and what it refuses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.claim_rows import NAMES, claim, row

from ood_bench.claims import Claim, evaluate_claims, validate
from ood_bench.claims.arithmetic import parse_expression
from ood_bench.errors import SuiteError


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


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(0, 5))
def test_the_value_lies_in_its_interval(value: float, below: float, above: float) -> None:
    term = (value, value - below, value + above)
    found, low, high = measured("3 - 2 * auroc() / 7 + auroc()", auroc=term)
    assert low <= found <= high
    assert math.isfinite(found)


def test_a_mistake_in_what_stands_beside_a_claim_is_found_as_in_its_measure() -> None:
    unknown = Claim.model_validate(claim().model_dump() | {"beside": {"x": "aurok()"}})
    with pytest.raises(SuiteError, match="unknown metric 'aurok'; did you mean 'auroc'"):
        validate(unknown, **NAMES)
    wrong = claim().model_copy(update={"beside": {"x": "auroc(model='glowe')"}})
    with pytest.raises(SuiteError, match="no model 'glowe'; did you mean 'glow'"):
        validate(wrong, **NAMES)


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
