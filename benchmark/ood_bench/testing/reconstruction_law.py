"""The law that reconstructions are images, each a function of its latents alone."""

import torch

from ood_bench.capabilities import Reconstructs
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images


@torch.no_grad()
def reconstructions_are_images(subject: ModelSubject) -> None:
    """`reconstruct` maps latents to images on [0, 1], each by itself."""
    model, tolerance = subject.precise()
    vae: Reconstructs = capable(model, Reconstructs)
    mean, _ = vae.posterior(random_images(model.shape, 6))
    for latents in (mean, 10.0 * mean + 5.0):
        found = vae.reconstruct(latents)
        require(
            found.shape == (6, *model.shape),
            f"reconstructions have the shape {tuple(found.shape)}, not {(6, *model.shape)}",
        )
        low, high = float(found.min()), float(found.max())
        require(
            bool(found.isfinite().all()) and low >= -tolerance and high <= 1 + tolerance,
            f"reconstructions lie between {low:g} and {high:g}, not on [0, 1]",
        )
        alone = torch.cat([vae.reconstruct(latents[k : k + 1]) for k in range(6)])
        same = torch.allclose(found, alone, rtol=tolerance, atol=tolerance)
        require(same, "images reconstructed together and one by one differ")


RECONSTRUCTION_LAW: Law[ModelSubject] = Law(
    reconstructions_are_images,
    "reconstruct(z) takes latents and returns the mean of P(x|z), on [0, 1]: divide levels by "
    "255. No layer may mix the images of a batch.",
)
