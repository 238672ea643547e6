"""The variational autoencoder: latents, decoded to a distribution of 8-bit pixels."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ood_bench.capabilities import ElboTerms, Reconstructs, Samples
from ood_bench.data import Shape
from ood_bench.lit import DensityModule
from ood_bench.noise import normal_noise
from ood_bench_models.importance import Posterior, importance_bound
from ood_bench_models.pixels import LEVELS, Likelihood, PixelDistribution, pixel_distribution
from ood_bench_models.vae_networks import SMALLEST_SIDE, Decoder, Encoder, feature_shapes

PARAMETERS_AT_ONCE = {"cpu": 2**22, "cuda": 2**27}
"""Numbers that the decoder yields in one pass, by type of device, where K draws are scored."""


class VAE(DensityModule, Reconstructs, Samples):
    """A convolutional VAE: p(x) = ∫ p(x | z) p(z) dz with a standard normal prior.

    `log_prob` is a lower bound on log P(x): in training the ELBO with one draw of z, in
    evaluation the importance-weighted bound, whose draws are a function of the image.

    Args:
        shape: Shape of one image.
        latent: Size L of z, or its channels where `spatial` is true.
        channels: Channels of the encoder's convolutions; the decoder has them in reverse.
        spatial: Whether z is a map with the height and width of the encoder's last convolution, so
            that an image's detail has a place; a vector otherwise, as in the paper.
        smallest: Side in pixels up to which the encoder's convolutions do not halve.
        blocks: Residual blocks after each convolution, of both networks.
        likelihood: Of a pixel given z: `categorical`, 256 free probabilities a channel;
            `logistic_mixture`, the discretised mixture of logistics; or `bernoulli` of the
            intensity, normalised over the 256 levels.
        components: Logistics in the mixture; the other likelihoods have none.
        samples: Draws K of z in evaluation; more make the bound tighter and cost as much more.

    Reference:
        Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114;
        Burda et al., Importance Weighted Autoencoders, ICLR 2016, arXiv:1509.00519;
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, 2019,
        arXiv:1810.09136.
    """

    added_options = frozenset({"spatial", "smallest", "blocks"})

    encoder: Callable[[Tensor], Posterior]
    decoder: Callable[[Tensor], Tensor]
    pixels: PixelDistribution

    def __init__(
        self,
        shape: Shape,
        *,
        latent: int = 50,
        channels: tuple[int, ...] = (32, 64, 64, 64, 64),
        spatial: bool = False,
        smallest: int = SMALLEST_SIDE,
        blocks: int = 0,
        likelihood: Likelihood = "logistic_mixture",
        components: int = 5,
        samples: int = 16,
    ) -> None:
        super().__init__(shape)
        least = min(latent, smallest, components, samples, len(channels), *channels)
        if least < 1 or blocks < 0:
            raise ValueError(
                "VAE needs latent, smallest, components and samples >= 1, blocks >= 0 and channels "
                f"of at least one number >= 1, got latent={latent}, smallest={smallest}, "
                f"components={components}, samples={samples}, blocks={blocks}, "
                f"channels={list(channels)}"
            )
        shapes = feature_shapes(shape, channels, smallest)
        latents = (latent, shapes[-1].height, shapes[-1].width) if spatial else (latent,)
        self.latent = math.prod(latents)
        self.samples = samples
        self.pixels = pixel_distribution(likelihood, shape.channels, components=components)
        self.encoder = Encoder(shape, shapes, latents, blocks=blocks)
        self.decoder = Decoder(
            shape, shapes, latents, blocks=blocks, outputs=self.pixels.parameters
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """Return a lower bound on log P(x) in nats, shape `(B,)`."""
        if self.training:
            reconstruction, kl = self.elbo_terms(x)
            return reconstruction - kl
        return self.bound_given(x, *self.posterior(x))

    def bound_given(self, x: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        """Return the importance-weighted bound with a posterior given, in nats, `(B,)`."""
        posterior, noise = Posterior(mean, log_std), self.noise(x, self.samples)
        z = posterior.draw(noise)
        return importance_bound(self.log_likelihood(x, z) + posterior.log_ratio(noise))

    def elbo_given(self, x: Tensor, mean: Tensor, log_std: Tensor, *, salt: int) -> Tensor:
        """Return the ELBO with a posterior given and the draw that a salt chooses, in nats."""
        posterior = Posterior(mean, log_std)
        noise = normal_noise(x, self.latent, salt).to(self.dtype).unsqueeze(1)
        return self.log_likelihood(x, posterior.draw(noise)).squeeze(1) - posterior.kl()

    def elbo_terms(self, x: Tensor) -> ElboTerms:
        """Return log P(x | z) at the first draw, and KL(q(z|x) ‖ p(z)), in nats, each `(B,)`."""
        posterior = self.posterior(x)
        z = posterior.draw(self.noise(x, 1))
        return ElboTerms(self.log_likelihood(x, z).squeeze(1), posterior.kl())

    def posterior(self, x: Tensor) -> Posterior:
        """Return the posterior q(z | x) of uint8 images."""
        self.admit(x)
        y = x.to(self.dtype) / ((LEVELS - 1) / 2) - 1.0
        with self.autocast():
            posterior = self.encoder(y)
        return Posterior(*(moment.to(self.dtype) for moment in posterior))

    def reconstruct(self, z: Tensor) -> Tensor:
        """Return the mean of P(x | z) on [0, 1] for latents `(B, L)`, shape `(B, C, H, W)`."""
        parts = [self.pixels.mean(parameters) for _, parameters in self._decoded(z)]
        return torch.cat(parts) / (LEVELS - 1)

    def noise(self, x: Tensor, draws: int) -> Tensor:
        """Return standard normal noise `(B, draws, L)`: in training anew at every step."""
        salt = self.salt if self.training else 0
        noise = normal_noise(x, draws * self.latent, salt)
        return noise.view(len(x), draws, self.latent).to(self.dtype)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log P(x | z) in nats for K latents of each image.

        Args:
            x: uint8 images, shape `(B, C, H, W)`.
            z: Latents, shape `(B, K, L)`.

        Returns:
            Shape `(B, K)`. Without gradients, latents are decoded in parts that fit in memory.
        """
        B, K, _ = z.shape
        images = torch.arange(B * K, device=z.device) // K
        parts = [
            self.pixels.log_conditionals(parameters, x[images[part]]).sum(dim=(1, 2, 3))
            for part, parameters in self._decoded(z.flatten(0, 1))
        ]
        return torch.cat(parts).view(B, K)

    def _decoded(self, z: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield parts of latents `(N, L)`, and the parameters of their pixels."""
        limit = PARAMETERS_AT_ONCE.get(z.device.type, PARAMETERS_AT_ONCE["cpu"])
        one = self.pixels.parameters * self.shape.height * self.shape.width
        size = len(z) if self.training or torch.is_grad_enabled() else max(1, limit // one)
        for start in range(0, len(z), size):
            part = slice(start, start + size)
            with self.autocast():
                parameters = self.decoder(z[part])
            yield part, parameters.to(self.dtype)

    @torch.no_grad()
    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """Draw images at the middle of their levels on [0, 1], shape `(n, C, H, W)`."""
        C, H, W = self.shape
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n, self.latent, generator=generator) * temperature
        uniform = torch.rand(n, C + 1, H, W, generator=generator).clamp_(min=2.0**-25)
        uniform = uniform.to(self.device).to(self.dtype)
        levels = [
            self.pixels.sample(parameters, uniform[part])
            for part, parameters in self._decoded(z.to(self.device).to(self.dtype))
        ]
        return (torch.cat(levels).to(self.dtype) + 0.5) / LEVELS
