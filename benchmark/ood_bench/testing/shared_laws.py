"""Laws of conduct that densities and classifiers share."""

from typing import Any

import torch
from safetensors.torch import load, save

from ood_bench.testing.law import require
from ood_bench.testing.subject import ImageSubject, random_images


@torch.no_grad()
def scores_do_not_depend_on_the_batch(subject: ImageSubject[Any]) -> None:
    """An image has the same score alone, in any batch and in any order."""
    model, tolerance = subject.precise()
    x = random_images(model.shape, 12)
    expected = subject.scores(model, x)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([subject.scores(model, image[None]) for image in x])
    parts = torch.cat([subject.scores(model, part) for part in torch.split(x, 5)])
    for how, got in (("alone", alone), ("in batches of 5", parts)):
        require(torch.allclose(got, expected, rtol=tolerance), f"scores differ {how}")
    got = subject.scores(model, x[order])
    require(torch.allclose(got, expected[order], rtol=tolerance), "scores differ in another order")


@torch.no_grad()
def scores_do_not_change_from_call_to_call(subject: ImageSubject[Any]) -> None:
    """Nothing is drawn at random in evaluation: an image has one score, whatever the seed."""
    model = subject.small()
    x = random_images(model.shape, 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = subject.scores(model, x)
        torch.manual_seed(2)
        second = subject.scores(model, x)
    require(
        torch.equal(first, second),
        f"scores differ from one call to the next, by up to {float((first - second).abs().max())}",
    )


def every_parameter_gets_a_gradient(subject: ImageSubject[Any]) -> str:
    """The training loss depends on every parameter."""
    model = subject.small().train()
    model.zero_grad()
    torch.autograd.backward(subject.loss(model, random_images(model.shape, 8)))
    idle = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    require(not idle, f"no gradient reaches {', '.join(idle)}")
    return f"{sum(p.numel() for p in model.parameters()):,} parameters"


@torch.no_grad()
def weights_survive_a_round_trip(subject: ImageSubject[Any]) -> None:
    """A fresh model with the weights loaded from safetensors has the same scores."""
    model, fresh = subject.small(), subject.fresh(seed=1)
    x = random_images(model.shape, 8)
    fresh.load_state_dict(load(save(model.state_dict())))
    fresh.eval()
    require(
        torch.equal(subject.scores(fresh, x), subject.scores(model, x)),
        "scores differ after the weights were saved and loaded",
    )
