"""Look up the pooled row that a term of a claim names."""

from collections.abc import Sequence
from typing import TypeAlias

from ood_bench.claims.arithmetic import FINDING, Term
from ood_bench.results import FindingRow, Omission, Row

_FIELDS = ("model", "inside", "outside", "detector", "analysis")

Measured: TypeAlias = Row | FindingRow


class Absent(Exception):  # noqa: N818 - a verdict's reason rather than an error
    """The term names no unique row; the message is the reason."""


def find(term: Term, rows: Sequence[Measured], missing: Sequence[Omission]) -> Measured:
    """Return the pooled row that a term names.

    Skipped and failed rows count for uniqueness: a term never resolves to another row because
    the intended one did not run.

    Raises:
        Absent: If no row or several match.
    """
    fitting = [
        row
        for row in rows
        if row.seed == "all"
        and (FINDING if isinstance(row, FindingRow) else row.metric) == term.metric
        and all(getattr(row, key) == name for key, name in term.where.items())
    ]
    left_out = [omission for omission in missing if _concerns(omission, term)]
    if not fitting:
        reasons = dict.fromkeys(f"{item.cell}: {item.reason}" for item in left_out)
        raise Absent("; ".join(reasons) or f"{term} was not measured")
    others = [item for item in left_out if not _may_be(item, fitting[0])]
    if len(fitting) > 1 or others:
        open_keys = [
            key
            for key in _FIELDS
            if key not in term.where
            and len({getattr(item, key, "") for item in (*fitting, *others)} - {""}) > 1
        ]
        raise Absent(f"{term} may mean several rows; add {' and '.join(open_keys)}")
    return fitting[0]


def _concerns(omission: Omission, term: Term) -> bool:
    """Return whether an omission may hold a row that a term names.

    An empty field of an omission means all names. An omission without any name explains no row,
    and that of a detector does not explain bits per dimension.
    """
    named = {key: getattr(omission, key) for key in _FIELDS if getattr(omission, key, "")}
    if term.metric.startswith(("bpd_", FINDING)) and omission.detector:
        return False
    if term.metric in ("bpd_inside", "bpd_train") and omission.outside:
        return False
    return bool(named) and all(term.where.get(key, name) == name for key, name in named.items())


def _may_be(omission: Omission, row: Measured) -> bool:
    return all(getattr(omission, key, "") in ("", getattr(row, key, "")) for key in _FIELDS)
