"""Laws of probability that a wrong likelihood may break only once it is trained."""

import math

import torch
from torch import Tensor

from ood_bench.capabilities import Infers, has
from ood_bench.lit import DensityModule
from ood_bench.lit.sanity import mean_bits
from ood_bench.testing.fitted import LossCourse, fit_until_flat
from ood_bench.testing.float_density import log_probs_of_draws, masses, takes_noise
from ood_bench.testing.law import Law, NotApplicable, require
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import random_images
from ood_bench.units import LN2, bits_per_dim

STEPS = 600
BY_HEART = 400
FAR = 11.0
"""Bits per dimension above which a flat loss on random images means a wrong log_prob, not a slow
model; log2 P in place of ln P gives 11.54."""
WORSE = 0.5
"""Bits per dimension by which a training may end above its best."""
TOLERANCE = 0.01


def training_on_random_images_comes_near_eight_bits(subject: ModelSubject) -> str:
    """After training on uniformly random images, they have 8 bits or slightly more."""
    model = subject.small()
    course = _on_random_images(model, rate=3e-3, most=STEPS)
    require(course.finite, f"the loss is not finite after {course.steps} steps")
    bits, error = bits_of_random_images(model)
    said = f"uniformly random images have {bits:.2f} bits per dimension {_after(course)}"
    require(bits + 5 * error + TOLERANCE > 8, f"{said}; no distribution can have less than 8")
    best = min(course.bits)
    own = subject.kind.loss is not DensityModule.loss
    require(
        own or bits < best + WORSE,
        f"{said}, and had {best:.2f} on the way: the gradient is not that of log_prob",
    )
    far = bits > FAR and course.flat
    require(not far, f"{said}; at best they have 8{_suspicion(bits)}")
    return f"{bits:.2f} bits per dimension {_after(course)}"


def probabilities_add_up_after_training(subject: ModelSubject) -> str:
    """After training on random images of two pixels, the probabilities add up to at most 1."""
    model = subject.two_pixels()
    course = _on_random_images(model, rate=1e-2, most=STEPS // 2)
    if not course.finite:
        raise NotApplicable(f"training at 1e-2 diverges after {course.steps} steps")
    total, error = total_probability(model)
    said = f"the probabilities of all {model.shape} images add up to {total:.6g} {_after(course)}"
    require(total < 1 + TOLERANCE + 5 * error, f"{said}, more than 1")
    require(not subject.exact or abs(total - 1) < 1e-4, f"{said}, not 1")
    return f"they add up to {total:.4g} {_after(course)}"


def the_density_of_floats_integrates_to_one(subject: ModelSubject) -> str:
    """The density of the dequantized image is one: over all floats it integrates to 1."""
    if has(subject.kind, Infers):
        raise NotApplicable("its log_prob is a lower bound on the density")
    if subject.kind.log_prob_is == "estimate":
        raise NotApplicable("its log_prob is an estimate")
    said = []
    for model in subject.all_few_pixels():
        box, space = masses(model)
        if any(found.error > 0.02 * max(1.0, found.value) for found in (box, space)):
            raise NotApplicable(f"on {model.shape} the density varies too much to integrate it")
        require(
            box.value < 1 + TOLERANCE + 5 * box.error,
            f"over [0, 1] the density of {model.shape} integrates to {box.value:.4g}, more than 1",
        )
        whole = min(abs(found.value - 1) - 5 * found.error for found in (box, space))
        require(
            whole < TOLERANCE,
            f"the density of {model.shape} integrates to {space.value:.4g} over all floats and "
            f"to {box.value:.4g} over [0, 1], not to 1",
        )
        said.append(f"{space.value:.3f} on {model.shape}")
    return ", ".join(said)


def an_image_learnt_by_heart_has_at_most_probability_one(subject: ModelSubject) -> str:
    """After training on a single image, its probability is at most 1."""
    if has(subject.kind, Infers):
        raise NotApplicable("its bound has noise of its own")
    if subject.kind.log_prob_is == "estimate":
        raise NotApplicable("its log_prob is an estimate")
    if subject.exact:
        raise NotApplicable("all its probabilities add up to one")
    if subject.kind.dequantize is DensityModule.dequantize and takes_noise(subject.few_pixels()):
        raise NotApplicable("its density integrates to one, and its noise fills each pixel's bin")
    said = [_by_heart(subject.few_pixels(), level) for level in (0, 127)]
    return " and ".join(said)


def bits_of_random_images(model: DensityModule, n: int = 512) -> tuple[float, float]:
    """Return bits per dimension of uniformly random images, and the mean's standard error."""
    return mean_bits(model, random_images(model.shape, n, seed=1))


@torch.no_grad()
def total_probability(model: DensityModule) -> tuple[float, float]:
    """Return the sum of the probabilities of all 65,536 images of two pixels, and its error."""
    levels = torch.arange(256, dtype=torch.uint8)
    x = torch.cartesian_prod(levels, levels).view(-1, *model.shape)
    totals = torch.zeros(2, dtype=torch.float64)
    for part in torch.split(x, 8192):
        totals += log_probs_of_draws(model, part, 2).exp().sum(dim=1)
    return float(totals.mean()), float((totals[0] - totals[1]).abs()) / 2


def _on_random_images(model: DensityModule, *, rate: float, most: int) -> LossCourse:
    """Train on uniformly random images, others at each step."""

    def images(step: int) -> Tensor:
        return random_images(model.shape, 64, seed=step + 10)

    return fit_until_flat(model, images, rate=rate, most=most)


def _by_heart(model: DensityModule, level: int) -> str:
    """Train on one gray image and return its bits per dimension; fail if they are negative.

    A scale grows without end only while the image's latent stays where the prior is, which
    Adam reaches sooner at one gray level than at another.
    """
    image = torch.full((1, *model.shape), level, dtype=torch.uint8)
    batch = image.expand(8, *model.shape)
    course = fit_until_flat(model, lambda _: batch, rate=3e-2, most=BY_HEART)
    log_prob = log_probs_of_draws(model, image, 64)[:, 0]
    if not log_prob.isfinite().all():
        return f"level {level} diverges after {course.steps} steps"
    mean, error = float(log_prob.mean()), float(log_prob.std()) / math.sqrt(len(log_prob))
    said = f"level {level} has {bits_per_dim(mean, model.shape.dims):.2f} bits {_after(course)}"
    require(
        mean < 5 * error + TOLERANCE * model.shape.dims,
        f"learnt by heart, an image of {said} per dimension: a probability above 1",
    )
    return said


def _after(course: LossCourse) -> str:
    flat = "" if course.flat else ", still moving"
    return f"after {course.steps} steps{flat}"


def _suspicion(bits: float) -> str:
    """Return the likely cause of a number of bits per dimension, as the end of a message."""
    for suspect, text in (
        (8 / LN2, "; 11.54 is what log_prob in bits in place of nats gives"),
        (16.0, "; 16 is what −D·ln 256 taken off twice gives"),
    ):
        if abs(bits - suspect) < 0.6:
            return text
    return ""


_GRADIENT = (
    "Or the loss's gradient is cut: a detach() or no_grad() on the log-determinant, say, leaves "
    "its value right and its gradient wrong."
)

TRAINED_LAWS: tuple[Law[ModelSubject], ...] = (
    Law(
        the_density_of_floats_integrates_to_one,
        "log|det dz/dx| is not that of the transformation: a wrong sign, a factor left out (H·W of "
        "a 1×1 convolution or of a scale that all pixels share), a layer forgotten; or the prior "
        "is not a density: a constant, a mean over dimensions in place of their sum. Where "
        "log_prob is an ELBO, name ood_bench.capabilities.Infers; where it is estimated by "
        'draws, say log_prob_is = "estimate".',
    ),
    Law(
        training_on_random_images_comes_near_eight_bits,
        "Below 8: log|det dz/dx| has a wrong sign or lacks a factor, which training exploits. "
        "Far above: log_prob is too small (in bits in place of nats, −D·ln 256 taken off "
        f"twice), or Adam at 3e-3 does not train this model: try smaller options. {_GRADIENT}",
    ),
    Law(
        probabilities_add_up_after_training,
        "A term of log_prob is wrong that is near 0 before training: most often log|det dz/dx|.",
    ),
    Law(
        an_image_learnt_by_heart_has_at_most_probability_one,
        "log_prob is a density's value and not an image's probability: without noise over the "
        "whole width of a pixel's bin, as self.dequantize(x) adds it, a density that narrows on "
        "the levels grows without end.",
    ),
)
