"""Laws of probability that every log-likelihood of the 8-bit image obeys."""

import math

import torch

from ood_bench.capabilities import (
    ConstantVolume,
    Decomposes,
    Differentiable,
    Encodes,
    Infers,
    Samples,
    has,
)
from ood_bench.testing.allowance import allowance
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, NotApplicable, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images
from ood_bench.testing.trained_laws import TRAINED_LAWS, bits_of_random_images


@torch.no_grad()
def probabilities_add_up_to_at_most_one(subject: ModelSubject) -> str:
    """Over all 65,536 images of two pixels, the probabilities add up to at most one."""
    totals = []
    for model in subject.all_two_pixels():
        levels = torch.arange(256, dtype=torch.uint8)
        x = torch.cartesian_prod(levels, levels).view(-1, *model.shape)
        log_prob = torch.cat([model.log_prob(part) for part in torch.split(x, 8192)])
        total = float(log_prob.double().exp().sum())
        totals.append(total)
        said = f"the probabilities of all {model.shape} images add up to {total:.6g}"
        require(total < 1.01, f"{said}, more than 1")
        require(not subject.exact or abs(total - 1) < 1e-4, f"{said}, not 1")
    return f"they add up to {max(totals):.4g}"


@torch.no_grad()
def random_images_cost_at_least_eight_bits(subject: ModelSubject) -> str:
    """No distribution gives uniformly random images less than 8 bits per dimension on average."""
    mean, error = bits_of_random_images(subject.small())
    require(
        mean + 5 * error + 0.01 > 8,
        f"uniformly random images have {mean:.2f} bits per dimension; no distribution can have "
        "less than 8",
    )
    return f"{mean:.2f} bits per dimension before training"


def volume_is_the_jacobian_of_encode(subject: ModelSubject) -> str:
    """`log_volume` is log |det| of the Jacobian of `encode`, less D·ln 256."""
    model = subject.small().double()
    encode = capable(model, Encodes).encode
    x = random_images(model.shape, 4, seed=1)
    volumes = capable(model, Decomposes).decompose(x).log_volume.detach()
    allowed = allowance(model, x).nats
    for image, volume in zip(model.dequantize(x), volumes, strict=True):
        jacobian = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]  # as torch has it
            lambda flat: encode(flat.view(1, *model.shape))[0], image.flatten()
        )
        expected = torch.linalg.slogdet(jacobian).logabsdet - model.shape.dims * math.log(256)
        require(
            torch.isclose(volume, expected, rtol=1e-6, atol=allowed),
            f"log_volume is {float(volume):.6f}, autograd has {float(expected):.6f}",
        )
    return f"to {allowed:.2g} nats on images of {model.shape}"


@torch.no_grad()
def volume_is_that_of_the_linear_part(subject: ModelSubject) -> None:
    """`log_volume` is that of the matrices for every image; without them it varies by image."""
    model = subject.small().double()
    linear_part = capable(model, ConstantVolume).linear_part
    x = random_images(model.shape, 8)
    volumes = capable(model, Decomposes).decompose(x).log_volume
    levels = linear_part(model.dequantize(x)[0])
    if levels is None:
        require(volumes.std() > 1e-6, "all images have one log_volume, yet linear_part is None")
        return
    expected = torch.tensor(-model.shape.dims * math.log(256))
    for level in levels:
        pixels = level.variance[0].numel()
        expected = expected + pixels * torch.linalg.slogdet(level.matrices).logabsdet.sum()
    require(
        torch.allclose(volumes, expected.expand_as(volumes)),
        f"log_volume is {volumes.tolist()}, the matrices have {float(expected):.6f}",
    )


@torch.no_grad()
def samples_have_the_density_they_are_scored_with(subject: ModelSubject) -> str:
    """The mean of 1/p over the model's samples, with 0 for those outside the image box, is one."""
    if has(subject.kind, Infers):
        raise NotApplicable("its log_prob is a lower bound on the density")
    capable(subject.kind, Samples)
    model, n = subject.two_pixels(), 40_000
    y = capable(model, Samples).sample(n, seed=1)
    inside = ((y >= 0) & (y < 1)).flatten(1).all(dim=1)
    require(inside.float().mean() > 0.05, "almost no sample falls in the image box")
    x = (y[inside] * 256).to(torch.uint8)
    log_density = model.log_prob(x).double() + model.shape.dims * math.log(256)
    inverse = torch.zeros(n, dtype=torch.float64)
    inverse[inside] = (-log_density).exp()
    mean, error = float(inverse.mean()), float(inverse.std()) / math.sqrt(n)
    require(error < 0.05, f"1/p varies too much over samples to tell: {mean:.3g} ± {error:.2g}")
    require(
        abs(mean - 1) < 5 * error + 0.01,
        f"the mean of 1/p over samples in the box is {mean:.4g} ± {error:.2g}, not 1",
    )
    return f"it is {mean:.3f} ± {error:.3f}"


@torch.no_grad()
def terms_add_up(subject: ModelSubject) -> None:
    """The two terms of `decompose` add up to `log_prob`."""
    model = subject.small()
    decompose = capable(model, Decomposes).decompose
    x = random_images(model.shape, 8)
    log_prior, log_volume = decompose(x)
    require(
        log_prior.shape == log_volume.shape == (8,),
        f"the terms have the shapes {tuple(log_prior.shape)} and {tuple(log_volume.shape)}, "
        "not (8,): one value an image",
    )
    require(
        torch.allclose(log_prior + log_volume, model.log_prob(x)),
        "log_prior + log_volume is not log_prob",
    )


@torch.no_grad()
def density_is_that_of_the_dequantized_image(subject: ModelSubject) -> None:
    """`log_prob` is `log_density` at the dequantized image, less D·ln 256."""
    model = subject.small()
    log_density = capable(model, Differentiable).log_density
    x = random_images(model.shape, 8)
    expected = log_density(model.dequantize(x)) - model.shape.dims * math.log(256)
    same = torch.allclose(model.log_prob(x), expected)
    require(same, "log_prob is not log_density at the dequantized image, less D·ln 256")


@torch.no_grad()
def decode_inverts_encode(subject: ModelSubject) -> None:
    """`decode` undoes `encode` on images, and `encode` undoes `decode` on latents."""
    model = subject.small().double()
    flow = capable(model, Encodes)
    x = random_images(model.shape, 8)
    y, allowed = model.dequantize(x), allowance(model, x)
    z = flow.encode(y)
    require(
        z.shape == (8, model.shape.dims),
        f"latents have the shape {tuple(z.shape)}, not {(8, model.shape.dims)}",
    )
    require(torch.allclose(flow.decode(z), y, atol=allowed.image), "decode(encode(y)) is not y")
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(0), dtype=z.dtype)
    require(
        torch.allclose(flow.encode(flow.decode(noise)), noise, atol=allowed.latent),
        "encode(decode(z)) is not z",
    )


DENSITY_LAWS: tuple[Law[ModelSubject], ...] = (
    Law(
        probabilities_add_up_to_at_most_one,
        "log_prob is that of a density and not of the 8-bit image, or has an extra term. Most "
        "often −D·ln 256, the width of a pixel's bin on [0, 1], is missing: log_prob = log "
        "p(dequantize(x)) − shape.dims · math.log(256). Then: log|det dz/dx| with the wrong "
        "sign, or a mean over dimensions in place of their sum.",
    ),
    Law(
        random_images_cost_at_least_eight_bits,
        "log_prob is too large. Negative or about 0 to 2 bits: −D·ln 256 is missing, or minus "
        "log_prob is returned. About 8/D: a mean over dimensions in place of their sum. A little "
        "below 8: log|det dz/dx| has the wrong sign or lacks a term.",
    ),
    *TRAINED_LAWS,
    Law(
        volume_is_the_jacobian_of_encode,
        "A layer's log-determinant is wrong or left out, or −D·ln 256 is not in log_volume. "
        "Compare layer by layer with torch.autograd.functional.jacobian.",
    ),
    Law(
        volume_is_that_of_the_linear_part,
        "linear_part must hold all matrices that the volume term comes from, and be None where "
        "the term depends on the image.",
    ),
    Law(
        samples_have_the_density_they_are_scored_with,
        "sample() and log_prob() describe different distributions: a layer is inverted wrongly, "
        "the prior is drawn and scored at different scales, or log_prob has a wrong term.",
    ),
    Law(terms_add_up, "Write log_prob as the sum of what decompose returns."),
    Law(
        density_is_that_of_the_dequantized_image,
        "log_density takes images on [0, 1] and leaves out the −D·ln 256 that log_prob has.",
    ),
    Law(
        decode_inverts_encode,
        "A layer's inverse is wrong, or encode and decode order the latents differently.",
    ),
)
