"""The noise that a network finds in images at one level."""

from torch import Tensor

from ood_bench.capabilities import Denoises


def noise_found(denoiser: Denoises, y: Tensor, level: float) -> Tensor:
    """Return ε̂, the noise that the network finds in images if its standard deviation is σ.

    It is −σ times the score of the density of images with such noise, and of the images' shape.

    Args:
        denoiser: The network.
        y: Images on [0, 1], shape `(B, C, H, W)`.
        level: σ.
    """
    return (y - denoiser.denoise(y, y.new_full((len(y),), level))) / level
