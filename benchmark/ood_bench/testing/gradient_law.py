"""The law that the gradient of a likelihood, which training follows, is that of its value."""

import torch
from torch import Tensor, nn

from ood_bench.lit import DensityModule
from ood_bench.testing.law import Law, NotApplicable, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images

STEPS = (1e-4, 1e-5)
"""Step sizes of the central differences, which must agree for a loss to count as smooth."""


def the_gradient_is_that_of_the_loss(subject: ModelSubject) -> str:
    """In every parameter, the gradient of the likelihood agrees with central differences."""
    if subject.kind.loss is not DensityModule.loss:
        raise NotApplicable("it overrides loss()")
    model, _ = subject.precise()
    if model.dtype != torch.float64:
        raise NotApplicable("it does not compute in float64")
    x = random_images(model.shape, 8)
    generator = torch.Generator().manual_seed(0)
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    model.train().zero_grad()
    with torch.random.fork_rng(devices=[]):
        torch.autograd.backward(subject.loss(model, x))
    wrong, smooth = [], 0
    for name, parameter in named:
        along = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        wide, narrow = (_difference(subject, model, x, parameter, along, h) for h in STEPS)
        floor = 1e-4 * model.shape.dims
        if abs(wide - narrow) > 1e-3 * abs(narrow) + floor:
            continue
        smooth += 1
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        found = float((gradient * along).sum())
        if abs(found - narrow) > 1e-2 * abs(narrow) + 2 * floor:
            wrong.append(f"{name} ({found:.4g} by autograd, {narrow:.4g} by differences)")
    if not smooth:
        raise NotApplicable("its loss is not smooth in any parameter")
    require(not wrong, f"the gradient of the loss is wrong in {', '.join(wrong)}")
    return f"in {smooth} of {len(named)} parameter tensors"


@torch.no_grad()
def _difference(
    subject: ModelSubject,
    model: DensityModule,
    x: Tensor,
    parameter: nn.Parameter,
    along: Tensor,
    step: float,
) -> float:
    """Return the central difference of the loss in a parameter along a direction."""
    start, losses = parameter.clone(), []
    for sign in (1, -1):
        parameter.copy_(start + sign * step * along)
        with torch.random.fork_rng(devices=[]):
            losses.append(float(subject.loss(model, x)))
    parameter.copy_(start)
    return (losses[0] - losses[1]) / (2 * step)


GRADIENT_LAW: Law[ModelSubject] = Law(
    the_gradient_is_that_of_the_loss,
    "A detach() or no_grad() is in the way, or a backward() of your own is wrong: log_prob's value "
    "is right and training follows something else. Where that is meant (a straight-through "
    "gradient, say), write the loss in loss().",
)
