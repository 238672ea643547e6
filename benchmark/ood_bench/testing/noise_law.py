"""The law that a flow's noise is standard normal under its own density."""

import math

import torch

from ood_bench.capabilities import EncodesToNoise
from ood_bench.testing.allowance import allowance
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images


def noise_has_the_density_of_the_image(subject: ModelSubject) -> str:
    """The log-density of `to_noise` under N(0, 1) and log |det dε/dx| add up to `log_prob`."""
    model = subject.small().double()
    flow: EncodesToNoise = capable(model, EncodesToNoise)
    x = random_images(model.shape, 4, seed=2)
    log_probs = model.log_prob(x).detach()
    allowed = allowance(model, x).nats
    for image, log_prob in zip(model.dequantize(x), log_probs, strict=True):
        noise = flow.to_noise(image[None]).detach()
        jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]  # as torch has it
            lambda flat: flow.to_noise(flat.view(1, *model.shape))[0], image.flatten()
        )
        expected = -0.5 * (noise.square() + math.log(2 * math.pi)).sum()
        expected += torch.linalg.slogdet(jacobian).logabsdet - model.shape.dims * math.log(256)
        require(
            torch.isclose(log_prob, expected, rtol=1e-6, atol=allowed),
            f"log_prob is {float(log_prob):.6f}, that of the noise {float(expected):.6f}",
        )
    return f"to {allowed:.2g} nats on images of {model.shape}"


NOISE_LAW: Law[ModelSubject] = Law(
    noise_has_the_density_of_the_image,
    "to_noise returns (z − μ) / σ for latents z with the prior N(μ, σ²), of which μ and σ may "
    "depend on latents of other levels; flatten each level in the same order as in encode.",
)
