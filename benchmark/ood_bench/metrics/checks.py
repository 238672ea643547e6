"""Checks of scores and options before a metric is computed."""

import sys
from decimal import Decimal
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores: TypeAlias = NDArray[np.float64]


def finite(values: ArrayLike, what: str, *, matrix: bool = False) -> Scores:
    """Return the values as float64, without a copy if they are already.

    A tensor may be of any precision, on any device and part of a graph.

    Args:
        values: One number an image.
        what: What they are, for messages.
        matrix: Whether they may also be several numbers an image, shape `(N, K)`.

    Raises:
        ValueError: If there are none, they are not real numbers, or one is not finite.
    """
    checked = _real(values, what)
    if checked.ndim != 1 and not (matrix and checked.ndim == 2):
        wanted = "one number an image, or a row of them," if matrix else "one number an image"
        raise ValueError(f"{what}: {wanted} is wanted, got shape {checked.shape}")
    if not checked.size:
        raise ValueError(f"{what}: there are none")
    good = np.isfinite(checked)
    if not good.all():
        if checked.ndim == 2:
            good = np.all(good, axis=1)
        row = int(np.argmin(good))
        count = len(good) - int(np.count_nonzero(good))
        is_what = checked[row] if checked.ndim == 1 else "not finite"
        raise ValueError(f"{what}: row {row} is {is_what} ({count} of {len(good)} are not finite)")
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
