"""The state of a training beside its model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ood_bench.lit.precision import Precision
from ood_bench.recipe import Recipe

if TYPE_CHECKING:
    from ood_bench.lit.module import ImageModule


@dataclass
class TrainingState:
    """State of a training that Lightning's hooks of the model read.

    Attributes:
        recipe: The training options.
        seed: Seed of the noise and of the mutations.
        precision: Precision of the heavy networks.
        rate_factor: Factor on the learning rate, beside the recipe's schedule; a divergence
            halves it.
    """

    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    precision: Precision = "float32"
    rate_factor: float = 1.0

    def rate_at(self, step: int) -> float:
        """Return the factor on the recipe's learning rate at a step."""
        return self.recipe.rate_at(step) * self.rate_factor

    @contextmanager
    def attached_to(self, model: "ImageModule") -> Iterator[None]:
        """Let the model train by this state within the context, and by the defaults after it."""
        model.training_state = self
        try:
            yield
        finally:
            model.training_state = TrainingState()
