"""Arithmetic over measured values: a small language, read by `ast` and never executed."""

import ast
import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

from ood_bench.errors import SuiteError, did_you_mean
from ood_bench.results import Metric

MAX_LENGTH = 2_000
MAX_DEPTH = 30

_OPERATORS: dict[type[ast.operator], "Operator"] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_KEYWORDS: dict[str, tuple[str, ...]] = {
    "bpd_inside": ("model", "inside"),
    "bpd_train": ("model", "inside"),
    "bpd_outside": ("model", "inside", "outside"),
    "finding": ("name", "analysis", "model", "inside", "outside"),
}
_ALL_KEYWORDS = ("model", "inside", "outside", "detector")
FINDING = "finding"

CALLED: tuple[str, ...] = (*get_args(Metric), FINDING)
"""Functions that a measure may call in every suite."""

Operator: TypeAlias = Literal["+", "-", "*", "/"]


@dataclass(frozen=True)
class Term:
    """A metric called by name, or `finding`, with the names that select its row."""

    metric: str
    where: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.metric}({', '.join(f'{k}={v!r}' for k, v in self.where.items())})"


@dataclass(frozen=True)
class Operation:
    """An arithmetic operation on two expressions."""

    operator: Operator
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = float | Term | Operation
K = TypeVar("K", bound=Hashable)


def parse_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        SuiteError: If it contains anything but numbers, `+ - * /`, parentheses and metrics, or no
            metric. Which metrics exist depends on the suite, see `unknown`.
    """
    if len(text) > MAX_LENGTH:
        raise SuiteError(f"the measure is longer than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SuiteError(f"cannot read the measure '{text}' as arithmetic") from error
    expression = _read(tree, 0)
    if not any(terms(expression)):
        raise SuiteError(f"the measure '{text}' names no metric; known: {_listed(CALLED)}")
    return expression


def unknown(term: Term, metrics: Collection[str] = ()) -> str:
    """Return why a term calls no metric; empty if it calls one.

    Args:
        term: The term.
        metrics: The metrics that the suite adds.
    """
    known = (*CALLED, *metrics)
    return (
        ""
        if term.metric in known
        else f"unknown metric '{term.metric}'{did_you_mean(term.metric, known)}"
    )


def terms(expression: Expression) -> Iterator[Term]:
    """Yield the metrics of an expression, from left to right."""
    if isinstance(expression, Term):
        yield expression
    elif isinstance(expression, Operation):
        yield from terms(expression.left)
        yield from terms(expression.right)


def differentiate(
    expression: Expression, lookup: Callable[[Term], tuple[K, float]]
) -> tuple[float, dict[K, float]]:
    """Return the value of an expression, and its derivative in each quantity.

    A quantity that occurs twice has one derivative, so that of `a - a` and `a / a` is 0.

    Args:
        expression: The parsed expression.
        lookup: Returns the quantity that a term names, and its value; equal quantities are one
            variable.

    Raises:
        ZeroDivisionError: If a divisor is 0.
    """
    if isinstance(expression, int | float):
        return expression, {}
    if isinstance(expression, Term):
        quantity, value = lookup(expression)
        return value, {quantity: 1.0}
    a, left = differentiate(expression.left, lookup)
    b, right = differentiate(expression.right, lookup)
    match expression.operator:
        case "+":
            return a + b, _gathered((1.0, left), (1.0, right))
        case "-":
            return a - b, _gathered((1.0, left), (-1.0, right))
        case "*":
            return a * b, _gathered((b, left), (a, right))
        case _:
            if b == 0.0:
                raise ZeroDivisionError("the measure divides by 0")
            return a / b, _gathered((1.0 / b, left), (-a / b / b, right))


def _gathered(*sides: tuple[float, Mapping[K, float]]) -> dict[K, float]:
    """Return the derivatives of an operation by the chain rule, summed by quantity."""
    found: dict[K, float] = {}
    for factor, slopes in sides:
        for quantity, slope in slopes.items():
            found[quantity] = found.get(quantity, 0.0) + factor * slope
    return found


def _read(node: ast.expr, depth: int) -> Expression:
    if depth > MAX_DEPTH:
        raise SuiteError(f"the measure is nested deeper than {MAX_DEPTH} levels")
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _constant(number)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read(operand, depth + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Operation("*", _constant(-1), _read(operand, depth + 1))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            sides = _read(left, depth + 1), _read(right, depth + 1)
            return Operation(_OPERATORS[type(operator)], *sides)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _read_term(name, args, keywords)
        case _:
            pass
    raise SuiteError(
        f"the measure may hold numbers, + - * /, parentheses and metrics, not '{ast.unparse(node)}'"
    )


def _constant(number: float) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise SuiteError("a number in the measure is too large")
    return value


def _read_term(name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Term:
    allowed = _KEYWORDS.get(name, _ALL_KEYWORDS)
    if args:
        raise SuiteError(f"{name}(...) takes names by keyword: {_listed(allowed)}")
    where: dict[str, str] = {}
    for keyword in keywords:
        if keyword.arg not in allowed:
            given = keyword.arg or "**"
            raise SuiteError(f"{name}(...) has no keyword '{given}'{did_you_mean(given, allowed)}")
        if not isinstance(keyword.value, ast.Constant) or not isinstance(keyword.value.value, str):
            got = ast.unparse(keyword.value)
            raise SuiteError(f"{name}(...): write {keyword.arg}='name' in quotes, not {got}")
        where[keyword.arg] = keyword.value.value
    if name == FINDING and "name" not in where:
        raise SuiteError("finding(...) needs a name: finding(name='volume_gap', ...)")
    return Term(name, where)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
