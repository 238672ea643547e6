"""Distributions of the 8-bit pixels of an image, given a network's output for each."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, one_hot, softplus

Likelihood: TypeAlias = Literal["categorical", "logistic_mixture", "bernoulli"]

LEVELS = 256
LARGEST_LOG_SCALE = 7.0


class PixelDistribution(ABC):
    """Probabilities of the 256 levels of each pixel and channel; they add up to exactly one.

    Parameters are `(B, P, H, W)` with P = `parameters`; P(x) of a pixel's channels is the
    product of the conditionals of each channel given the ones before it.

    Args:
        channels: Channels C of the image.

    Attributes:
        couples_channels: Whether the conditional of a channel depends on the channels before
            it through this distribution, so that a network need not mask them.
        parameters: P, how many numbers a network gives for each pixel.
    """

    couples_channels: ClassVar[bool] = False
    parameters: int

    def __init__(self, channels: int) -> None:
        self.channels = channels

    @abstractmethod
    def log_conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log P(x_c | x_1 … x_{c−1}) of uint8 images in nats, shape `(B, C, H, W)`."""

    @abstractmethod
    def mean(self, parameters: Tensor) -> Tensor:
        """Return the mean of each channel's level on [0, 255], shape `(B, C, H, W)`."""

    @abstractmethod
    def sample(self, parameters: Tensor, uniform: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw uint8 images `(B, C, H, W)` by inverting the distribution at uniform numbers.

        Args:
            parameters: As the network gives them.
            uniform: Uniform numbers in (0, 1), shape `(B, C + 1, H, W)`: one a channel, and the
                last for what the channels share.
            temperature: Below 1, likelier levels become likelier still; 1 draws from the model.
        """


class Categorical(PixelDistribution):
    """One free probability for each of the 256 levels: a softmax.

    Channel c takes the 256 parameters from 256·c on.

    Reference:
        van den Oord et al., Pixel Recurrent Neural Networks, ICML 2016, arXiv:1601.06759.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.parameters = LEVELS * channels

    def _logits(self, parameters: Tensor) -> Tensor:
        B, _, H, W = parameters.shape
        return parameters.view(B, self.channels, LEVELS, H, W)

    def log_conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return the log-softmax at each level, shape `(B, C, H, W)`.

        Taken over the last of the dimensions, which costs no copy in the memory layout
        `channels_last`.
        """
        logits = self._logits(parameters).permute(0, 3, 4, 1, 2)
        level = x.permute(0, 2, 3, 1).long()
        nll = cross_entropy(logits.reshape(-1, LEVELS), level.flatten(), reduction="none")
        return -nll.view(level.shape).permute(0, 3, 1, 2)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return Σ_v v P(v), shape `(B, C, H, W)`."""
        return _mean_level(self._logits(parameters))

    def sample(self, parameters: Tensor, uniform: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw each channel on its own."""
        logits = self._logits(parameters) / temperature
        return _levels(log_softmax(logits, dim=2), uniform[:, :-1])


class Bernoulli(PixelDistribution):
    r"""A Bernoulli of the pixel's intensity, normalised over the 256 levels.

    $P(x) \propto \lambda^{x/255} (1-\lambda)^{1-x/255}$: the binary cross-entropy that is often
    used for gray images, made a probability of the 8-bit image by its exact constant.

    Reference:
        Loaiza-Ganem & Cunningham, The continuous Bernoulli, NeurIPS 2019,
        arXiv:1907.06845, for the constant's
        role; here the levels are discrete.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.parameters = channels

    def log_conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return l·x/255 − log Σ_v exp(l·v/255), with l the log-odds, shape `(B, C, H, W)`."""
        step = parameters / (LEVELS - 1)
        return step * x - _log_geometric_sum(step)

    def _logits(self, parameters: Tensor) -> Tensor:
        levels = torch.arange(LEVELS, device=parameters.device)[:, None, None]
        return (parameters / (LEVELS - 1)).unsqueeze(2) * levels

    def mean(self, parameters: Tensor) -> Tensor:
        """Return Σ_v v P(v), shape `(B, C, H, W)`."""
        return _mean_level(self._logits(parameters))

    def sample(self, parameters: Tensor, uniform: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw each channel on its own."""
        logits = self._logits(parameters / temperature)
        return _levels(log_softmax(logits, dim=2), uniform[:, :-1])


class LogisticMixture(PixelDistribution):
    """A mixture of logistics, each cut into 256 bins; the first and last reach to infinity.

    Channels share the component, and the means of a channel shift linearly with the channels
    before it, as in PixelCNN++. The scale of intensities is [−1, 1].

    Args:
        channels: Channels C of the image.
        components: Logistics in the mixture.

    Reference:
        Salimans et al., PixelCNN++, ICLR 2017, arXiv:1701.05517.
    """

    couples_channels = True

    def __init__(self, channels: int, components: int = 10) -> None:
        super().__init__(channels)
        self.components = components
        self.pairs = channels * (channels - 1) // 2
        self.parameters = components * (1 + 2 * channels + self.pairs)

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return logits (B, K, H, W), then means, log-scales and slopes (B, K, ·, H, W)."""
        B, _, H, W = parameters.shape
        by_component = parameters.view(B, self.components, -1, H, W)
        sizes = [1, self.channels, self.channels, self.pairs]
        logits, means, log_scales, slopes = torch.split(by_component, sizes, dim=2)
        return (
            logits[:, :, 0],
            means,
            log_scales.clamp(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE),
            slopes.tanh(),
        )

    def _mean(self, means: Tensor, slopes: Tensor, before: list[Tensor]) -> Tensor:
        """Return the means of the next channel, given those before it, broadcast to components."""
        channel = len(before)
        mean = means[:, :, channel]
        first = channel * (channel - 1) // 2
        for i, intensity in enumerate(before):
            mean = mean + slopes[:, :, first + i] * intensity
        return mean

    def log_conditionals(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log P(x_c | x_1 … x_{c−1}), the component summed out, shape `(B, C, H, W)`."""
        logits, means, log_scales, slopes = self._split(parameters)
        intensity = x.to(parameters.dtype) / 127.5 - 1.0
        before: list[Tensor] = []
        joint = log_softmax(logits, dim=1)
        total, conditionals = torch.zeros_like(joint[:, 0]), []
        for channel in range(self.channels):
            mean = self._mean(means, slopes, before)
            value, log_scale = intensity[:, channel : channel + 1], log_scales[:, :, channel]
            joint = joint + _log_bin(value, mean, log_scale)
            so_far = joint.logsumexp(dim=1)
            conditionals.append(so_far - total)
            total = so_far
            before.append(value)
        return torch.stack(conditionals, dim=1)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the mean of the logistics cut off at 0 and 255, shape `(B, C, H, W)`.

        They are not rounded to levels, which moves a mean by less than half a level. Of several
        channels, each takes the ones before it at their means given the component.
        """
        logits, means, log_scales, slopes = self._split(parameters)
        weights, scales = logits.softmax(dim=1), log_scales.exp()
        before: list[Tensor] = []
        for channel in range(self.channels):
            mean, scale = self._mean(means, slopes, before), scales[:, :, channel]
            above = softplus((mean + 1.0) / scale) - softplus((mean - 1.0) / scale)
            before.append(scale * above - 1.0)
        intensities = [(weights * intensity).sum(dim=1) for intensity in before]
        return (torch.stack(intensities, dim=1) + 1.0) * 127.5

    def sample(self, parameters: Tensor, uniform: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw the component, then the channels in order; the scales shrink by `temperature`."""
        logits, means, log_scales, slopes = self._split(parameters)
        weights = log_softmax(logits / temperature, dim=1).exp().cumsum(dim=1)
        component = (uniform[:, -1:] > weights).sum(dim=1).clamp(max=self.components - 1)
        chosen = one_hot(component, self.components).permute(0, 3, 1, 2).to(parameters.dtype)
        before: list[Tensor] = []
        for channel in range(self.channels):
            mean = (self._mean(means, slopes, before) * chosen).sum(dim=1)
            scale = (log_scales[:, :, channel] * chosen).sum(dim=1).exp() * temperature
            drawn = mean + scale * torch.logit(uniform[:, channel])
            level = ((drawn + 1.0) * 127.5).round().clamp(0, LEVELS - 1)
            before.append((level / 127.5 - 1.0).unsqueeze(1))
        return ((torch.cat(before, dim=1) + 1.0) * 127.5).round().to(torch.uint8)


def pixel_distribution(
    likelihood: Likelihood, channels: int, *, components: int
) -> PixelDistribution:
    """Return a distribution by the name that a model's option gives.

    Args:
        likelihood: `categorical`, `logistic_mixture` or `bernoulli`.
        channels: Channels of the image.
        components: Of the mixture; the others have none.
    """
    match likelihood:
        case "categorical":
            return Categorical(channels)
        case "logistic_mixture":
            return LogisticMixture(channels, components)
        case "bernoulli":
            return Bernoulli(channels)


def _mean_level(logits: Tensor) -> Tensor:
    """Return the mean level under a softmax of `(B, C, 256, H, W)`."""
    levels = torch.arange(LEVELS, device=logits.device).to(logits.dtype)[:, None, None]
    return (logits.softmax(dim=2) * levels).sum(dim=2)


def _levels(log_probs: Tensor, uniform: Tensor) -> Tensor:
    """Return the levels at which cumulative probabilities `(B, C, 256, H, W)` pass `uniform`."""
    cumulative = log_probs.exp().cumsum(dim=2)
    passed = (uniform.unsqueeze(2) > cumulative).sum(dim=2)
    return passed.clamp(max=LEVELS - 1).to(torch.uint8)


def _log_bin(intensity: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log-mass of a logistic in the bin of width 2/255 around an intensity.

    σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)), whose logarithm loses no digits however far out
    the bin lies.
    """
    inverse = (-log_scale).exp()
    centred = intensity - mean
    upper, lower = inverse * (centred + 1 / 255), inverse * (centred - 1 / 255)
    below, above = logsigmoid(upper), logsigmoid(-lower)
    between = below + above + torch.log(-torch.expm1(-inverse * (2 / 255)))
    half = 0.5 / 255
    edged = torch.where(intensity < half - 1, below, between)
    return torch.where(intensity > 1 - half, above, edged)


def _log_geometric_sum(step: Tensor) -> Tensor:
    """Return log Σ_{v=0}^{255} exp(step·v), without loss near 0 and without overflow."""
    size = step.abs()
    small = size < 1e-4
    safe = torch.where(small, torch.ones_like(size), size)
    exact = torch.log(-torch.expm1(-LEVELS * safe)) - torch.log(-torch.expm1(-safe))
    series = math.log(LEVELS) - size * (LEVELS - 1) / 2 + size**2 * (LEVELS**2 - 1) / 24
    from_top = torch.where(small, series, exact)
    return from_top + (LEVELS - 1) * step.clamp(min=0)
