"""The laws that every model obeys, each a function that raises AssertionError where it fails."""

import math
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from safetensors.torch import load, save
from torch import Tensor

from ood_bench.capabilities import (
    ConstantVolume,
    Decomposes,
    Differentiable,
    Encodes,
    Samples,
    has,
)
from ood_bench.lit import DensityModule

T = TypeVar("T")
Model = TypeVar("Model", bound=DensityModule)


def require(truth: bool | Tensor, message: str) -> None:
    """Raise AssertionError with a message unless something is true."""
    if not truth:
        raise AssertionError(message)


def named(model: DensityModule, capability: type[T]) -> T:
    """Return the model as what it names among its bases."""
    require(has(type(model), capability), f"{type(model).__name__} names no {capability.__name__}")
    return cast(T, model)


def random_images(model: DensityModule, n: int, *, seed: int = 0) -> Tensor:
    """Return uniformly random images of a model's shape."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *model.shape), dtype=torch.uint8, generator=generator)


def displaced(model: Model, *, scale: float = 0.03, seed: int = 0) -> Model:
    """Initialise a model on random images and move all parameters off where they start.

    Zero-initialised layers hide mistakes: a log-determinant of the wrong sign is right at 0.
    """
    model.initialise(random_images(model, 1024))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=scale)
    return model.eval()


@torch.no_grad()
def probabilities_add_up_to_at_most_one(model: DensityModule, *, exactly: bool = False) -> None:
    """Over all 65,536 images of two pixels, the probabilities add up to at most one."""
    require(model.shape.dims == 2, f"this law takes images of two pixels, not {model.shape}")
    levels = torch.arange(256, dtype=torch.uint8)
    x = torch.cartesian_prod(levels, levels).view(-1, *model.shape)
    total = float(model.log_prob(x).double().exp().sum())
    require(total < 1.01, f"the probabilities of all images add up to {total:.4g}, more than 1")
    if exactly:
        require(abs(total - 1) < 1e-4, f"the probabilities of all images add up to {total:.6g}")


def volume_is_the_jacobian_of_encode(model: DensityModule) -> None:
    """`log_volume` is log |det| of the Jacobian of `encode`, less D·ln 256."""
    model = model.double()
    encode = named(model, Encodes).encode
    x = random_images(model, 4, seed=1)
    volumes = named(model, Decomposes).decompose(x).log_volume.detach()
    for image, volume in zip(model.dequantize(x), volumes, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda flat: encode(flat.view(1, *model.shape))[0], image.flatten()
        )
        expected = torch.linalg.slogdet(jacobian).logabsdet - model.shape.dims * math.log(256)
        require(
            torch.isclose(volume, expected, rtol=1e-6, atol=1e-6),
            f"log_volume is {float(volume):.6f}, autograd has {float(expected):.6f}",
        )


@torch.no_grad()
def volume_is_that_of_the_linear_part(model: DensityModule) -> None:
    """`log_volume` is that of the matrices for every image, or differs where there are none."""
    model = model.double()
    x = random_images(model, 8)
    volumes = named(model, Decomposes).decompose(x).log_volume
    levels = named(model, ConstantVolume).linear_part(model.dequantize(x)[0])
    if levels is None:
        require(volumes.std() > 1e-6, "all images have one volume, yet there is no linear part")
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
def samples_have_the_density_they_are_scored_with(model: DensityModule, n: int = 40_000) -> None:
    """The mean of 1/p over own samples, counted where they fall in the image box, is one."""
    y = named(model, Samples).sample(n, seed=1)
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


@torch.no_grad()
def scores_do_not_depend_on_the_batch(model: DensityModule) -> None:
    """An image has the same score alone, in any batch and in any order."""
    model = model.double()
    x = random_images(model, 12)
    expected = model.log_prob(x)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([model.log_prob(image[None]) for image in x])
    parts = torch.cat([model.log_prob(part) for part in x.split(5)])
    for how, got in (("alone", alone), ("in batches of 5", parts)):
        require(torch.allclose(got, expected, rtol=1e-9), f"scores differ {how}")
    got = model.log_prob(x[order])
    require(torch.allclose(got, expected[order], rtol=1e-9), "scores differ in another order")
    require(torch.equal(model.log_prob(x), expected), "scores differ from one call to the next")


def every_parameter_gets_a_gradient(model: DensityModule) -> None:
    """The training loss depends on every parameter."""
    model.train()
    model.zero_grad()
    (-model.log_prob(random_images(model, 8)).mean()).backward()
    idle = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    require(not idle, f"no gradient reaches {', '.join(idle)}")


@torch.no_grad()
def weights_survive_a_round_trip(model: DensityModule, fresh: DensityModule) -> None:
    """A fresh model with the weights loaded from safetensors has the same scores."""
    x = random_images(model, 8)
    fresh.load_state_dict(load(save(model.state_dict())))
    fresh.eval()
    require(
        torch.equal(fresh.log_prob(x), model.log_prob(x)),
        "scores differ after the weights were saved and loaded",
    )


@torch.no_grad()
def terms_add_up(model: DensityModule) -> None:
    """The two terms of `decompose` add up to `log_prob`."""
    x = random_images(model, 8)
    log_prior, log_volume = named(model, Decomposes).decompose(x)
    require(log_prior.shape == log_volume.shape == (8,), "the terms are not one value an image")
    require(
        torch.allclose(log_prior + log_volume, model.log_prob(x)),
        "log_prior + log_volume is not log_prob",
    )


@torch.no_grad()
def density_is_that_of_the_dequantized_image(model: DensityModule) -> None:
    """`log_prob` is `log_density` at the dequantized image, less D·ln 256."""
    x = random_images(model, 8)
    expected = named(model, Differentiable).log_density(
        model.dequantize(x)
    ) - model.shape.dims * math.log(256)
    require(torch.allclose(model.log_prob(x), expected), "log_density is not that of log_prob")


@torch.no_grad()
def decode_inverts_encode(model: DensityModule) -> None:
    """`decode` undoes `encode` on images, and `encode` undoes `decode` on latents."""
    model = model.double()
    flow = named(model, Encodes)
    y = model.dequantize(random_images(model, 8))
    z = flow.encode(y)
    require(z.shape == (8, model.shape.dims), f"latents have the shape {tuple(z.shape)}")
    require(torch.allclose(flow.decode(z), y, atol=1e-7), "decode(encode(y)) is not y")
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(0), dtype=z.dtype)
    require(
        torch.allclose(flow.encode(flow.decode(noise)), noise, atol=1e-6),
        "encode(decode(z)) is not z",
    )


def samples_depend_on_the_seed_alone(model: DensityModule) -> None:
    """The same seed draws the same images, another seed others."""
    sample = named(model, Samples).sample
    first = sample(3, seed=5)
    torch.rand(1)
    require(first.shape == (3, *model.shape), f"samples have the shape {tuple(first.shape)}")
    require(torch.equal(first, sample(3, seed=5)), "the same seed draws other images")
    require(not torch.equal(first, sample(3, seed=6)), "another seed draws the same images")


def other_inputs_are_refused(model: DensityModule) -> None:
    """Float images, and images of another shape, are a ValueError."""
    x = random_images(model, 2)
    _refuses(ValueError, lambda: model.log_prob(x / 255), "float images")
    _refuses(ValueError, lambda: model.log_prob(x.repeat(1, 1, 1, 2)), "images of another shape")
    _refuses(ValueError, lambda: model.log_prob(x[0]), "an image without a batch")


def an_untrained_model_refuses_to_score(fresh: DensityModule) -> None:
    """A model that has seen no training data raises, rather than set itself up when scoring."""
    fresh.eval()
    _refuses(
        RuntimeError, lambda: fresh.log_prob(random_images(fresh, 2)), "to be scored untrained"
    )


def _refuses(error: type[Exception], act: Callable[[], object], what: str) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"the model accepts {what}; it should raise {error.__name__}")
