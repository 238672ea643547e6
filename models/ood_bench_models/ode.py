"""Ordinary differential equations of a batch, each solved by steps of its own."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from scipy.integrate import RK45
from torch import Tensor

Velocity: TypeAlias = Callable[..., Tensor]
"""Maps times `(B,)`, states `(B, S)` and what else is given of each to dy/dt, `(B, S)`."""

FIRST = 0.05
"""The first step, as a share of the interval."""
LEAST = 1e-6
"""A step below this share of the interval ends a solution, as nan."""
SAFETY = 0.9
FACTORS = (0.2, 10.0)
"""Least and greatest change of a step."""
EXPONENT = -1 / (RK45.error_estimator_order + 1)
NODES: list[float] = RK45.C.tolist()
STAGES: list[list[float]] = RK45.A.tolist()
WEIGHTS: list[float] = RK45.B.tolist()
ERRORS: list[float] = RK45.E.tolist()


def solve(
    velocity: Velocity,
    y: Tensor,
    *given: Tensor,
    start: float,
    end: float,
    tolerance: float,
    parts: Sequence[int] | None = None,
) -> Tensor:
    """Return the states at the end of an interval, `(B, S)`.

    By Dormand and Prince's method of order 5 with an error estimate of order 4. Each state takes
    steps of its own, accepted if the root mean square of error / (τ + τ |y|) is at most 1 for
    tolerance τ. So its solution is a function of this state alone, whatever the batch, and one that
    has reached the end costs nothing more. Differentiable in the states and in what the velocity
    depends on, but not in the choice of steps. A solution whose steps become tiny ends as nan.

    Args:
        velocity: dy/dt.
        y: States at the start, shape `(B, S)`.
        given: Tensors of B rows that the velocity is given too, the rows of its states.
        start: Time at the start.
        end: Time at the end; may be earlier.
        tolerance: τ, for absolute and relative errors.
        parts: Sizes of the parts that a state consists of, which add up to S; the error of the
            worst part counts. Default: one part.

    Reference:
        Dormand & Prince, A family of embedded Runge-Kutta formulae, 1980,
        doi:10.1016/0771-050X(80)90013-3; the step control is that of
        Hairer et al., Solving Ordinary Differential Equations I, 1993, section II.4.
    """
    span = end - start
    reached = y.new_zeros(len(y))
    steps = torch.full_like(reached, FIRST)

    def slope(at: Tensor, state: Tensor, *more: Tensor) -> Tensor:
        return span * velocity(start + span * at, state, *more)

    slopes = slope(reached, y, *given)
    while True:
        running = reached < 1
        at, state, more = reached[running], y[running], [rows[running] for rows in given]
        step = torch.minimum(steps[running], 1 - at)
        stages = [slopes[running]]
        for row, share in zip(STAGES[1:], NODES[1:], strict=True):
            moved = state + step[:, None] * _combined(row, stages)
            stages.append(slope(at + share * step, moved, *more))
        moved = state + step[:, None] * _combined(WEIGHTS, stages)
        stages.append(slope(at + step, moved, *more))
        with torch.no_grad():
            error = step[:, None] * _combined(ERRORS, stages)
            error = error / (tolerance * (1 + torch.maximum(state.abs(), moved.abs())))
            size = _largest(error, parts)
            accepted = size <= 1
            factor = (SAFETY * size**EXPONENT).nan_to_num(FACTORS[0], FACTORS[1]).clamp(*FACTORS)
            following = step * factor
            failed = ~accepted & (following < LEAST)
            ended = (accepted & (step >= 1 - at)) | failed
            after = torch.where(ended, torch.ones_like(at), torch.where(accepted, at + step, at))
        kept = accepted[:, None]
        state = torch.where(kept, moved, state).masked_fill(failed[:, None], torch.nan)
        y, slopes = y.clone(), slopes.clone()
        y[running], slopes[running] = state, torch.where(kept, stages[-1], stages[0])
        reached[running], steps[running] = after, following
        if bool((reached >= 1).all()):
            return y


def _combined(weights: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(slopes[0])
    for weight, slope in zip(weights, slopes, strict=False):
        total = total + weight * slope
    return total


def _largest(error: Tensor, parts: Sequence[int] | None) -> Tensor:
    """Return the largest root mean square of a part of each row, `(B,)`."""
    split = torch.split(error, list(parts or [error.shape[1]]), dim=1)
    squares = torch.stack([part.square().mean(dim=1) for part in split])
    return squares.amax(dim=0).sqrt()
