"""What a model can do: one thing it must, and protocols that a class names for the rest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "CAPABILITIES",
    "IN_WORDS",
    "OFFERS",
    "Classification",
    "Classifies",
    "ConstantVolume",
    "Decomposes",
    "DecomposesByLevel",
    "Decomposition",
    "Denoises",
    "DensityModel",
    "Differentiable",
    "ElboTerms",
    "Encodes",
    "EncodesToNoise",
    "Estimates",
    "Infers",
    "InfersAbove",
    "InfersGaussian",
    "LinearLevel",
    "LogProbEstimate",
    "LogProbKind",
    "Reconstructs",
    "Samples",
    "dequantized",
    "has",
    "lacking",
    "log_prob_kind",
    "named",
]


LogProbKind: TypeAlias = Literal["exact", "bound", "estimate"]
"""What a model's `log_prob` is: log P(x) itself, as that of a distribution over integers; a lower
bound in expectation, as the log-density of an image with uniform noise or an ELBO; or an estimate
with an error of either sign, as by random probes of a trace."""

IN_WORDS: Mapping[LogProbKind, str] = {
    "exact": "exact",
    "bound": "a lower bound",
    "estimate": "an estimate",
}
"""What it is in words."""


class Decomposition(NamedTuple):
    """The two terms of a flow's log-likelihood, in nats, each of shape `(B,)`."""

    log_prior: "Tensor"
    log_volume: "Tensor"


class ElboTerms(NamedTuple):
    """The two terms of an evidence lower bound, in nats, each of shape `(B,)`."""

    reconstruction: "Tensor"
    kl: "Tensor"


class LogProbEstimate(NamedTuple):
    """An estimate of log P(x) and its standard error, in nats, each of shape `(B,)`."""

    log_prob: "Tensor"
    error: "Tensor"


class LinearLevel(NamedTuple):
    """One level of a flow with the shifts of its coupling layers left out.

    Attributes:
        squeeze: Side of the squares of pixels that become channels; 1 for none. A pixel's
            place in its square is the fast index of the channels, as in `pixel_unshuffle`.
        matrices: What each flow step then does to the C channels of every pixel, the actnorm's
            scale times the 1×1 convolution, in order, shape `(K, C, C)`, output by input.
        variance: The prior's variance of the latents that leave the flow here, the last
            channels, shape `(C_z, H, W)`; the other channels go on to the next level.
    """

    squeeze: int
    matrices: "Tensor"
    variance: "Tensor"


@runtime_checkable
class DensityModel(Protocol):
    """A distribution over 8-bit images."""

    def log_prob(self, x: "Tensor") -> "Tensor":
        """Return log P(x) of uint8 images `(B, C, H, W)` in nats, shape `(B,)`.

        A function of each image alone: any noise is fixed per image in evaluation, so that
        neither the batch nor the device changes a value.
        """
        ...


class Estimates(Protocol):
    """A density whose `log_prob` is an estimate by random draws, with a known error."""

    def estimate(self, x: "Tensor", *, salt: int = 0) -> LogProbEstimate:
        """Return an estimate of log P(x) of uint8 images `(B, C, H, W)` and its standard error.

        The draws are a function of the image and the salt: those of salt 0 give `log_prob`, those
        of others independent estimates, with the same noise of dequantization.
        """
        ...


class Decomposes(Protocol):
    """A flow: log p(x) is a prior term and a volume term."""

    def decompose(self, x: "Tensor") -> Decomposition:
        """Return log p(z) and log |dz/dx| in nats for uint8 images `(B, C, H, W)`.

        Their sum is `log_prob`; the volume term includes the −D·ln 256 of the 8-bit image.
        """
        ...


class DecomposesByLevel(Decomposes, Protocol):
    """A flow of several scales, each of which gives some latents to the prior."""

    def decompose_levels(self, x: "Tensor") -> list[Decomposition]:
        """Return the terms of each level, the finest first, for uint8 images `(B, C, H, W)`.

        They add up to `decompose`; a level's volume term includes −ln 256 for each of the
        latents that leave the flow there.
        """
        ...


class Encodes(Protocol):
    """An invertible map between images and latents."""

    def encode(self, y: "Tensor") -> "Tensor":
        """Map continuous images `(B, C, H, W)` on [0, 1] to latents `(B, D)`."""
        ...

    def decode(self, z: "Tensor") -> "Tensor":
        """Map latents `(B, D)` back to continuous images `(B, C, H, W)`."""
        ...


class EncodesToNoise(Encodes, Protocol):
    """A flow with a normal prior, whose latents can be freed of the prior's moments."""

    def to_noise(self, y: "Tensor") -> "Tensor":
        """Map continuous images `(B, C, H, W)` on [0, 1] to noise `(B, D)`.

        These are the latents less the prior's mean and over its standard deviation: D independent
        standard normal numbers, if the images come from the model.
        """
        ...


class Samples(Protocol):
    """A model that draws images."""

    def sample(self, n: int, *, temperature: float = 1.0, seed: int = 0) -> "Tensor":
        """Draw continuous images on the scale [0, 1], shape `(n, C, H, W)`, not clipped.

        Args:
            n: How many.
            temperature: Factor on the standard deviation of the prior; 1 draws from the model.
            seed: Same seed, same images.
        """
        ...


class Differentiable(Protocol):
    """A model with a density over continuous images."""

    def log_density(self, y: "Tensor") -> "Tensor":
        """Return the log-density of continuous images `(B, C, H, W)` on [0, 1], nats, `(B,)`."""
        ...


class ConstantVolume(Protocol):
    """A flow of 1×1 convolutions and couplings, whose volume term may be the same for all x."""

    def linear_part(self, y: "Tensor") -> tuple[LinearLevel, ...] | None:
        """Return the flow's levels without their coupling shifts, detached from the model.

        Args:
            y: Continuous image `(C, H, W)` on [0, 1] at which a prior that depends on the
                image is taken.

        Returns:
            The levels in order; None if this model's volume term depends on the image.
        """
        ...


class Infers(Protocol):
    """A latent-variable model with an approximate posterior."""

    def elbo_terms(self, x: "Tensor") -> ElboTerms:
        """Return E_q[log P(x|z)], with one draw an image, and KL(q(z|x) ‖ p(z)), in nats.

        Their difference is the ELBO of uint8 images `(B, C, H, W)`.
        """
        ...


class InfersGaussian(Infers, Protocol):
    """A latent-variable model whose posterior q(z|x) is a Gaussian of independent latents."""

    def posterior(self, x: "Tensor") -> "tuple[Tensor, Tensor]":
        """Return mean and log standard deviation of q(z|x), each of shape `(B, L)`."""
        ...

    def bound_given(self, x: "Tensor", mean: "Tensor", log_std: "Tensor") -> "Tensor":
        """Return the importance-weighted bound on log P(x) with a posterior given, nats, `(B,)`.

        Differentiable in the mean and the log standard deviation. Its draws of z are a function
        of the image; with the model's own posterior it is the model's `log_prob`.
        """
        ...

    def elbo_given(self, x: "Tensor", mean: "Tensor", log_std: "Tensor", *, salt: int) -> "Tensor":
        """Return the ELBO with a posterior given, nats, shape `(B,)`.

        The expectation is over one draw of z, a function of the image and the salt; another
        salt gives another draw. The KL divergence is in closed form. Differentiable in the mean
        and the log standard deviation.
        """
        ...


class Reconstructs(InfersGaussian, Protocol):
    """A latent-variable model whose P(x|z) has a mean."""

    def reconstruct(self, z: "Tensor") -> "Tensor":
        """Return the mean of P(x|z) for latents `(B, L)`, images `(B, C, H, W)` on [0, 1].

        Level v of an 8-bit image lies at v / 255.
        """
        ...


class InfersAbove(Infers, Protocol):
    """A hierarchical latent-variable model, whose lower latents may come from the prior.

    Attributes:
        latent_levels: How many levels of latents there are.
    """

    latent_levels: int

    def elbo_above(self, x: "Tensor", k: int) -> "Tensor":
        """Return L^{>k}, nats, shape `(B,)`: the lowest k levels of latents from the prior.

        L^{>0} is the model's `log_prob`. The lowest level is that next to the image.
        """
        ...


class Denoises(Protocol):
    """A network that removes Gaussian noise of any strength in a range.

    Images y are on [0, 1]; level v of an 8-bit image lies at v / 255.

    Attributes:
        noise_levels: The smallest and the largest standard deviation of noise on y that it
            was trained for.
    """

    noise_levels: tuple[float, float]

    def denoise(self, noisy: "Tensor", sigma: "Tensor") -> "Tensor":
        """Return the estimate of E[y | y + σ ε] for standard normal ε, `(B, C, H, W)`.

        The score of the density of noisy images is (denoised − noisy) / σ². Differentiable in
        both arguments.

        Args:
            noisy: The noisy images y + σ ε, shape `(B, C, H, W)`.
            sigma: The standard deviation of the noise of each image, shape `(B,)`.
        """
        ...


class Classification(NamedTuple):
    """What a classifier says of images: logits `(B, K)` and features `(B, F)`.

    The logits are an affine function of the features, unless `has_linear_head` says no.
    """

    logits: "Tensor"
    features: "Tensor"


class Classifies(Protocol):
    """A classifier."""

    def classify(self, y: "Tensor") -> Classification:
        """Return logits and features of continuous images `(B, C, H, W)` on [0, 1].

        Differentiable in the images; level v of an 8-bit image lies at v / 255.
        """
        ...


CAPABILITIES = (
    DensityModel,
    Estimates,
    Decomposes,
    DecomposesByLevel,
    Encodes,
    EncodesToNoise,
    Samples,
    Differentiable,
    ConstantVolume,
    Infers,
    InfersGaussian,
    Reconstructs,
    InfersAbove,
    Denoises,
    Classifies,
)

OFFERS: Mapping[type, str] = {
    DensityModel: "log_prob",
    Estimates: "error of log_prob",
    Decomposes: "prior and volume terms",
    DecomposesByLevel: "prior terms by level",
    Encodes: "latents",
    EncodesToNoise: "latents without the prior's moments",
    Samples: "samples",
    Differentiable: "input gradient",
    ConstantVolume: "constant volume term",
    Infers: "ELBO terms",
    InfersGaussian: "Gaussian posterior",
    Reconstructs: "reconstruction",
    InfersAbove: "ELBO with the lower latents from the prior",
    Denoises: "denoised images",
    Classifies: "logits and features",
}
"""What a model with each capability offers, in words."""


def lacking(model: str, capability: type) -> str:
    """Say that a model does not have a capability.

    Example:
        >>> lacking("PixelCNN", Differentiable)
        'PixelCNN offers no input gradient (capability Differentiable)'
    """
    offer = OFFERS.get(capability)
    name = f"capability {capability.__name__}"
    return f"{model} offers no {offer} ({name})" if offer else f"{model} lacks the {name}"


def has(model: type, capability: type) -> bool:
    """Return whether a model class names a capability among its bases; `log_prob` is enough."""
    return capability in model.__mro__ or (
        capability is DensityModel and issubclass(model, DensityModel)
    )


def log_prob_kind(model: type) -> LogProbKind:
    """Return what a model class says that its `log_prob` is; exact for one that says nothing."""
    kind: LogProbKind = getattr(model, "log_prob_is", "exact")
    return kind


def dequantized(model: type) -> bool:
    """Return whether a model class takes its `log_prob` at an image with uniform noise.

    So it is unless it says that it is exact, or names `Infers`, whose bound has draws of its own.
    """
    return log_prob_kind(model) != "exact" and not has(model, Infers)


def named(model: object, capability: type[Any]) -> Any:
    """Return a model as what it names among its bases, for a variable of that type.

    Raises:
        ValueError: If it does not name the capability.
    """
    if not has(type(model), capability):
        raise ValueError(f"{type(model).__name__} does not name {capability.__name__}")
    return model
