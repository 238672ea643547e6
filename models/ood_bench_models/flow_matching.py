"""A continuous flow from noise to images, trained by flow matching."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from ood_bench.capabilities import (
    Decomposes,
    Decomposition,
    Denoises,
    EncodesToNoise,
    Estimates,
    LogProbEstimate,
    LogProbKind,
    Samples,
)
from ood_bench.data import Shape
from ood_bench.lit.module import Batch
from ood_bench.noise import normal_noise, uniform_noise
from ood_bench_models.channel_moments import ChannelMoments
from ood_bench_models.gaussian import LN_2PI
from ood_bench_models.ode import solve
from ood_bench_models.unet import UNet, check_scales

TIMES = (0.01, 0.999)
"""Times whose noise `noise_levels` states; training sees those beyond too, if rarely."""


class FlowMatching(ChannelMoments, Decomposes, EncodesToNoise, Estimates, Samples, Denoises):
    r"""The flow dx/dt = v(x, t) from Gaussian noise at t = 0 to dequantized images at t = 1.

    Training minimises E‖v(x_t, t) − (x − ε)‖² for x_t = (1 − t) ε + t x, with x on [−1, 1]: the
    velocity of straight paths. v is that of Gaussian images with each channel's mean and standard
    deviation, plus a network.

    `log_prob` solves the ODE from the image to noise, and adds the integral of the divergence of v:

    $$\log p(x) = \log N(x_0; 0, 1) - \int_0^1 \nabla \cdot v(x_t, t)\,dt.$$

    The divergence of small images is exact; that of larger ones is estimated by probes, vectors of
    random signs that are a function of the image. Each image is solved by steps of its own, so that
    its value does not depend on the others of its batch. As for any dequantized model, the
    expectation over the noise of dequantization is below log P(x).

    Args:
        shape: Shape of one image; height and width must be divisible by 2^(scales − 1).
        channels: Channels of the U-Net on each scale.
        blocks: Residual blocks on each scale.
        tolerance: Absolute and relative error of a step, for the root mean square of pixels on
            [−1, 1], and for the log-density in nats per dimension.
        probes: Probes of the divergence, at least two; more make the estimate more precise and
            cost as much more.
        exact_dims: The most dimensions D whose divergence is exact, by D derivatives.

    Reference:
        Lipman et al., Flow Matching for Generative Modeling, ICLR 2023, arXiv:2210.02747;
        Grathwohl et al., FFJORD, ICLR 2019, arXiv:1810.01367, for the probes.
    """

    log_prob_is: ClassVar[LogProbKind] = "estimate"

    def __init__(
        self,
        shape: Shape,
        *,
        channels: tuple[int, ...] = (32, 64, 64),
        blocks: int = 1,
        tolerance: float = 1e-4,
        probes: int = 2,
        exact_dims: int = 64,
    ) -> None:
        super().__init__(shape)
        if min(blocks, len(channels), *channels) < 1:
            raise ValueError(
                "FlowMatching needs blocks >= 1 and channels of at least one number >= 1, got "
                f"blocks={blocks}, channels={list(channels)}"
            )
        if not 0 < tolerance < 1:
            raise ValueError(f"FlowMatching needs a tolerance between 0 and 1, got {tolerance}")
        if probes < 2 or exact_dims < 0:
            raise ValueError(
                "FlowMatching needs probes >= 2, which tell the error, and exact_dims >= 0, got "
                f"probes={probes}, exact_dims={exact_dims}"
            )
        check_scales("FlowMatching", shape, channels)
        self.noise_levels = (0.5 * (1 / TIMES[1] - 1), 0.5 * (1 / TIMES[0] - 1))
        self.tolerance, self.probes, self.exact_dims = tolerance, probes, exact_dims
        self.network = UNet(shape.channels, shape.channels, channels=channels, blocks=blocks)

    def loss(self, batch: Batch) -> Tensor:
        """Return half the squared error of the velocity per image, the mean over the batch."""
        x = self.mutate(batch)
        image = 2.0 * self.dequantize(x) - 1.0
        noise = normal_noise(x, self.shape.dims, self.salt).view(x.shape).to(self.dtype)
        t = self._times(x)
        at = t.view(-1, 1, 1, 1)
        error = self.velocity((1.0 - at) * noise + at * image, t) - (image - noise)
        loss = 0.5 * error.square().sum(dim=(1, 2, 3)).mean()
        self.log("train/velocity_error", 2.0 * loss.detach() / self.shape.dims)
        return loss

    def in_words(self, loss: float) -> str:
        """Return the mean squared error of the velocity."""
        return f"squared error {2.0 * loss / self.shape.dims:.4f}"

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Return v of noisy images `(B, C, H, W)` on the scale [−1, 1] at times `(B,)`."""
        at = t.view(-1, 1, 1, 1)
        variance = (1.0 - at).square() + (at * self.std).square()
        spread = variance.sqrt()
        centred = x - at * self.mean
        with self.autocast():
            found = self.network(centred / spread, t)
        slope = (at * self.std.square() - (1.0 - at)) / variance
        change: Tensor = self.std / spread * found.to(x.dtype)
        return self.mean + slope * centred + change

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the estimate of log P(x) in nats, shape `(B,)`."""
        return self.estimate(x).log_prob

    def decompose(self, x: Tensor) -> Decomposition:
        """Return log p(z) of the noise z and the estimate of log |dz/dx|, nats, each `(B,)`."""
        noise, volumes = self._encoded(x, salt=0)
        return Decomposition(_log_normal(noise), volumes.mean(dim=1))

    def estimate(self, x: Tensor, *, salt: int = 0) -> LogProbEstimate:
        """Return the estimate of log P(x) with its standard error over probes, nats, each `(B,)`.

        The error is 0 where the divergence is exact; the solver's is left out. Another salt draws
        other probes.
        """
        noise, volumes = self._encoded(x, salt=salt)
        count = volumes.shape[1]
        error = torch.zeros_like(volumes[:, 0])
        if count > 1:
            error = volumes.std(dim=1) / math.sqrt(count)
        return LogProbEstimate(_log_normal(noise) + volumes.mean(dim=1), error)

    def encode(self, y: Tensor) -> Tensor:
        """Map continuous images `(B, C, H, W)` on [0, 1] to the noise they come from, `(B, D)`."""
        return self._moved((2.0 * y - 1.0).flatten(1), start=1.0, end=0.0)

    def decode(self, z: Tensor) -> Tensor:
        """Map noise `(B, D)` to continuous images `(B, C, H, W)` on [0, 1], not clipped."""
        return (self._moved(z, start=0.0, end=1.0).view(-1, *self.shape) + 1.0) / 2.0

    def to_noise(self, y: Tensor) -> Tensor:
        """Map continuous images `(B, C, H, W)` on [0, 1] to noise `(B, D)`: the latents."""
        return self.encode(y)

    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Return the estimate of the images y under noise, y + σ ε on [0, 1], `(B, C, H, W)`.

        On [−1, 1] the noise is 2σ = (1 − t) / t times ε, which tells the time t; from x_t the image
        is x_t + (1 − t) v.
        """
        t = 1.0 / (1.0 + 2.0 * sigma)
        at = t.view(-1, 1, 1, 1)
        x = at * (2.0 * noisy - 1.0)
        return (x + (1.0 - at) * self.velocity(x, t) + 1.0) / 2.0

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images on the scale [0, 1], not clipped, shape `(n, C, H, W)`."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(n, self.shape.dims, generator=generator) * temperature
        return self.decode(noise.to(self.device).to(self.dtype))

    def _moved(self, x: Tensor, *, start: float, end: float) -> Tensor:
        """Move images on [−1, 1], or noise, along the flow from one time to another, `(B, D)`."""

        def velocity(t: Tensor, state: Tensor) -> Tensor:
            return self.velocity(state.view(-1, *self.shape), t).flatten(1)

        return solve(velocity, x, start=start, end=end, tolerance=self.tolerance)

    def _times(self, x: Tensor) -> Tensor:
        """Return a time for each image, evenly spaced over the batch, `(B,)`."""
        offset = uniform_noise(0 * x[:1], self.salt).flatten()[0].to(self.dtype)
        places = torch.arange(len(x), device=x.device).to(offset.dtype)
        return (offset + places / len(x)) % 1.0

    def _encoded(self, x: Tensor, *, salt: int) -> tuple[Tensor, Tensor]:
        """Return the noise that each image comes from, `(B, D)`, and log |dz/dx| by each probe.

        The latter is `(B, K)` in nats, with the −D·ln 256 of the 8-bit image, and K = 1 where the
        divergence is exact.
        """
        D, differentiates = self.shape.dims, torch.is_grad_enabled()
        exact = self.exact_dims >= D
        count = 1 if exact else self.probes
        image = 2.0 * self.dequantize(x).flatten(1) - 1.0
        # nothing is differentiated in inference mode
        with torch.inference_mode(mode=False), torch.set_grad_enabled(differentiates):
            state = torch.cat([image, image.new_zeros(len(x), count)], dim=1)
            probes = [] if exact else [self._signs(x, salt)]
            found = solve(
                self._velocity_and_divergence,
                state.clone(),
                *probes,
                start=1.0,
                end=0.0,
                tolerance=self.tolerance,
                parts=(D, *[1] * count),
            )
        return found[:, :D], D * (found[:, D:] + math.log(2.0) - math.log(256.0))

    def _signs(self, x: Tensor, salt: int) -> Tensor:
        """Return the probes of each image, `(B, K, D)`."""
        salt_of_draw = (self.salt if self.training else self.draw) ^ salt
        normal = normal_noise(x, self.probes * self.shape.dims, salt_of_draw)
        return normal.sign().view(len(x), self.probes, -1).to(self.dtype)

    def _velocity_and_divergence(
        self, t: Tensor, state: Tensor, signs: Tensor | None = None
    ) -> Tensor:
        """Return dx/dt and, per dimension, the divergence by each probe: `(B, D + K)`."""
        D, differentiates = self.shape.dims, torch.is_grad_enabled()
        if signs is None:
            directions = torch.eye(D, dtype=state.dtype, device=state.device)[:, None]
        else:
            directions = signs.transpose(0, 1)
        products = []
        with torch.enable_grad():
            image = state[:, :D].view(-1, *self.shape)
            if not image.requires_grad:
                image = image.detach().requires_grad_()
            moved = self.velocity(image, t)
            for direction in directions:
                (gradient,) = torch.autograd.grad(
                    moved,
                    image,
                    direction.expand(len(state), D).reshape(image.shape),
                    retain_graph=True,
                    create_graph=differentiates,
                )
                products.append((gradient.flatten(1) * direction).sum(dim=1))
        divergence = torch.stack(products, dim=1)
        if signs is None:
            divergence = divergence.sum(dim=1, keepdim=True)
        both = torch.cat([moved.flatten(1), divergence / D], dim=1)
        return both if differentiates else both.detach()


def _log_normal(z: Tensor) -> Tensor:
    return -0.5 * (z.square() + LN_2PI).sum(dim=1)
