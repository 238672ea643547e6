"""Claims as readers see them: failures first, and each value with its unit."""

import re
from collections.abc import Iterable

from ood_bench.claims.arithmetic import Expression, Operation, Term, parse_expression
from ood_bench.metrics import SPECS
from ood_bench.report.numbers import with_interval
from ood_bench.results import ClaimResult

BITS = "bits/dim"
YES_NO = "yes/no"
COUNT = "crossings"
_FINDINGS = (
    (re.compile(r"bpd|^(prior|volume)_gap$"), BITS),
    (re.compile(r"_sign_agrees$"), YES_NO),
    (re.compile(r"^crossings$"), COUNT),
    (re.compile(r"auroc"), "AUROC"),
    (re.compile(r"^spearman_"), "ρ"),
)
"""What the names of findings say of their unit; a name that says nothing has none."""
_HEADINGS = {spec.name: spec.heading for spec in SPECS}
_ORDER = ("not reproduced", "reproduced", "not run")
_ANSWERS = {1.0: "yes", 0.0: "no"}


def failures_first(claims: Iterable[ClaimResult]) -> list[ClaimResult]:
    """Return claims that were not reproduced, those that were, and those that were not run.

    Within each, the order is that of the suite.
    """
    return sorted(claims, key=lambda claim: _ORDER.index(claim.verdict))


def unit(measure: str) -> str:
    """Return the unit of a claim's measure; empty for a ratio, or if it is not known.

    Example:
        >>> unit("bpd_outside(outside='mnist') - bpd_inside()"), unit("auroc() / 2")
        ('bits/dim', '')
        >>> unit("finding(name='closed_form_sign_agrees', outside='svhn')"), unit("fpr95()")
        ('yes/no', 'FPR@95TPR')
    """
    return _unit(parse_expression(measure)) if measure else ""


def measured(claim: ClaimResult) -> str:
    """Return a claim's measured value and interval with its unit; a yes or no as a word.

    A no in the interval of a yes is said: "yes [no, yes]".
    """
    ends, of = (claim.measured, claim.low, claim.high), unit(claim.measure)
    if of == YES_NO and all(end in _ANSWERS for end in ends):
        value, low, high = (_ANSWERS[float(end or 0.0)] for end in ends)
        return value if low == high else f"{value} [{low}, {high}]"
    text = with_interval(*ends)
    if of == COUNT and claim.measured is not None and claim.low == claim.high:
        text = f"{claim.measured:g}"
    return f"{text} {of}" if of and of != YES_NO and claim.measured is not None else text


def expected(claim: ClaimResult) -> str:
    """Return what a claim expects, with its unit; of a yes or no the word."""
    of = unit(claim.measure)
    if of != YES_NO:
        return f"{claim.expects} {of}".strip()
    return {">= 1": "yes", "> 0": "yes", "<= 0": "no", "< 1": "no"}.get(
        claim.expects, claim.expects
    )


def _unit(expression: Expression) -> str:
    """Return the unit of an expression; sums have that of their terms, products none."""
    if isinstance(expression, Operation):
        left, right = _unit(expression.left), _unit(expression.right)
        return left if expression.operator in "+-" and left == right else ""
    return _of_term(expression) if isinstance(expression, Term) else ""


def _of_term(term: Term) -> str:
    if term.metric == "finding":
        name = term.where.get("name", "")
        return next((said for pattern, said in _FINDINGS if pattern.search(name)), "")
    if term.metric.startswith("bpd_"):
        return BITS
    return _HEADINGS.get(term.metric, term.metric)
