"""Claims of a paper, written in a suite as data and tested against measured values."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, field_validator

from ood_bench.claims.arithmetic import (
    CALLED,
    Term,
    differentiate,
    parse_expression,
    terms,
    unknown,
)
from ood_bench.claims.expectation import parse_expectation
from ood_bench.claims.joint import Names, Part, PerImage, PerImageReader, Rows, fewest, spread
from ood_bench.claims.lookup import Absent, Measured, find
from ood_bench.errors import SuiteError, did_you_mean
from ood_bench.results import ClaimResult, Omission, RelatedMeasure, Verdict, untrained

__all__ = [
    "CALLED",
    "Claim",
    "Measured",
    "PerImage",
    "PerImageReader",
    "Rows",
    "evaluate_claims",
    "validate",
]


class Claim(BaseModel):
    """A claim of a paper, and the measured value that would confirm it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, use_attribute_docstrings=True
    )

    id: str
    """Short name of the claim."""
    says: str
    """The claim, in one sentence."""
    source: str
    """The paper, with its section or table."""
    measure: str
    """Arithmetic over measured values: numbers, `+ - * /`, parentheses, and metrics called by name,
    such as `auroc(model='glow', inside='fashion_mnist', outside='mnist', detector='likelihood')`,
    or what an analysis found, such as `finding(name='volume_gap', model='glow', outside='mnist')`.
    A keyword may be left out if the value is unique without it; `outside=''` is the ID data set
    itself."""
    expect: str
    """`< 0.5`, `<= 0.5`, `> 0`, `>= 0` or `between 0.4 and 0.6`."""
    quoted: str = ""
    """The published value, shown beside the measured one."""
    beside: dict[str, str] = {}
    """Further measures, each under a label; the report shows them if the claim is not reproduced,
    to explain why."""

    @field_validator("measure")
    @classmethod
    def _is_arithmetic(cls, text: str) -> str:
        try:
            parse_expression(text)
        except SuiteError as error:
            raise ValueError(str(error)) from error
        return text

    @field_validator("beside")
    @classmethod
    def _are_arithmetic(cls, measures: dict[str, str]) -> dict[str, str]:
        for text in measures.values():
            cls._is_arithmetic(text)
        return measures

    @field_validator("expect")
    @classmethod
    def _is_expectation(cls, text: str) -> str:
        try:
            parse_expectation(text)
        except SuiteError as error:
            raise ValueError(str(error)) from error
        return text


def validate(
    claim: Claim,
    *,
    models: Collection[str],
    datasets: Collection[str],
    detectors: Collection[str],
    analyses: Collection[str],
    metrics: Collection[str] = (),
) -> None:
    """Check the names in a claim against those of its suite.

    Raises:
        SuiteError: If a name is unknown, with a near match.
    """
    known = {
        "model": models,
        "inside": datasets,
        "outside": (*datasets, ""),  # a finding about the inside only
        "detector": detectors,
        "analysis": analyses,
    }
    kind = {"inside": "data set", "outside": "data set"}
    named = [
        term
        for measure in (claim.measure, *claim.beside.values())
        for term in terms(parse_expression(measure))
    ]
    for term in named:
        if reason := unknown(term, metrics):
            raise SuiteError(f"claim '{claim.id}': {reason}")
        for keyword, name in term.where.items():
            if keyword in known and name not in known[keyword]:
                raise SuiteError(
                    f"claim '{claim.id}': {term}: the suite has no {kind.get(keyword, keyword)} "
                    f"'{name}'{did_you_mean(name, known[keyword])}"
                )


def evaluate_claims(
    claims: Iterable[Claim],
    rows: Sequence[Measured],
    missing: Sequence[Omission] = (),
    *,
    source: PerImageReader | None = None,
    level: float = 0.95,
) -> tuple[ClaimResult, ...]:
    """Test each claim against the pooled rows.

    A claim is reproduced only if the whole interval of its measure meets the expectation. See
    `joint.spread` for the interval of several terms.

    Args:
        claims: The claims, in the order of the suite.
        rows: Measured values and findings, of single seeds and pooled.
        missing: Skips and failures, the reasons of claims that were not run.
        source: Reader of per-image values; without one, data sets of the same name count as
            sharing their images.
        level: Coverage of the rows' intervals.
    """
    evidence = _Evidence(rows, missing, source or Names(), level)
    return tuple(_evaluate(claim, evidence) for claim in claims)


class _Evidence(NamedTuple):
    """The input of `evaluate_claims` against which claims are tested."""

    rows: Sequence[Measured]
    missing: Sequence[Omission]
    source: PerImageReader
    level: float


class _Found(NamedTuple):
    """A measured value, the rule of its interval, and its number of trainings."""

    value: float
    low: float
    high: float
    rule: str
    trainings: str


def _evaluate(claim: Claim, evidence: _Evidence) -> ClaimResult:
    found, reason, remarks = _measure(claim.measure, evidence)
    note = "; ".join(filter(None, (reason, *remarks)))
    beside = []
    for says, measure in claim.beside.items():
        figure, reason, _ = _measure(measure, evidence)
        beside.append(RelatedMeasure(says, *_ends(figure), note=reason))
    verdict: Verdict = "not run"
    if found:
        expectation = parse_expectation(claim.expect)
        holds = expectation.holds(found.low) and expectation.holds(found.high)
        verdict = "reproduced" if holds else "not reproduced"
        if not holds and expectation.holds(found.value):
            note = "the interval crosses the bound"
    measured, low, high = _ends(found)
    return ClaimResult(
        id=claim.id,
        says=claim.says,
        source=claim.source,
        measure=claim.measure,
        expects=claim.expect,
        measured=measured,
        low=low,
        high=high,
        quoted=claim.quoted,
        verdict=verdict,
        note=note,
        beside=tuple(beside),
        interval=found.rule if found else "",
        trainings=found.trainings if found else "",
    )


def _measure(measure: str, evidence: _Evidence) -> tuple[_Found | None, str, list[str]]:
    """Return the value of a measure, or None and the reason.

    The third item lists remarks on untrained models that it depends on.
    """
    pooled = [row for row in evidence.rows if row.seed == "all"]
    read: list[Measured] = []

    def lookup(term: Term) -> tuple[Measured, float]:
        row = find(term, pooled, evidence.missing)
        read.append(row)
        return row, row.value

    try:
        value, slopes = differentiate(parse_expression(measure), lookup)
    except Absent as error:
        return None, str(error), []
    except ZeroDivisionError as error:
        return None, str(error), untrained(row.note for row in read)
    remarks = untrained(row.note for row in read)
    parts = [Part(row, slope) for row, slope in slopes.items()]
    if not all(math.isfinite(number) for number in (value, *slopes.values())):
        return None, "the measure is not a finite number", remarks
    down, up, rule = spread(parts, evidence.rows, evidence.source, level=evidence.level)
    trained = fewest(list(slopes), evidence.rows)
    found = _Found(value, value - down, value + up, rule, trained)
    if not all(map(math.isfinite, (found.low, found.high))):
        return None, "the measure is not a finite number", remarks
    return found, "", remarks


def _ends(found: _Found | None) -> tuple[float | None, float | None, float | None]:
    return (found.value, found.low, found.high) if found else (None, None, None)
