"""The law that a network that removes noise treats each image alone, at every noise level."""

import torch

from ood_bench.capabilities import Denoises
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images


def denoised_images_are_functions_of_image_and_level(subject: ModelSubject) -> str:
    """`denoise` maps each image by its own noise level, and can be differentiated in both."""
    capable(subject.kind, Denoises)
    model, tolerance = subject.precise()
    denoiser: Denoises = capable(model, Denoises)
    least, most = denoiser.noise_levels
    require(0 < least < most, f"noise_levels are {least:g} and {most:g}, not positive and rising")
    y = random_images(model.shape, 6).to(model.dtype) / 255.0
    levels = least * (most / least) ** torch.linspace(0, 1, len(y)).to(y)
    y, levels = y.requires_grad_(), levels.requires_grad_()
    found = denoiser.denoise(y, levels)
    require(found.shape == y.shape, f"denoised images have the shape {tuple(found.shape)}")
    require(found.isfinite().all(), "denoised images are not finite")
    alone = torch.cat([denoiser.denoise(y[k : k + 1], levels[k : k + 1]) for k in range(6)])
    same = torch.allclose(found, alone, rtol=tolerance, atol=tolerance)
    require(same, "images denoised together and one by one differ")
    gradients = torch.autograd.grad(found.square().sum(), (y, levels), allow_unused=True)
    for name, gradient in zip(("the image", "the noise level"), gradients, strict=True):
        require(
            gradient is not None and bool(gradient.isfinite().all()),
            f"denoise cannot be differentiated in {name}",
        )
    return f"for noise of {least:.2g} to {most:.2g}"


DENOISING_LAW: Law[ModelSubject] = Law(
    denoised_images_are_functions_of_image_and_level,
    "denoise(noisy, sigma) takes images on [0, 1] with noise of standard deviation sigma, one "
    "number an image, and returns the images without it. The whole batch must not enter (batch "
    "normalisation), nor a detach() or a table of levels.",
)
