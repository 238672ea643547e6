"""Laws of conduct: what the harness relies on in every model, whatever its mathematics."""

from collections.abc import Callable

import torch
from safetensors.torch import load, save
from torch import Tensor

from ood_bench.capabilities import Samples
from ood_bench.lit import DensityModule
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, require
from ood_bench.testing.subject import ModelSubject, random_images


@torch.no_grad()
def log_prob_is_one_finite_number_an_image(subject: ModelSubject) -> str:
    """`log_prob` of B images has the shape `(B,)`, is finite, and float32 or wider."""
    model = subject.small()
    found = model.log_prob(random_images(model.shape, 6))
    require(
        isinstance(found, Tensor) and found.shape == (6,),
        f"log_prob of 6 images returns {_described(found)}, not the shape (6,)",
    )
    require(
        found.dtype in (torch.float32, torch.float64),
        f"log_prob returns {found.dtype}; in so few digits images cannot be told apart",
    )
    require(found.isfinite().all(), f"log_prob of random images is {found.tolist()}")
    return f"on images of {model.shape}"


@torch.no_grad()
def scores_do_not_depend_on_the_batch(subject: ModelSubject) -> None:
    """An image has the same score alone, in any batch and in any order."""
    model, tolerance = _precise(subject)
    x = random_images(model.shape, 12)
    expected = model.log_prob(x)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([model.log_prob(image[None]) for image in x])
    parts = torch.cat([model.log_prob(part) for part in torch.split(x, 5)])
    for how, got in (("alone", alone), ("in batches of 5", parts)):
        require(torch.allclose(got, expected, rtol=tolerance), f"scores differ {how}")
    got = model.log_prob(x[order])
    require(torch.allclose(got, expected[order], rtol=tolerance), "scores differ in another order")


@torch.no_grad()
def scores_do_not_change_from_call_to_call(subject: ModelSubject) -> None:
    """In evaluation nothing is drawn: the same image has the same score, whatever the seed."""
    model = subject.small()
    x = random_images(model.shape, 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = model.log_prob(x)
        torch.manual_seed(2)
        second = model.log_prob(x)
    require(
        torch.equal(first, second),
        f"scores differ from one call to the next, by up to {float((first - second).abs().max())}",
    )


def every_parameter_gets_a_gradient(subject: ModelSubject) -> str:
    """The training loss depends on every parameter."""
    model = subject.small().train()
    model.zero_grad()
    torch.autograd.backward(-model.log_prob(random_images(model.shape, 8)).mean())
    idle = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    require(not idle, f"no gradient reaches {', '.join(idle)}")
    return f"{sum(p.numel() for p in model.parameters()):,} parameters"


@torch.no_grad()
def weights_survive_a_round_trip(subject: ModelSubject) -> None:
    """A fresh model with the weights loaded from safetensors has the same scores."""
    model, fresh = subject.small(), subject.fresh(seed=1)
    x = random_images(model.shape, 8)
    fresh.load_state_dict(load(save(model.state_dict())))
    fresh.eval()
    require(
        torch.equal(fresh.log_prob(x), model.log_prob(x)),
        "scores differ after the weights were saved and loaded",
    )


def samples_depend_on_the_seed_alone(subject: ModelSubject) -> None:
    """The same seed draws the same images, another seed others."""
    model = subject.small()
    sample = capable(model, Samples).sample
    first = sample(3, seed=5)
    torch.rand(1)
    require(first.shape == (3, *model.shape), f"samples have the shape {tuple(first.shape)}")
    require(torch.equal(first, sample(3, seed=5)), "the same seed draws other images")
    require(not torch.equal(first, sample(3, seed=6)), "another seed draws the same images")


def other_inputs_are_refused(subject: ModelSubject) -> None:
    """Float images, and images of another shape, are a ValueError."""
    model = subject.small()
    x = random_images(model.shape, 2)
    _refuses(ValueError, lambda: model.log_prob(x / 255), "float images")
    _refuses(ValueError, lambda: model.log_prob(x.repeat(1, 1, 1, 2)), "images of another shape")
    _refuses(ValueError, lambda: model.log_prob(x[0]), "an image without a batch")


def an_untrained_model_refuses_to_score(subject: ModelSubject) -> None:
    """A model that has seen no training data raises, rather than set itself up when scoring."""
    fresh = subject.fresh().eval()
    x = random_images(fresh.shape, 2)
    _refuses(RuntimeError, lambda: fresh.log_prob(x), "to be scored untrained")


def _precise(subject: ModelSubject) -> tuple[DensityModule, float]:
    """Return the model in float64 where it computes in it, and the rounding to allow for."""
    model = subject.small().double()
    try:
        model.log_prob(random_images(model.shape, 2))
    except RuntimeError:  # a constant of its own in float32, which nothing forbids
        return subject.small(), 1e-4
    return model, 1e-9


def _described(found: object) -> str:
    return f"the shape {tuple(found.shape)}" if isinstance(found, Tensor) else repr(found)


def _refuses(error: type[Exception], act: Callable[[], object], what: str) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"the model accepts {what}; it should raise {error.__name__}")


ADMIT = "Begin log_prob with self.dequantize(x), or with self.admit(x) where it needs no noise."

CONDUCT_LAWS: tuple[Law[ModelSubject], ...] = (
    Law(
        log_prob_is_one_finite_number_an_image,
        "Sum over dimensions and never over images: log_prob.flatten(1).sum(dim=1). Keep "
        "half precision to the networks (self.autocast()).",
    ),
    Law(
        scores_do_not_depend_on_the_batch,
        "Something is shared between images: batch normalisation, a mean over the batch, or "
        "noise that depends on an image's place. Use self.dequantize(x) and "
        "ood_bench.noise, and no batch statistics in evaluation.",
    ),
    Law(
        scores_do_not_change_from_call_to_call,
        "Noise is drawn anew (torch.rand, dropout, a posterior sample). self.dequantize(x) and "
        "ood_bench.noise give noise that is a function of the image.",
    ),
    Law(
        every_parameter_gets_a_gradient,
        "These parameters are not trained: log_prob does not use them, a detach() or no_grad() "
        "is in the way, or they are masked out. Use them, leave them out, or register them as "
        "buffers.",
    ),
    Law(
        weights_survive_a_round_trip,
        "Something that scores depend on is not in the state_dict. Register it: "
        "nn.Parameter, register_buffer, nn.ModuleList in place of a list.",
    ),
    Law(samples_depend_on_the_seed_alone, "Draw with torch.Generator().manual_seed(seed) alone."),
    Law(other_inputs_are_refused, ADMIT),
    Law(
        an_untrained_model_refuses_to_score,
        f"{ADMIT} What starts from data belongs into prepare().",
    ),
)
