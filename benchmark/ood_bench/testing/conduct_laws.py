"""Laws of conduct: what the harness relies on in every model, whatever its mathematics."""

from collections.abc import Callable

import torch
from torch import Tensor

from ood_bench.capabilities import Samples
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.shared_laws import (
    every_parameter_gets_a_gradient,
    scores_do_not_change_from_call_to_call,
    scores_do_not_depend_on_the_batch,
    weights_survive_a_round_trip,
)
from ood_bench.testing.subject import random_images


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
        f"log_prob returns {found.dtype}, which is too coarse to tell images apart",
    )
    require(found.isfinite().all(), f"log_prob of random images is {found.tolist()}")
    return f"on images of {model.shape}"


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
    """Float images, and images of another shape, raise a ValueError."""
    model = subject.small()
    x = random_images(model.shape, 2)
    _refuses(ValueError, lambda: model.log_prob(x / 255), "float images")
    _refuses(ValueError, lambda: model.log_prob(x.repeat(1, 1, 1, 2)), "images of another shape")
    _refuses(ValueError, lambda: model.log_prob(x[0]), "an image without a batch")


def an_untrained_model_refuses_to_score(subject: ModelSubject) -> None:
    """A model that has seen no training data raises, rather than initialise itself in scoring."""
    fresh = subject.fresh().eval()
    x = random_images(fresh.shape, 2)
    _refuses(RuntimeError, lambda: fresh.log_prob(x), "images before it has seen training data")


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
        "Sum over dimensions and never over images: log_prob.flatten(1).sum(dim=1). Use "
        "half precision in the networks only (self.autocast()).",
    ),
    Law(
        scores_do_not_depend_on_the_batch,
        "Something is shared between images: batch normalisation, a mean over the batch, or "
        "noise that depends on the place in the batch. Use self.dequantize(x) and "
        "ood_bench.noise, and no batch statistics in evaluation.",
    ),
    Law(
        scores_do_not_change_from_call_to_call,
        "Noise differs between calls (torch.rand, dropout, a posterior sample). self.dequantize(x) "
        "and "
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
    Law(samples_depend_on_the_seed_alone, "Draw from torch.Generator().manual_seed(seed) only."),
    Law(other_inputs_are_refused, ADMIT),
    Law(
        an_untrained_model_refuses_to_score,
        f"{ADMIT} Initialisation from data belongs in prepare().",
    ),
)
