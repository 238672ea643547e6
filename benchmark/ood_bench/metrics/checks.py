"""Checks of scores and options before a metric is computed."""

import sys
from decimal import Decimal
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores: TypeAlias = NDArray[np.float64]


def finite(values: ArrayLike, what: str) -> Scores:
    """Return the values as float64, without a copy if they are already.

    A tensor may be of any precision, on any device and part of a graph.

    Raises:
        ValueError: If there are none, they are not one real number an image, or one is not finite.
    """
    checked = _real(values, what)
    if checked.ndim != 1:
        raise ValueError(f"{what}: one number an image is wanted, got shape {checked.shape}")
    if not len(checked):
        raise ValueError(f"{what}: there are none")
    good = np.isfinite(checked)
    if not good.all():
        row = int(np.argmin(good))
        count = len(good) - int(np.count_nonzero(good))
        raise ValueError(
            f"{what}: row {row} is {checked[row]} ({count} of {len(good)} are not finite)"
        )
    return checked


def positive(number: Any, what: str) -> int:
    """Return a positive whole number.

    Raises:
        ValueError: If it is not a whole number above zero.
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise ValueError(f"{what}: a whole number from 1 is wanted, got {number!r}")
    return int(number)


def share(number: Any, what: str) -> float:
    """Return a number between zero and one.

    Raises:
        ValueError: If it is not strictly between them.
    """
    if not isinstance(number, Real) or not 0 < float(number) < 1:
        raise ValueError(f"{what}: a number between 0 and 1 is wanted, got {number!r}")
    return float(number)


def both_sides(inside: ArrayLike, outside: ArrayLike) -> tuple[Scores, Scores]:
    """Return the scores of both sides as float64.

    Raises:
        ValueError: If a side is empty or has a score that is not finite; the message names both.
    """
    return finite(inside, "inside scores"), finite(outside, "outside scores")


def _real(values: Any, what: str) -> Scores:
    """Return the values as float64; raise an error if they are not real numbers."""
    torch = sys.modules.get("torch")  # a tensor exists only if torch has been imported
    try:
        if torch is not None and isinstance(values, torch.Tensor) and not values.is_complex():
            values = values.detach().to("cpu", torch.float64)
        if np.ma.is_masked(values):
            raise ValueError("some are masked; leave them out or fill them")
        found = np.asarray(values)
        if found.ndim and all(isinstance(item, Real | Decimal) for item in _objects(found)):
            return np.asarray(found, dtype=np.float64)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{what}: {' '.join(str(error).split())}") from error
    raise ValueError(f"{what}: real numbers are wanted, got {_described(values, found)}")


def _objects(values: NDArray[Any]) -> NDArray[Any] | tuple[object, ...]:
    """Return what must be looked at one by one; of numbers nothing, of others one."""
    if values.dtype.kind == "O":
        return values.ravel()
    return () if values.dtype.kind in "biuf" else ("",)


def _described(values: object, found: NDArray[Any]) -> str:
    kind = found.dtype.kind
    if kind == "c":
        return "complex ones"
    if kind in "USMm":
        return "text" if kind in "US" else "times"
    if not found.ndim:
        return f"a {type(values).__name__}"
    odd = (item for item in _objects(found) if not isinstance(item, Real | Decimal))
    return repr(next(odd)) if kind == "O" else str(found.dtype)
