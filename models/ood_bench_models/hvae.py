"""The hierarchical variational autoencoder: latents on several levels, inferred from the top."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ood_bench.capabilities import ElboTerms, InfersAbove, Samples
from ood_bench.data import Shape
from ood_bench.lit import DensityModule
from ood_bench.noise import normal_noise
from ood_bench_models.hvae_networks import BottomUp, TopDown
from ood_bench_models.importance import importance_bound
from ood_bench_models.pixels import LEVELS, Likelihood, pixel_distribution
from ood_bench_models.vae import PARAMETERS_AT_ONCE
from ood_bench_models.vae_networks import feature_shapes

CHANNELS = (16, 32, 64, 64)
"""Of the features at each level, the lowest first, where the options name none."""
LATENTS = (2, 4, 8)
"""Channels of the latents at each level below the highest, where the options name none."""
TOP_LATENTS = 16


class Terms(NamedTuple):
    """The terms of the bound for K draws of each image, in nats.

    Attributes:
        log_likelihood: log P(x | z), shape `(B, K)`.
        kl: KL(q(z_l | x, z_{>l}) ‖ p(z_l | z_{>l})) given the latents drawn above, shape
            `(B, K, J)`: the J levels that were inferred, the highest first.
        log_ratio: log p(z_l | z_{>l}) − log q(z_l | x, z_{>l}) at the draw, likewise.
    """

    log_likelihood: Tensor
    kl: Tensor
    log_ratio: Tensor


class HVAE(DensityModule, InfersAbove, Samples):
    r"""A VAE with L levels of latents, $p(x) = \int p(x|z)\, \prod_l p(z_l | z_{>l})\, dz$.

    The highest level is a vector, the lower ones are grids; the prior and the posterior
    $\prod_l q(z_l | x, z_{>l})$ go down from the top along one path, as in a ladder VAE. So the
    higher latents are inferred without the lower ones, and any number of lowest levels can be
    drawn from the prior instead: `elbo_above`.

    `log_prob` is a lower bound on log P(x). In evaluation its draws are a function of the image;
    with one draw it is the ELBO, with more the importance-weighted bound. In training it is the
    ELBO with one draw of the step's own, less what `free_bits` adds.

    Args:
        shape: Shape of one image.
        levels: Levels L of latents, two to four.
        channels: Channels of the features at each level, the lowest first; the first L of 16,
            32, 64 and 64 if None. Each level halves the sides of the one below as long as they
            exceed four pixels.
        latents: Channels of z_l at each level, the lowest first, the last number the size of
            the vector z_L; the first L − 1 of 2, 4 and 8, then 16, if None.
        blocks: Residual blocks of a level, on the way up and on the way down.
        likelihood: Of a pixel given z: `categorical`, `logistic_mixture` or `bernoulli`, as in
            `vae`.
        components: Logistics in the mixture; the other likelihoods have none.
        samples: Draws K in evaluation; more make the bound tighter and cost as much more.
        free_bits: Nats λ of each level's KL that cost nothing. In training a level's KL
            counts as λ + softplus(KL − λ), a smooth max(λ, KL), so that no level's posterior
            collapses to the prior; `log_prob` in training is then a looser bound than the
            ELBO. Evaluation does not use it. 0 for the ELBO.

    Reference:
        Havtorn et al., Hierarchical VAEs Know What They Don't Know, ICML 2021, arXiv:2102.08248;
        Sønderby et al., Ladder Variational Autoencoders, NeurIPS 2016, arXiv:1602.02282;
        Kingma et al., Improved Variational Inference with Inverse Autoregressive Flow, NeurIPS
        2016, for free bits.
    """

    encoder: Callable[[Tensor], list[Tensor]]

    def __init__(
        self,
        shape: Shape,
        *,
        levels: int = 3,
        channels: tuple[int, ...] | None = None,
        latents: tuple[int, ...] | None = None,
        blocks: int = 1,
        likelihood: Likelihood = "logistic_mixture",
        components: int = 5,
        samples: int = 1,
        free_bits: float = 0.0,
    ) -> None:
        super().__init__(shape)
        if not 2 <= levels <= 4:
            raise ValueError(f"HVAE has two to four levels, got levels={levels}")
        channels = CHANNELS[:levels] if channels is None else channels
        latents = (*LATENTS[: levels - 1], TOP_LATENTS) if latents is None else latents
        if not len(channels) == len(latents) == levels:
            raise ValueError(
                f"HVAE needs channels and latents for each of its {levels} levels, got "
                f"channels={list(channels)}, latents={list(latents)}"
            )
        if min(*channels, *latents, components, samples) < 1 or min(blocks, free_bits) < 0:
            raise ValueError(
                "HVAE needs channels, latents, components and samples >= 1 and blocks and "
                f"free_bits >= 0, got channels={list(channels)}, latents={list(latents)}, "
                f"components={components}, samples={samples}, blocks={blocks}, "
                f"free_bits={free_bits}"
            )
        self.latent_levels = levels
        self.samples = samples
        self.free_bits = free_bits
        self.pixels = pixel_distribution(likelihood, shape.channels, components=components)
        shapes = feature_shapes(shape, channels)
        self.encoder = BottomUp(shape, shapes, blocks)
        self.decoder = TopDown(
            shapes, latents, image=shape, blocks=blocks, outputs=self.pixels.parameters
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """Return a lower bound on log P(x) in nats, shape `(B,)`."""
        if not self.training:
            return self.elbo_above(x, 0)
        terms = self.terms(x, 1)
        kl = terms.kl
        if self.free_bits:
            kl = self.free_bits + softplus(kl - self.free_bits)
        return (terms.log_likelihood - kl.sum(dim=2)).squeeze(1)

    def elbo_above(self, x: Tensor, k: int) -> Tensor:
        r"""Return $L^{>k}$ in nats, shape `(B,)`: the lowest k levels from the prior.

        $E_{p(z_{\le k} | z_{>k})\, q(z_{>k} | x)}[\log p(x|z) p(z_{>k}) / q(z_{>k} | x)]$, with
        the model's draws and its `samples`. The noise is the same for every k.

        Raises:
            ValueError: If k is not one of 0, …, L − 1.
        """
        if not 0 <= k < self.latent_levels:
            raise ValueError(f"HVAE has L^(>k) for k = 0 to {self.latent_levels - 1}, got k={k}")
        terms = self.terms(x, self.samples, above=k)
        if self.samples == 1:
            return (terms.log_likelihood - terms.kl.sum(dim=2)).squeeze(1)
        return importance_bound(terms.log_likelihood + terms.log_ratio.sum(dim=2))

    def elbo_terms(self, x: Tensor) -> ElboTerms:
        """Return log P(x | z) at the first draw and the KL of all levels, in nats, each `(B,)`.

        The KL of a level is that of two Gaussians, given the latents drawn above it.
        """
        terms = self.terms(x, 1)
        return ElboTerms(terms.log_likelihood.squeeze(1), terms.kl.sum(dim=2).squeeze(1))

    def terms(self, x: Tensor, draws: int, *, above: int = 0) -> Terms:
        """Return the terms of the bound, with the levels higher than `above` inferred.

        Outside training, draws are decoded in parts that fit in memory.
        """
        self.admit(x)
        y = x.to(self.dtype) / ((LEVELS - 1) / 2) - 1.0
        with self.autocast():
            features = self.encoder(y)
        salt = self.salt if self.training else 0
        noise = normal_noise(x, draws * sum(self.decoder.sizes), salt).to(self.dtype)
        noise = noise.view(len(x) * draws, -1)
        images = torch.arange(len(noise), device=x.device) // draws
        found = [
            self._terms(
                x[images[part]],
                noise[part],
                [d.index_select(0, images[part]) for d in features],
                above,
            )
            for part in self._parts(len(noise))
        ]
        log_likelihood, kl, log_ratio = map(torch.cat, zip(*found, strict=True))
        by_draw = len(x), draws
        return Terms(
            log_likelihood.view(by_draw), kl.view(*by_draw, -1), log_ratio.view(*by_draw, -1)
        )

    def _terms(self, x: Tensor, noise: Tensor, features: Sequence[Tensor], above: int) -> Terms:
        """Return the terms, without K, for one row of noise an image."""
        with self.autocast():
            parameters, posteriors = self.decoder(noise, features, above=above)
        log_likelihood = self.pixels.log_conditionals(parameters.to(self.dtype), x)
        noises = torch.split(noise, self.decoder.sizes, dim=1)
        kl = [posterior.kl() for posterior in posteriors]
        log_ratio = [
            posterior.log_ratio(own.unsqueeze(1)).squeeze(1)
            for posterior, own in zip(posteriors, noises, strict=False)
        ]
        return Terms(
            log_likelihood.sum(dim=(1, 2, 3)), torch.stack(kl, dim=1), torch.stack(log_ratio, dim=1)
        )

    def _parts(self, n: int) -> Iterator[slice]:
        """Yield the parts in which n rows of noise are decoded."""
        limit = PARAMETERS_AT_ONCE.get(self.device.type, PARAMETERS_AT_ONCE["cpu"])
        one = self.pixels.parameters * self.shape.height * self.shape.width
        size = n if self.training else max(1, limit // one)
        for start in range(0, n, size):
            yield slice(start, start + size)

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images at the middle of their levels on [0, 1], shape `(n, C, H, W)`.

        The temperature is a factor on the standard deviation of the prior of every level.
        """
        C, H, W = self.shape
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(n, sum(self.decoder.sizes), generator=generator) * temperature
        uniform = torch.rand(n, C + 1, H, W, generator=generator).clamp_(min=2.0**-25)
        noise, uniform = (drawn.to(self.device).to(self.dtype) for drawn in (noise, uniform))
        levels = [
            self.pixels.sample(
                self.decoder(noise[part], above=self.latent_levels)[0], uniform[part]
            )
            for part in self._parts(n)
        ]
        return (torch.cat(levels).to(self.dtype) + 0.5) / LEVELS
