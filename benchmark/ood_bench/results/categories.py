"""Categories of OOD sets, as results: near-OOD, far-OOD and shifted ID images."""

from dataclasses import dataclass
from typing import Literal

Category = Literal["near", "far", "shift"]
"""`near` and `far` OOD, and `shift`: ID images of which only the look differs."""


@dataclass(frozen=True)
class Labelled:
    """The category that a suite gives to an OOD set of an ID set."""

    inside: str
    outside: str
    category: Category


@dataclass(frozen=True)
class Corrupted:
    """An OOD set that consists of the ID set's own images, corrupted at a strength from 1 to 5."""

    inside: str
    name: str
    kind: str
    strength: int


@dataclass(frozen=True)
class Nearness:
    """The category of an OOD set beside its measured distance from the ID set.

    `distance` is the pixel distance of `ood_bench.audit.distance` between the test images of both,
    and `own` that between the ID set's test and training images; None if they were not measured.
    """

    inside: str
    outside: str
    category: Category
    distance: float | None
    own: float | None
    images: int


@dataclass(frozen=True)
class CategoryMean:
    """Mean AUROC of a detector over the OOD sets of a category.

    `sets` of the `of` sets with this label were measured. The interval takes into account that
    the AUROCs share the ID images. `trainings` states how many trainings it comes from.
    """

    suite: str
    model: str
    inside: str
    detector: str
    category: Category
    value: float
    low: float
    high: float
    sets: int
    of: int
    trainings: str
    note: str

    @property
    def complete(self) -> bool:
        """Whether all sets of the category were measured."""
        return self.sets == self.of
