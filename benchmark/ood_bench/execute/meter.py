"""Measure what cells will cost on the device at hand, before any of them runs."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import torch

from ood_bench.cells import Cell
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.context import Wanted, WorkContext
from ood_bench.cells.score import COLUMNS, Score
from ood_bench.cells.train import Train
from ood_bench.cells.worker import Worker
from ood_bench.data.partition import Partition, Whole, partition
from ood_bench.errors import OodBenchError, PluginError, raised
from ood_bench.execute.devices import threads_at_hand
from ood_bench.execute.environment import setting
from ood_bench.lit import DensityModule, ImageModule
from ood_bench.lit.cost import (
    StepCost,
    counted_cost,
    pretended,
    readied,
    step_cost,
    timed,
    unseen,
    validation_cost,
)
from ood_bench.lit.probes import SHARE
from ood_bench.lit.sanity import NOISE_IMAGES
from ood_bench.lit.size import Size, outline
from ood_bench.plan.estimate import (
    CELL_BYTES,
    NUMBER_BYTES,
    CellCost,
    Estimate,
    Group,
    TrainingEstimate,
    Work,
    estimated,
    images_of,
    kept_rates,
    model_group,
    steps_of,
    usual_cost,
    work_of,
)
from ood_bench.recipe import Recipe
from ood_bench.registry import arguments
from ood_bench.statistics import LABEL
from ood_bench.store import Store

MOST_IMAGES = 64
"""Maximum images that a statistic is measured on."""
SECONDS = 0.3
"""Time for the measurement of a statistic."""
FORWARD = 3
"""A step's operations over those of its forward pass."""
PATIENCE = 20.0
"""CPU seconds after which no further model is run: its time follows from its operations."""
OPERATIONS = "operations"
"""How the time of such a model was found."""
LONGEST = 2.0
"""Time that a slow statistic may take once: few images do not fill a batch."""


def measured(
    cells: Sequence[Cell], stored: Collection[str], store: Store, context: WorkContext
) -> Estimate:
    """Return about what the cells that are not stored will cost, in a second for each model.

    Cells of the same work in the store give the rate, if they ran on this machine and device.
    Otherwise a few steps of each training are run, and each statistic is computed for a few
    images by a model with initial weights; no result of a run depends on it. Once that has taken
    `PATIENCE` seconds, the time of further models follows from their operations.

    Args:
        cells: All cells of the plan, each after its inputs.
        stored: Keys of the stored ones.
        store: The store.
        context: Plugins, data sets and the device; `context.device` is a name of PyTorch.

    Raises:
        OodBenchError: If a model or a statistic cannot be measured.
    """
    meter = _Meter(cells, stored, store, context)
    with unseen():
        costs = [(cell, meter.cost(cell)) for cell in cells if cell.key not in stored]
    return estimated(context.device, costs, meter.trainings)


def expected(
    cells: Sequence[Cell],
    stored: Collection[str],
    store: Store,
    context: WorkContext,
    *,
    least: int | None,
) -> dict[str, float | None]:
    """Return about how long each cell takes that is not stored, by key; None if that is unknown.

    Args:
        cells: All cells of the plan, each after its inputs.
        stored: Keys of the stored ones.
        store: The store.
        context: Plugins, data sets and the device.
        least: Least number of steps, and images that models score, for which models are run, as
            for `measured`; None: they never are.
    """
    meter = _Meter(cells, stored, store, context)
    left = [cell for cell in cells if cell.key not in stored]
    measure = least is not None and sum(map(meter.work_of_models, left)) >= least
    with unseen():
        return {cell.key: meter.seconds(cell, measure=measure) for cell in left}


class _Measured(NamedTuple):
    """A training: its steps if it has any, the bytes of its weights, the images of its check."""

    step: StepCost | None
    weights: int
    noise: int


class _Meter:
    def __init__(
        self, cells: Sequence[Cell], stored: Collection[str], store: Store, context: WorkContext
    ) -> None:
        self.context = context
        self.store = store
        self.worker = Worker(context, store, device=context.device)
        self.specs = {cell.key: cell.spec for cell in cells if isinstance(cell.spec, Train)}
        self.trainings: dict[str, TrainingEstimate] = {}
        self.columns: dict[Group, int] = {}
        self._partition = cache(partition)
        self._trained: dict[Group, _Measured] = {}
        self._validated: dict[Group, float] = {}
        self._scored: dict[Group, float] = {}
        self._model: tuple[str, ImageModule] | None = None
        self._began = time.process_time()
        self._run = [0.0, 0.0]
        self._forward: dict[Group, float] = {}
        self._passes: dict[str, float] = {}
        here = (context.device, str(threads_at_hand()), setting()["machine"])
        taken = []
        for cell in cells:
            if cell.key in stored:
                found = store.environment(cell.key)
                if (found.device, found.threads, found.machine) == here:
                    work = self._work(cell)
                    taken.append((work, float(found.seconds)))
                    if isinstance(cell.spec, Score):
                        columns = store.read_table(cell.key, COLUMNS).num_columns
                        self.columns[work.group] = columns
        self.kept = kept_rates(taken)

    def cost(self, cell: Cell) -> CellCost:
        """Return the cost of a cell."""
        work, spec = self._work(cell), cell.spec
        if isinstance(spec, Train):
            return self._training(cell, spec, work)
        if isinstance(spec, Score) and spec.statistic != LABEL and not spec.member:
            rate, how = self.kept.get(work.group), "stored cells"
            if rate is None:
                rate, how = self._statistic(cell, spec, work.group), "measured"
            size = CELL_BYTES + NUMBER_BYTES * work.units * self.columns[work.group]
            return CellCost(rate * work.units, size, how)
        found = usual_cost(cell, work, self.kept)
        if isinstance(spec, Analyse) and spec.trained and work.group not in self.kept:
            calls = images_of(spec) * self._validation(cell.name, spec.trained)
            found = replace(found, seconds=found.seconds + calls)
        return found

    def work_of_models(self, cell: Cell) -> int:
        """Return the number of steps of a training, or of images that a model scores."""
        spec = cell.spec
        if isinstance(spec, Train):
            return steps_of(spec)
        return self._images(spec) if isinstance(spec, Score) and spec.model else 0

    def seconds(self, cell: Cell, *, measure: bool) -> float | None:
        """Return the seconds of a cell; None if it is unknown and cannot be measured."""
        if measure:
            try:
                return self.cost(cell).seconds
            except OodBenchError:
                return None
        work = self._work(cell)
        if work.group not in self.kept and isinstance(cell.spec, Train) and steps_of(cell.spec):
            return None
        return usual_cost(cell, work, self.kept).seconds

    @property
    def _rate(self) -> float:
        """Operations a second of the models that were run, once no further one is; before, 0."""
        operations, seconds = self._run
        if not operations or time.process_time() - self._began < PATIENCE:
            return 0.0
        return operations / seconds

    def _work(self, cell: Cell) -> Work:
        images = self._images(cell.spec) if isinstance(cell.spec, Score) else 1
        return work_of(cell, trainings=self.specs, images=images)

    def _images(self, spec: Score) -> int:
        """Return the number of images of a score; 1 for an ensemble's, which reads columns."""
        if spec.images is None:
            return 1
        count = self._count(spec.images)
        if spec.part is None:
            return count
        parts = self._parts(count, spec.data, spec.hashed)
        return len(parts.first(spec.part, spec.first))

    def _count(self, wanted: Wanted) -> int:
        info = self.context.library.info(wanted.data, wanted.options, wanted.split, wanted.shape)
        return info.count

    def _parts(self, count: int, data: str, options: Mapping[str, object]) -> Partition:
        whole = options.get("whole")
        return self._partition(
            count,
            digest=data,
            validation=options["validation"],
            held_out=options["held_out"],
            whole=Whole(*whole) if whole else None,  # type: ignore[misc]
        )

    def _training(self, cell: Cell, spec: Train, work: Work) -> CellCost:
        """Return the cost of a training; its estimate is kept."""
        recipe = spec.training
        assert recipe is not None
        assert spec.images is not None
        parts = self._parts(self._count(spec.images), spec.data, spec.recipe)
        batch = min(recipe.batch_size, len(parts.train))
        if work.group not in self._trained:
            self._trained[work.group] = self._measured(cell.name, spec, recipe, batch)
        found = self._trained[work.group]
        steps = steps_of(spec)
        scored = len(parts.validation) * (1 + steps // (recipe.validate_every or steps + 1))
        scored += found.noise
        seconds, how = scored * self._validation(cell.name, cell.key), "measured"
        if found.step is not None:
            seconds += steps * found.step.seconds * (1 + SHARE * bool(spec.probed))
            if not found.step.images:
                how = OPERATIONS
            elif found.step.images < batch:
                how = f"measured on {found.step.images} of {batch} images"
        if work.group in self.kept:
            seconds, how = self.kept[work.group] * work.units, "stored cells"
        if found.step is not None:
            self.trainings[cell.key] = TrainingEstimate(
                cell.name,
                found.step.parameters,
                found.step.flops,
                steps,
                found.step.memory,
                seconds,
                how,
            )
        return CellCost(seconds, CELL_BYTES + found.weights, how)

    def _measured(self, name: str, spec: Train, recipe: Recipe, batch: int) -> "_Measured":
        """Measure the steps of a training.

        Raises:
            PluginError: If one of them fails.
        """
        plugin = self.context.plugin("models", spec.plugin, spec.revision, spec.options)
        given = arguments(plugin, spec.plugin, self.context.registry.located(plugin, spec.options))
        outlined = outline(spec.plugin, lambda: plugin(spec.shape, **given))
        weights = Size.of(outlined).weights
        noise = NOISE_IMAGES if isinstance(outlined, DensityModule) else 0
        step = None
        if (rate := self._rate) and steps_of(spec):
            with suppress(Exception):  # it reads values, and is run
                step = counted_cost(outlined, recipe, batch=batch, rate=rate)
        try:
            if steps_of(spec) and step is None:
                step = step_cost(readied(spec.build(self.worker)), outlined, recipe, batch=batch)
                self._run[0] += step.flops
                self._run[1] += step.seconds
        except OodBenchError:
            raise
        except Exception as error:
            raise PluginError(f"{name} cannot be measured: {raised(error)}") from error
        if step is not None:
            self._forward[model_group(spec)] = step.flops / batch / FORWARD
        return _Measured(step, weights, noise)

    def _validation(self, name: str, key: str) -> float:
        """Return the seconds in which the model of a training validates an image.

        Raises:
            PluginError: If it fails.
        """
        group = model_group(self.specs[key])
        if group not in self._validated and (rate := self._rate) and group in self._forward:
            self._validated[group] = self._forward[group] / rate
        if group not in self._validated:
            try:
                cost = validation_cost(self._initial(key), most=MOST_IMAGES)
            except OodBenchError:
                raise
            except Exception as error:
                raise PluginError(f"{name} cannot be measured: {raised(error)}") from error
            self._validated[group] = cost
        return self._validated[group]

    def _statistic(self, cell: Cell, spec: Score, group: Group) -> float:
        """Return the seconds per image of a statistic, and note the number of its columns.

        Raises:
            PluginError: If it fails.
        """
        operations = self._forward.get(model_group(self.specs[spec.model])) if spec.model else None
        if group not in self._scored and (rate := self._rate) and operations:
            self.columns[group] = 1
            self._scored[group] = self._passes.get(spec.statistic, 1.0) * operations / rate
        if group not in self._scored:
            assert spec.images is not None
            model = self._initial(spec.model) if spec.model else None
            statistic = self.context.registry.load("statistics", spec.statistic)()
            if spec.samples is not None:
                statistic.samples = spec.samples
            images = pretended(spec.images.shape, MOST_IMAGES).numpy()

            def act(count: int) -> None:
                self.columns[group] = len(statistic.compute(images[:count], model))

            device = torch.device("cpu") if model is None else model.device
            try:
                timing = timed(
                    act, device=device, most=MOST_IMAGES, seconds=SECONDS, longest=LONGEST
                )
            except Exception as error:
                raise PluginError(f"{cell.name} cannot be measured: {raised(error)}") from error
            self._scored[group] = timing.more
            if operations and all(self._run):
                passes = timing.more * self._run[0] / self._run[1] / operations
                self._passes[spec.statistic] = passes
        return self._scored[group]

    def _initial(self, key: str) -> ImageModule:
        """Return the model of a training with initial weights, in evaluation; keeps the last."""
        if self._model is None or self._model[0] != key:
            self._model = key, readied(self.specs[key].build(self.worker))
        return self._model[1]
