"""Differential equations of a batch against scipy, and each solution as alone."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from ood_bench_models.ode import solve

Slope: TypeAlias = Callable[[float, np.ndarray], np.ndarray]


def pendulum(t: Tensor, y: Tensor, length: Tensor) -> Tensor:
    """A pendulum of each row's length that is pushed in time."""
    angle, speed = y.unbind(1)
    return torch.stack([speed, -angle.sin() / length[:, 0] + t.cos()], dim=1)


def pendulums(n: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return start, torch.logspace(-3, 1, n, dtype=torch.float64)[:, None]


@pytest.mark.parametrize(("start", "end"), [(0.0, 3.0), (3.0, 0.0)])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-8])
def test_solutions_are_as_close_as_scipys(start: float, end: float, tolerance: float) -> None:
    states, lengths = pendulums()
    found = solve(pendulum, states, lengths, start=start, end=end, tolerance=tolerance)
    for state, length, ours in zip(states, lengths, found, strict=True):

        def slope(t: float, y: np.ndarray, at: Tensor = length) -> np.ndarray:
            return pendulum(torch.tensor([t]), torch.tensor(y)[None], at[None])[0].numpy()

        def scipys(tau: float, at: Tensor = state, of: Slope = slope) -> np.ndarray:
            return solve_ivp(of, (start, end), at.numpy(), rtol=tau, atol=tau).y[:, -1]

        exact = scipys(1e-12)
        error, theirs = abs(ours.numpy() - exact).max(), abs(scipys(tolerance) - exact).max()
        assert error < 10 * theirs + 10 * tolerance


def test_a_state_is_solved_as_alone_and_by_no_more_steps() -> None:
    states, lengths = pendulums()
    seen: list[int] = []

    def counted(t: Tensor, y: Tensor, length: Tensor) -> Tensor:
        seen.append(len(y))
        return pendulum(t, y, length)

    def solved(rows: slice) -> Tensor:
        return solve(counted, states[rows], lengths[rows], start=0.0, end=3.0, tolerance=1e-4)

    together = solved(slice(None))
    whole, _ = sum(seen), seen.clear()
    alone = torch.cat([solved(slice(row, row + 1)) for row in range(4)])
    assert torch.allclose(together, alone, rtol=1e-10)
    assert whole == sum(seen)


def test_the_error_of_the_worst_part_counts() -> None:
    """A fast number among many that rest costs as many steps as alone if it is a part."""

    def fast(t: Tensor, y: Tensor) -> Tensor:
        return torch.cat([0 * y[:, :-1], 20 * torch.cos(20 * t)[:, None]], dim=1)

    y = torch.zeros(1, 1001, dtype=torch.float64)
    errors = [
        abs(float(solve(fast, y, start=0.0, end=1.0, tolerance=1e-2, parts=parts)[0, -1])
            - math.sin(20))
        for parts in (None, (1000, 1))
    ]  # fmt: skip
    assert errors[1] < 0.05 < errors[0]


def test_a_solution_that_grows_without_end_is_nan_and_the_others_are_not() -> None:
    y = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    found = solve(lambda t, y: y.square(), y, start=0.0, end=1.0, tolerance=1e-6)
    assert found[0, 0] == pytest.approx(1.0, rel=1e-4)
    assert found[1, 0].isnan()


def test_a_velocity_that_is_no_number_ends_as_nan() -> None:
    y = torch.zeros(2, 3)
    found = solve(lambda t, y: y / 0, y, start=0.0, end=1.0, tolerance=1e-3)
    assert found.isnan().all()


def test_gradients_are_those_of_the_solution() -> None:
    rate = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1.0], [-2.0]], dtype=torch.float64, requires_grad=True)
    found = solve(lambda t, y: rate * y, y, start=0.0, end=2.0, tolerance=1e-8)
    of_rate, of_y = torch.autograd.grad(found.sum(), (rate, y))
    assert float(of_rate) == pytest.approx(2 * math.exp(1.4) * (1 - 2), rel=1e-5)
    assert of_y.flatten().tolist() == pytest.approx([math.exp(1.4)] * 2, rel=1e-5)
