"""What cells will cost: seconds, memory and disk, from rates that are given."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ood_bench.cells import Cell
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.score import Score
from ood_bench.cells.train import Train
from ood_bench.hashing import canonical

ORDER = ("train", "score", "detect", "metric", "analysis", "audit")
"""The kinds of an estimate, in the order of a run."""
USUAL: Mapping[str, float] = {
    "train": 3.0,  # weights that are loaded
    "score": 0.01,
    "detect": 0.03,
    "metric": 0.08,
    "analysis": 0.1,
    "audit": 0.25,
}
"""Seconds of a cell that neither was measured nor has a like in the store: means of the kept runs,
on one core of a Xeon."""
USUAL_IMAGES: Mapping[str, int] = {"graying": 20_000, "second_order": 20_000}
"""As many images a model validates in the time in which an analysis calls it."""
OTHER_IMAGES = 600
"""The same for analyses that are not named."""
CELL_BYTES = 20_000
"""Bytes of a cell beside its weights and columns: manifest, checksums, environment."""
NUMBER_BYTES = 8
"""Bytes of one number of a column."""

PACE = (
    "batch_size",
    "optimizer",
    "mutation",
    "flip",
    "shift",
    "ema",
    "precision",
    "validate_every",
)
"""The options of a recipe that the time of a step depends on."""

Group: TypeAlias = str
"""What cells have in common that take the same time for each of their units."""


@dataclass(frozen=True)
class Work:
    """What a cell does.

    Attributes:
        group: Cells of one group take the same time for each unit.
        units: Steps of a training, images of a score, otherwise 1.
    """

    group: Group
    units: int


@dataclass(frozen=True)
class CellCost:
    """What a cell costs; `how` says how the seconds were found."""

    seconds: float
    size: int
    how: str


@dataclass(frozen=True)
class TrainingEstimate:
    """About what a training costs.

    Attributes:
        cell: The name of its cell.
        parameters: Number of trainable parameters.
        flops_per_step: Floating-point operations of one step, forward and backward.
        steps: Number of steps; 0 for weights that are loaded.
        memory: Peak bytes: weights, gradients, the optimiser's state, and the tensors saved for
            the backward pass of one batch, counted in float32.
        seconds: Seconds, validation included.
        how: How the seconds were found.
    """

    cell: str
    parameters: int
    flops_per_step: int
    steps: int
    memory: int
    seconds: float
    how: str

    @property
    def flops(self) -> int:
        """Floating-point operations of all steps."""
        return self.flops_per_step * self.steps


@dataclass(frozen=True)
class KindEstimate:
    """About what all cells of one kind take that are not stored."""

    kind: str
    cells: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """About what a run costs, one cell after the other.

    Attributes:
        device: The device that models run on.
        trainings: The trainings that are not stored, in order.
        kinds: The cells that are not stored, by kind.
        disk: Bytes that the store grows by.
    """

    device: str
    trainings: tuple[TrainingEstimate, ...] = ()
    kinds: tuple[KindEstimate, ...] = ()
    disk: int = 0

    @property
    def seconds(self) -> float:
        """Seconds of all cells."""
        return sum(kind.seconds for kind in self.kinds)

    @property
    def memory(self) -> int:
        """Peak bytes of the largest training; 0 without trainings."""
        return max((training.memory for training in self.trainings), default=0)


def work_of(cell: Cell, *, trainings: Mapping[str, Train], images: int = 1) -> Work:
    """Return the work of a cell.

    Args:
        cell: The cell.
        trainings: The trainings of the plan, by key.
        images: Number of images that it reads, if it is a score.
    """
    spec = cell.spec
    if isinstance(spec, Train):
        recipe = spec.training.model_dump(mode="json") if spec.training else dict(spec.recipe)
        own = {name: recipe.get(name) for name in PACE}
        group = _named("train", **_model(spec), recipe=own, loaded=spec.checkpoint is not None)
        return Work(group, max(1, steps_of(spec)))
    if isinstance(spec, Score):
        model = trainings[spec.model] if spec.model else None
        shape = spec.images.shape if spec.images else None
        group = _named(
            "score",
            statistic=spec.statistic,
            samples=spec.samples,
            members=len(spec.member),
            model=_model(model) if model else shape,
        )
        return Work(group, images)
    own = {name: value for name, value in spec.hashed.items() if name in ("plugin", "options")}
    if isinstance(spec, Analyse) and spec.trained:
        own["model"] = _model(trainings[spec.trained])
    return Work(_named(spec.family, kind=spec.kind, **own), 1)


def steps_of(spec: Train) -> int:
    """Return the steps of a training; 0 if it loads a checkpoint."""
    return 0 if spec.checkpoint or spec.training is None else spec.training.steps


def _model(spec: Train) -> dict[str, Any]:
    """Return what determines the time that a model takes: its class, options and shape."""
    return {"plugin": spec.plugin, "options": spec.options, "shape": spec.shape}


def model_group(spec: Train) -> Group:
    """Return what the models of trainings have in common that take the same time for an image."""
    return _named("model", **_model(spec))


def _named(family: str, **content: Any) -> Group:
    return f"{family} {canonical(content)}"


def kept_rates(works: Iterable[tuple[Work, float]]) -> dict[Group, float]:
    """Return seconds per unit by group, from the seconds that stored cells took.

    Example:
        >>> kept_rates([(Work("a", 100), 2.0), (Work("a", 300), 6.0), (Work("b", 1), 3.0)])
        {'a': 0.02, 'b': 3.0}
    """
    seconds: dict[Group, float] = defaultdict(float)
    units: dict[Group, int] = defaultdict(int)
    for work, taken in works:
        seconds[work.group] += taken
        units[work.group] += work.units
    return {group: taken / units[group] for group, taken in seconds.items()}


def usual_cost(cell: Cell, work: Work, kept: Mapping[Group, float]) -> CellCost:
    """Return the cost of a cell without a model: that of cells like it, or what is usual."""
    if work.group in kept:
        return CellCost(kept[work.group] * work.units, CELL_BYTES, "stored cells")
    return CellCost(USUAL[cell.spec.family], CELL_BYTES, "usual")


def images_of(spec: Analyse) -> int:
    """Return as many images as a model validates in the time in which an analysis calls it."""
    return USUAL_IMAGES.get(spec.plugin, OTHER_IMAGES) if spec.trained else 0


def estimated(
    device: str,
    costs: Iterable[tuple[Cell, CellCost]],
    trainings: Mapping[str, TrainingEstimate],
) -> Estimate:
    """Return the estimate of cells from the cost of each.

    Args:
        device: The device that models run on.
        costs: The cells that are not stored, in order, with their costs.
        trainings: Estimates of those that train, by key, whose name and seconds are filled in.
    """
    found = []
    count: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    disk = 0
    for cell, cost in costs:
        kind = cell.spec.family
        count[kind] += 1
        seconds[kind] += cost.seconds
        disk += cost.size
        if cell.key in trainings:
            own = trainings[cell.key]
            found.append(replace(own, cell=cell.name, seconds=cost.seconds, how=cost.how))
    kinds = tuple(KindEstimate(kind, count[kind], seconds[kind]) for kind in ORDER if count[kind])
    return Estimate(device, tuple(found), kinds, disk)
