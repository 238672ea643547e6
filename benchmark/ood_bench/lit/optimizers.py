"""The optimisers that a recipe can name."""

from collections.abc import Iterator

from torch.nn import Parameter
from torch.optim import Adam, Adamax, Optimizer, RMSprop

from ood_bench.recipe import Recipe


def optimizer_for(recipe: Recipe, parameters: Iterator[Parameter]) -> Optimizer:
    """Return a recipe's optimiser, in the implementation with the fewest passes over memory."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    match recipe.optimizer:
        case "adam":
            return Adam(parameters, lr=rate, weight_decay=decay, fused=True)
        case "adamax":
            return Adamax(parameters, lr=rate, weight_decay=decay, foreach=True)
        case "rmsprop":
            return RMSprop(parameters, lr=rate, weight_decay=decay, foreach=True)
