"""Corruptions of images at five strengths: noise, blur, brightness, contrast, pixels, JPEG."""

import hashlib
import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ood_bench.data.options import Corruption, CorruptionKind
from ood_bench.hashing import seed_for

Values: TypeAlias = NDArray[np.float64]

AMOUNTS: dict[CorruptionKind, tuple[float, float, float, float, float]] = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80, 65, 58, 50, 40),
    "resize": (0.95, 0.9, 0.85, 0.75, 0.65),
}
"""The setting of each strength: standard deviation, share of pixels, σ in pixels, value added,
factor, factor of the size, JPEG quality. They are those of CIFAR-10-C; `resize`, which it does not
have, has the factors of `pixelate`."""


def corrupted(pixels: NDArray[np.uint8], corruption: Corruption) -> NDArray[np.uint8]:
    """Return corrupted images; each is a function of its pixels and the strength alone.

    The noise of an image has the same seed at every strength. Values are rounded to 8 bits, where
    CIFAR-10-C truncates them.

    Args:
        pixels: uint8 images, shape `(N, C, H, W)`, with one or three channels.
        corruption: What to do to them.

    Reference:
        Hendrycks, Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
        Perturbations, ICLR 2019, arXiv:1903.12261; the settings of its code for CIFAR-10-C.
    """
    amount = AMOUNTS[corruption.kind][corruption.strength - 1]
    change = _CHANGES[corruption.kind]
    found = np.empty_like(pixels)
    for row, image in enumerate(pixels):
        found[row] = change(image, amount)
    return found


def _rounded(values: Values) -> NDArray[np.uint8]:
    """Return values in [0, 1] as 8 bits."""
    return np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)


def _uniform(image: NDArray[np.uint8], name: str) -> Values:
    """Return uniform numbers in (0, 1), one a pixel and channel, seeded by the image."""
    content = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()
    words = np.atleast_1d(np.random.PCG64(seed_for(name, content)).random_raw(image.size))
    whole = (words >> np.uint64(11)).astype(np.float64)
    return (whole + 0.5).reshape(image.shape) * 2.0**-53


def _gaussian_noise(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    from scipy.special import ndtri

    return _rounded(image / 255 + amount * ndtri(_uniform(image, "gaussian noise")))


def _impulse_noise(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    drawn = _uniform(image, "impulse noise")
    values = image.copy()
    values[drawn < amount] = 255
    values[drawn < amount / 2] = 0
    return values


def _gaussian_blur(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    from scipy.ndimage import gaussian_filter

    return _rounded(gaussian_filter(image / 255, (0, amount, amount), mode="nearest"))


def _brightness(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    """Add to the value of HSV, which keeps hue and saturation."""
    values = image / 255
    value = values.max(axis=0, keepdims=True)
    raised = np.minimum(value + amount, 1.0)
    scaled = np.divide(values * raised, value, out=np.zeros_like(values), where=value > 0)
    return _rounded(np.where(value > 0, scaled, raised))


def _contrast(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    values = image / 255
    mean = values.mean(axis=(1, 2), keepdims=True)
    return _rounded((values - mean) * amount + mean)


def _pixelate(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    return _there_and_back(image, amount, Image.Resampling.BOX)


def _resize(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    return _there_and_back(image, amount, Image.Resampling.BICUBIC)


def _there_and_back(
    image: NDArray[np.uint8], amount: float, filter: Image.Resampling
) -> NDArray[np.uint8]:
    """Shrink an image and enlarge it to its size."""
    _, height, width = image.shape
    small = max(1, int(width * amount)), max(1, int(height * amount))
    return _planes(_pillow(image).resize(small, filter).resize((width, height), filter))


def _jpeg(image: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    file = io.BytesIO()
    _pillow(image).save(file, "JPEG", quality=int(amount))
    with Image.open(file) as opened:
        return _planes(opened)


def _pillow(image: NDArray[np.uint8]) -> Image.Image:
    planes = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(planes))


def _planes(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


_CHANGES: dict[CorruptionKind, Callable[[NDArray[np.uint8], float], NDArray[np.uint8]]] = {
    "gaussian_noise": _gaussian_noise,
    "impulse_noise": _impulse_noise,
    "gaussian_blur": _gaussian_blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "pixelate": _pixelate,
    "jpeg": _jpeg,
    "resize": _resize,
}
