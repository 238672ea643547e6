"""The law that a likelihood estimated by random draws is as precise as it says."""

import torch

from ood_bench.capabilities import Estimates
from ood_bench.testing.capability import capable
from ood_bench.testing.law import Law, NotApplicable, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images

IMAGES, REPEATS = 16, 8
SPREAD = 1.5
"""Most that the standard deviation of repeats may be, in stated standard errors. With right errors,
each from two draws, it was below 1.33 in 999 of 1,000 simulations."""
ROUNDING = 1e-4
"""Difference of repeats that an error of 0 allows, in nats per dimension."""


@torch.no_grad()
def repeats_of_an_estimate_agree_within_its_error(subject: ModelSubject) -> str:
    """Estimates of one image by other draws differ by no more than their standard error says."""
    if subject.kind.log_prob_is != "estimate":
        raise NotApplicable(f"its log_prob is no estimate but {subject.kind.log_prob_is}")
    capable(subject.kind, Estimates)
    model = subject.small()
    estimator: Estimates = capable(model, Estimates)
    x = random_images(model.shape, IMAGES)
    found = [estimator.estimate(x, salt=salt) for salt in range(REPEATS)]
    values = torch.stack([one.log_prob for one in found]).double()
    errors = torch.stack([one.error for one in found]).double()
    require(
        values.shape == errors.shape == (REPEATS, IMAGES),
        f"estimates of {IMAGES} images and their errors have the shapes {tuple(values.shape[1:])} "
        f"and {tuple(errors.shape[1:])}",
    )
    require(
        bool(errors.isfinite().all()) and bool((errors >= 0).all()),
        "errors are not finite numbers from 0 on",
    )
    same = torch.equal(found[0].log_prob, model.log_prob(x))
    require(same, "the estimate by the draws of salt 0 is not log_prob")
    spread = float(values.var(dim=0).mean().sqrt())
    stated = float(errors.square().mean().sqrt())
    said = f"repeats vary by {spread:.2g} nats, where {stated:.2g} is stated"
    require(spread <= SPREAD * stated + ROUNDING * model.shape.dims, said)
    return said


ESTIMATE_LAW: Law[ModelSubject] = Law(
    repeats_of_an_estimate_agree_within_its_error,
    "The error that estimate(x, salt=...) returns is too small: it is that of the value returned, "
    "a mean over K draws, so the standard deviation over draws divided by √K; draws must be "
    "independent, and those of another salt others.",
)
