"""Laws of a classifier: what the detectors that read one rely on."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ood_bench.capabilities import Classification
from ood_bench.testing.classifier_subject import ClassifierSubject, intensities
from ood_bench.testing.law import Law, NotApplicable, require
from ood_bench.testing.shared_laws import (
    every_parameter_gets_a_gradient,
    scores_do_not_change_from_call_to_call,
    scores_do_not_depend_on_the_batch,
    weights_survive_a_round_trip,
)
from ood_bench.testing.subject import random_images

STEPS = 100
RIGHT = 0.9
"""Share of dark and bright images that a trained classifier must tell apart."""


@torch.no_grad()
def logits_and_features_are_a_finite_row_an_image(subject: ClassifierSubject) -> str:
    """`classify` of B images gives logits `(B, classes)` and features `(B, F)`, all finite."""
    model = subject.small()
    found = model.classify(intensities(model, random_images(model.shape, 6)))
    require(
        isinstance(found, Classification),
        f"classify returns a {type(found).__name__}, not a Classification",
    )
    logits, features = found
    require(
        logits.shape == (6, subject.classes),
        f"the logits of 6 images and {subject.classes} classes have the shape "
        f"{tuple(logits.shape)}, not {(6, subject.classes)}",
    )
    require(
        features.ndim == 2 and len(features) == 6,
        f"the features of 6 images have the shape {tuple(features.shape)}, not (6, F)",
    )
    for name, table in found._asdict().items():
        require(
            table.dtype in (torch.float32, torch.float64),
            f"the {name} are {table.dtype}, which is too coarse to tell images apart",
        )
        require(table.isfinite().all(), f"the {name} of random images are not all finite")
    return f"{features.shape[1]} features, on images of {model.shape}"


@torch.no_grad()
def logits_are_an_affine_function_of_the_features(subject: ClassifierSubject) -> str:
    """The logits are an affine function of the features, the same one for all images."""
    model, rounding = subject.precise()
    if not model.has_linear_head():
        raise NotApplicable("its features are of an earlier layer than the last, linear one")
    width = model.classify(intensities(model, random_images(model.shape, 1))).features.shape[1]
    x = random_images(model.shape, width + 33)
    parts = [model.classify(intensities(model, part)) for part in torch.split(x, 64)]
    logits, features = (torch.cat(tables).double() for tables in zip(*parts, strict=True))
    ones = torch.ones(len(features), 1, dtype=torch.float64)
    affine = torch.cat([features, ones], dim=1)
    fitted = affine @ torch.linalg.lstsq(affine, logits, driver="gelsd").solution
    error = float((fitted - logits).norm() / logits.norm().clamp(min=1e-12))
    require(
        error < 100 * rounding,
        f"the best affine function of the {width} features misses the logits by a relative "
        f"error of {error:.1e}",
    )
    return f"to {error:.0e}, on {len(x)} images"


def logits_have_a_gradient_in_the_images(subject: ClassifierSubject) -> None:
    """The largest logit of each image has a gradient in that image, with frozen weights."""
    model = subject.small().requires_grad_(requires_grad=False)
    y = intensities(model, random_images(model.shape, 6)).requires_grad_()
    largest = model.classify(y).logits.max(dim=1).values
    require(largest.requires_grad, "no gradient flows from the logits to the images")
    (gradient,) = torch.autograd.grad(largest.sum(), y, allow_unused=True)
    require(gradient is not None, "the logits do not depend on the images")
    require(gradient.isfinite().all(), "the gradient in the images is not finite")
    idle = int((gradient.flatten(1) == 0).all(dim=1).sum())
    require(idle < len(y), "the gradient in the images is zero")


def training_tells_dark_images_from_bright_ones(subject: ClassifierSubject) -> str:
    """After a short training, dark images are in one class and bright ones in another."""
    model = subject.small()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise NotApplicable("it has no parameters to train")
    optimizer = torch.optim.Adam(trained, lr=3e-3)
    right, step = 0.0, 0
    for step in range(STEPS):
        model.train()
        y, label = _dark_and_bright(model.shape, 64, seed=step + 10)
        optimizer.zero_grad()
        loss = cross_entropy(model.classify(y.to(model.dtype)).logits, label)
        require(torch.isfinite(loss), f"the loss is {float(loss.detach())} after {step} steps")
        torch.autograd.backward(loss)
        optimizer.step()
        if step % 20 == 19:
            y, label = _dark_and_bright(model.shape, 256, seed=1)
            with torch.no_grad():
                found = model.eval().classify(y.to(model.dtype)).logits.argmax(dim=1)
            right = float((found == label).double().mean())
            if right > RIGHT:
                break
    require(
        right > RIGHT,
        f"{right:.0%} of dark and bright images are classified correctly after {STEPS} steps of "
        "training on such images",
    )
    return f"{right:.0%} correct after {step + 1} steps"


def _dark_and_bright(shape: tuple[int, ...], n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Return images whose intensities lie below a half for class 0, above it for class 1."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 2
    y = 0.5 * (torch.rand(n, *shape, generator=generator) + label.view(-1, 1, 1, 1))
    return y, label


CLASSIFIER_LAWS: tuple[Law[ClassifierSubject], ...] = (
    Law(
        logits_and_features_are_a_finite_row_an_image,
        "Return Classification(logits, features), both of two dimensions: flatten or average the "
        "last feature map, and let the number of logits be the option `classes`.",
    ),
    Law(
        scores_do_not_depend_on_the_batch,
        "Something is shared between images in evaluation: a mean over the batch, or batch "
        "normalisation without its running statistics.",
    ),
    Law(
        scores_do_not_change_from_call_to_call,
        "Something is drawn at random in evaluation: functional dropout in place of nn.Dropout, "
        "or augmentation.",
    ),
    Law(
        logits_are_an_affine_function_of_the_features,
        "Features are the input of the last linear layer, whose output is the logits: ViM and "
        "the nearest neighbours rely on it. No activation, no normalisation and no "
        "temperature that depends on the image may lie between the two.",
    ),
    Law(
        logits_have_a_gradient_in_the_images,
        "ODIN perturbs the image along this gradient: no no_grad(), no detach(), no rounding of "
        "the image in classify.",
    ),
    Law(
        every_parameter_gets_a_gradient,
        "These parameters are not trained: the logits do not use them, or a detach() is in the "
        "way. Use them, leave them out, or register them as buffers.",
    ),
    Law(
        training_tells_dark_images_from_bright_ones,
        "Training hardly changes the logits: they have passed a softmax, their gradient is cut "
        "off, or their scale is one at which Adam at 3e-3 does not train.",
    ),
    Law(
        weights_survive_a_round_trip,
        "Something that logits depend on is not in the state_dict. Register it: "
        "nn.Parameter, register_buffer, nn.ModuleList in place of a list.",
    ),
)
