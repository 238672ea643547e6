"""Wrapper of any library's continuous density as a model of 8-bit images."""

import math
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from ood_bench.capabilities import Differentiable
from ood_bench.data import Shape
from ood_bench.lit.module import DensityModule

Layout: TypeAlias = Literal["flat", "image"]
Space: TypeAlias = Literal["unit", "standard", "logit"]

ALPHA = 0.05
"""Margin α of the logit, which is applied to α + (1 − 2α) y."""


@runtime_checkable
class HasLogProb(Protocol):
    """Protocol of a density: a log-density of floats, one value per batch entry."""

    def log_prob(self, value: Any, /) -> Any:
        """Return the log-density, in nats."""
        ...


class FloatDensity(DensityModule, Differentiable):
    r"""A density over floats that models 8-bit images by uniform dequantization.

    $\log P(x) = \log p_v(v) + \log |dv/dy| - D \ln 256$ with $y = (x + u) / 256$ in (0, 1) and
    v, the input of the density, a function of y. This class adds noise and Jacobians.

    A subclass passes its density, which is trained if it is an `nn.Module`:

        class Spline(FloatDensity):
            def __init__(self, shape: Shape, *, transforms: int = 3) -> None:
                super().__init__(shape, zuko.flows.NSF(shape.dims, transforms=transforms))

    or, if the density is constructed from parameters, overrides `distribution`.

    Args:
        shape: Shape of one image.
        density: An object with `log_prob` (a `torch.distributions.Distribution`, a flow of
            nflows or of normflows), or one that is called for such an object at each step (a
            lazy distribution of zuko).
        layout: Layout of the density's input: `flat`, vectors `(B, D)`, or `image`, `(B, C, H, W)`.
        space: Transformation of y in (0, 1): `unit`, y itself; `standard`, (y − m) / s with mean
            and standard deviation of all values of the training images; `logit`,
            logit(0.05 + 0.9 y).

    Reference:
        Theis et al., A note on the evaluation of generative models, ICLR 2016, arXiv:1511.01844;
        Dinh et al., Density estimation using Real NVP, ICLR 2017 (the logit).
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        shape: Shape,
        density: HasLogProb | Callable[[], HasLogProb] | None = None,
        layout: Layout = "flat",
        space: Space = "unit",
    ) -> None:
        super().__init__(shape)
        self.density = density
        self.layout, self.space = layout, space
        if space == "standard":
            self.register_buffer("centre", torch.zeros(()))
            self.register_buffer("scale", torch.ones(()))

    def distribution(self) -> HasLogProb:
        """Return the object with `log_prob`; called at each step, since parameters change.

        Raises:
            ValueError: If the density neither has a `log_prob` nor returns an object with one.
        """
        found = self.density
        if not isinstance(found, HasLogProb) and callable(found):
            try:
                found = found()
            except TypeError as error:
                raise ValueError(
                    f"{type(self).__name__}: {type(found).__name__} is called without arguments "
                    f"for what has a log_prob, and refuses that: {error}; a density that takes "
                    "more, as a context, is given it in distribution()"
                ) from error
        if not isinstance(found, HasLogProb):
            raise ValueError(
                f"{type(self).__name__}: {type(found).__name__} has no log_prob; hand "
                "FloatDensity an object that has, or override distribution()"
            )
        return found

    def prepare(self, y: Tensor) -> None:
        """Set mean and standard deviation if `space` uses them, and run the density once."""
        if self.space == "standard":
            self.centre.copy_(y.mean())
            self.scale.copy_(y.std().clamp_min(1 / 256))
        self.log_density(y)  # layers with data-dependent initialisation use this batch

    def log_density(self, y: Tensor) -> Tensor:
        """Return the log-density of images on [0, 1] in nats, shape `(B,)`.

        Raises:
            ValueError: If the density does not return one value per image.
        """
        v, log_jacobian = self._seen(y)
        found = self.distribution().log_prob(v.flatten(1) if self.layout == "flat" else v)
        if not isinstance(found, Tensor) or found.shape != (len(y),):
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"{type(self).__name__}: log_prob of {len(y)} images returns {got}, not "
                f"({len(y)},); sum over dimensions (torch.distributions.Independent does)"
            )
        return found + log_jacobian

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) in nats, shape `(B,)`."""
        return self.log_density(self.dequantize(x)) - self.shape.dims * math.log(256.0)

    def _seen(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the density's input v and log |dv/dy|, `(B,)` or a number."""
        if self.space == "standard":
            return (y - self.centre) / self.scale, -self.shape.dims * self.scale.log()
        if self.space == "logit":
            s = ALPHA + (1 - 2 * ALPHA) * y
            log_slope = math.log(1 - 2 * ALPHA) - s.log() - torch.log1p(-s)
            return torch.logit(s), log_slope.flatten(1).sum(dim=1)
        return y, y.new_zeros(())
