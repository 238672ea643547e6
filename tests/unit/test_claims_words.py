"""What claims refuse and say of their intervals, in whole lines."""

import pytest
from pydantic import ValidationError

from ood_bench.claims import Claim, joint, validate
from ood_bench.claims.arithmetic import parse_expression, terms
from ood_bench.claims.expectation import parse_expectation
from ood_bench.errors import SuiteError

KEYWORDS = "model, inside, outside, detector"
METRICS = (
    "auroc, aupr_out, aupr_in, fpr95, detection_error, bpd_inside, bpd_outside, bpd_train, finding"
)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("auroc()" + " " * 2000, "the measure is longer than 2000 characters"),
        ("auroc(", "cannot read the measure 'auroc(' as arithmetic"),
        ("1 + 2", f"the measure '1 + 2' names no metric; known: {METRICS}"),
        ("-" * 31 + "auroc()", "the measure is nested deeper than 30 levels"),
        (
            "auroc() ** 2",
            "the measure may hold numbers, + - * /, parentheses and metrics, not 'auroc() ** 2'",
        ),
        (
            "auroc() + True",
            "the measure may hold numbers, + - * /, parentheses and metrics, not 'True'",
        ),
        ("auroc() + 1e999", "a number in the measure is too large"),
        ("auroc() + 1" + "0" * 400, "a number in the measure is too large"),
        ("auroc('glow')", f"auroc(...) takes names by keyword: {KEYWORDS}"),
        ("auroc(modle='x')", "auroc(...) has no keyword 'modle'; did you mean 'model'?"),
        (
            "auroc(**{})",
            "auroc(...) has no keyword '**'; known: detector, inside, model, outside",
        ),
        ("auroc(model=glow)", "auroc(...): write model='name' in quotes, not glow"),
        ("auroc(model=1)", "auroc(...): write model='name' in quotes, not 1"),
        (
            "finding(model='glow')",
            "finding(...) needs a name: finding(name='volume_gap', ...)",
        ),
        (
            "bpd_inside(outside='x')",
            "bpd_inside(...) has no keyword 'outside'; did you mean 'inside'?",
        ),
    ],
)
def test_a_measure_that_cannot_be_read_is_one_line(measure: str, said: str) -> None:
    with pytest.raises(SuiteError) as refusal:
        parse_expression(measure)
    assert str(refusal.value) == said


def test_a_measure_may_be_as_long_and_deep_as_the_limits() -> None:
    parse_expression("auroc()" + " " * 1993)
    parse_expression("-" * 30 + "auroc()")


def test_a_term_is_written_as_it_is_read() -> None:
    text = "auroc(model='glow', outside='')"
    (term,) = terms(parse_expression(text))
    assert str(term) == text


@pytest.mark.parametrize("text", ["", "0.5", "< x", "< nan", "between 2 and 1", "< 1e999"])
def test_an_expectation_that_cannot_be_read_is_one_line(text: str) -> None:
    with pytest.raises(SuiteError) as refusal:
        parse_expectation(text)
    assert str(refusal.value) == (
        f"cannot read the expectation '{text}'; write '< 0.5', '<= 0.5', '> 0', '>= 0' or "
        "'between 0.4 and 0.6'"
    )


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("auroc(model='glowe')", "no model 'glowe'; did you mean 'glow'?"),
        ("auroc(inside='lwo')", "no data set 'lwo'; did you mean 'low'?"),
        ("auroc(outside='hihg')", "no data set 'hihg'; did you mean 'high'?"),
        ("auroc(detector='likelyhood')", "no detector 'likelyhood'; did you mean 'likelihood'?"),
        ("finding(name='x', analysis='rok')", "no analysis 'rok'; did you mean 'roc'?"),
    ],
)
def test_a_name_that_the_suite_lacks_is_one_line(measure: str, said: str) -> None:
    names = {"models": ["glow"], "datasets": ["low", "high"], "detectors": ["likelihood"]}
    for more in ({"measure": measure}, {"measure": "auroc()", "beside": {"also": measure}}):
        claim = Claim(id="T", says="s", source="s", expect="> 0", **more)  # type: ignore[arg-type]
        with pytest.raises(SuiteError) as refusal:
            validate(claim, analyses=["roc"], **names)
        assert str(refusal.value) == f"claim 'T': {measure}: the suite has {said}"


def test_a_claim_does_not_change_once_it_is_read() -> None:
    claim = Claim(id="T", says="s", source="s", measure="auroc()", expect="> 0")
    with pytest.raises(ValidationError, match="frozen"):
        claim.id = "U"
    with pytest.raises(ValidationError, match="extra"):
        Claim.model_validate({**claim.model_dump(), "more": 1})


def test_programs_may_tell_the_rules_of_intervals_by_their_words() -> None:
    assert (joint.EXACT, joint.OWN, joint.DELONG, joint.BOOTSTRAP, joint.ADDED) == (
        "exact: its terms cancel",
        "that of its one term",
        "covariance over the images that its terms share (DeLong)",
        "joint bootstrap over the images that its terms share",
        "half-widths added up, for terms that share images of which no single values are kept",
    )
    assert joint.INDEPENDENT == "terms that share no image are independent"
