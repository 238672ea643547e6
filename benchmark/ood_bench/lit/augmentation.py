"""Mirrored and shifted training images, as a function of the training's seed and the step."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from ood_bench.hashing import seed_for
from ood_bench.recipe import Recipe


def augmented(x: Tensor, recipe: Recipe, *, seed: int, step: int) -> Tensor:
    """Return a batch of images as a recipe has them mirrored and shifted at a step.

    Args:
        x: uint8 images, shape `(B, C, H, W)`.
        recipe: Its `flip` and `shift` say what is done.
        seed: The training's seed; together with the step it chooses the same on every device.
        step: The step.

    Returns:
        uint8, the shape of `x`; pixels from outside the image are 0.
    """
    if not recipe.flip and not recipe.shift:
        return x
    generator = torch.Generator().manual_seed(seed_for("augmentation", seed, step))
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    moves = torch.randint(2 * recipe.shift + 1, (2, len(x), 1), generator=generator)
    down, right = moves.to(x.device)
    rows = torch.arange(x.shape[2], device=x.device) + down
    columns = torch.arange(x.shape[3], device=x.device).expand(len(x), -1)
    if recipe.flip:
        columns = torch.where(mirrored[:, None].to(x.device), columns.flip(1), columns)
    columns = columns + right
    padded = pad(x, [recipe.shift] * 4)
    images = torch.arange(len(x), device=x.device)[:, None, None]
    found = padded[images, :, rows[:, :, None], columns[:, None, :]]
    return found.permute(0, 3, 1, 2).contiguous()
