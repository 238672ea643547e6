"""Inputs of detectors and analyses: trainings and the columns of models, by role."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from ood_bench.cells import Address, Cell, Part
from ood_bench.cells.context import Wanted
from ood_bench.cells.score import Score
from ood_bench.cells.train import Followed, Train
from ood_bench.core_yaml import KeyPath
from ood_bench.data import ImagesInfo, Shape
from ood_bench.data.partition import Partition, Whole, partition_by
from ood_bench.errors import DataError, PluginError, SuiteError
from ood_bench.hashing import digest
from ood_bench.plan.checkpoint import Course, Pretrained, Weights
from ood_bench.plan.models import Models
from ood_bench.plan.plan import DataRead
from ood_bench.plan.plugins import Plugins, split_role
from ood_bench.plan.trial import DataPart, Trained, Trial, Trials
from ood_bench.recipe import Recipe
from ood_bench.statistics import LABEL
from ood_bench.suite import LoadedSuite


class Sources:
    """Adds the cells that train and score; each is added once, however many cells read it."""

    def __init__(self, loaded: LoadedSuite, plugins: Plugins, trials: Trials) -> None:
        self.loaded = loaded
        self.suite = loaded.suite
        self.plugins = plugins
        self.trials = trials
        self.models = Models(loaded, plugins)
        self.cells: dict[str, Cell] = {}
        self.names: set[str] = set()
        self.data: dict[tuple[str, str, Shape], DataRead] = {}
        self.divisions: dict[tuple[str, str, Shape], dict[str, bool]] = {}

    def add(self, cell: Cell) -> Cell:
        """Add a cell; if a cell with its key exists, add the address to that one."""
        if cell.key in self.cells:
            known = self.cells[cell.key]
            if new := tuple(at for at in cell.at if at not in known.at):
                self.cells[cell.key] = replace(known, at=(*known.at, *new))
            return self.cells[cell.key]
        if cell.name in self.names:
            raise SuiteError(
                f"{self.loaded.source.path}: two pairs ask for different cells "
                f"'{cell.name}'; give one of the models or data sets another name"
            )
        self.cells[cell.key] = cell
        self.names.add(cell.name)
        return cell

    def info(self, name: str, part: Part, shape: Shape, place: KeyPath) -> ImagesInfo:
        """Return the provenance of one part of a data set."""
        split = _split(part)
        key = (name, split, shape)
        if key not in self.data:
            options = self.loaded.data_options(name)
            try:
                info = self.trials.library.info(name, options, split, shape)
            except DataError as error:
                raise self.trials.mistake(place, error) from error
            self.data[key] = DataRead(name, split, info)
        return self.data[key].info

    def recipe(self, trial: Trial) -> Recipe:
        """Return the recipe of a trial's model, with the sizes of all parts filled in."""
        recipe = trial.recipe
        if recipe.held_out is not None and recipe.validation is not None:
            return recipe
        return recipe.sized(self.info(trial.inside, "train", trial.shape, trial.place).count)

    def parts(self, trial: Trial) -> dict[str, Any]:
        """Return what determines the parts of a trial's training split.

        That is the number of validation and held-out images and, if a zoo model was trained on a
        larger split that begins with these images, `whole`: the digest and size of that split.
        """
        found: dict[str, Any] = sizes(self.recipe(trial))
        origin = trial.model.checkpoint.origin if trial.model.checkpoint else None
        if origin is None:
            return found
        info = self.info(trial.inside, "train", trial.shape, trial.place)
        if info.digest == origin.digest:
            return found
        return {**found, "whole": self.trials.library.whole(info.digest)}

    def division(self, trial: Trial) -> Partition:
        """Return the division of a trial's training images into parts.

        Raises:
            DataError: If none is left for a part.
        """
        info = self.info(trial.inside, "train", trial.shape, trial.place)
        try:
            return partition_by(info.count, info.digest, self.parts(trial))
        except DataError as error:
            raise self.trials.mistake(trial.place, error) from error

    def _note_division(self, trial: Trial) -> None:
        """Record how a training split is divided, and which sizes were defaults."""
        parts = self.division(trial)
        division = (
            f"{len(parts.train):,} trained on, {len(parts.validation):,} to validate, "
            f"{len(parts.held_out):,} held out"
        )
        sizes = ("validation", "held_out")
        default = [name for name in sizes if getattr(trial.recipe, name) is None]
        if default:
            division += f" (`{'` and `'.join(default)}` by default)"
        whole: Whole | None = self.parts(trial).get("whole")
        if whole is not None:
            division += f": the first of {whole.images:,} images, which are divided as a whole"
        self.divisions.setdefault((trial.inside, "train", trial.shape), {})[division] = bool(
            default or whole
        )

    def data_read(self) -> tuple[DataRead, ...]:
        """Return all data sets that were read; the notes name defaults that were used."""
        found = []
        for key, ref in self.data.items():
            taken = [text for text, default in self.divisions.get(key, {}).items() if default]
            note = "; ".join(filter(None, (ref.info.note, *taken)))
            found.append(replace(ref, info=replace(ref.info, note=note)))
        return tuple(found)

    def wanted(self, name: str, part: Part, shape: Shape, place: KeyPath) -> Wanted:
        """Return the reference to the split that contains one part of a data set."""
        digest = self.info(name, part, shape, place).digest
        return Wanted(digest, name, self.loaded.data_options(name), _split(part), shape)

    def train(self, trial: Trial, seed: int) -> Trained:
        """Add the cell of one training; that of a single checkpoint is the same for every seed."""
        self.models.check(trial)
        recipe = self.recipe(trial)
        info = self.info(trial.inside, "train", trial.shape, trial.place)
        self._note_division(trial)
        self._check_optimizer(trial)
        model, checkpoint = trial.model, trial.model.checkpoint
        seed, weights = self._weights(checkpoint, trial, seed) if checkpoint else (seed, None)
        course = weights.course if weights else None
        probed = self._probed(trial) if course or not weights else {}
        probes = {name: wanted.digest for name, wanted in probed.items()}
        followed = _followed(course, trial.inside, probes) if course else None
        if course:
            probes = {name: probes[name] for name in followed.names} if followed else {}
        spec = Train(
            plugin=model.plugin,
            revision=model.revision,
            options=model.options,
            shape=trial.shape,
            recipe=self.parts(trial) if checkpoint else recipe.hashed(),
            seed=seed,
            data=info.digest,
            checkpoint=weights.sha256 if weights else None,
            origin=weights.reported if weights else None,
            course=course.sha256 if course and followed else None,
            labels=info.labels if trial.supervised else None,
            probes=probes or None,
            images=self.wanted(trial.inside, "train", trial.shape, trial.place),
            probed={} if weights else probed,
            training=recipe,
            weights=weights.path if weights else None,
            followed=followed,
        )
        plugin = f"{model.plugin}, {weights.called}" if weights else model.plugin
        at = Address(model=model.name, inside=trial.inside, seed=seed, plugin=plugin)
        cell = self.add(Cell(f"train/{at.label}", spec, (at,)))
        return Trained(trial, seed, cell, probed=spec.probes is not None)

    def _probed(self, trial: Trial) -> dict[str, Wanted]:
        """Return the images that are to probe a training, if an analysis follows it."""
        followed = any(
            found.uses_course and self.suite.analyses[name].runs_on(trial.model.name)
            for name, found in self.plugins.built_analyses.items()
        )
        if not followed or trial.supervised:
            return {}
        return {
            f"{name}/{part}": self.wanted(name, part, trial.shape, place)
            for name, part, place in trial.probes
        }

    def _check_optimizer(self, trial: Trial) -> None:
        """Check that a recipe's optimizer exists and accepts its options."""
        from ood_bench.lit import check_optimizer

        try:
            check_optimizer(trial.recipe)
        except PluginError as error:
            place = self.loaded.training(trial.model.place, "optimizer")
            raise self.loaded.mistake(place, str(error)) from error

    def _weights(self, checkpoint: Pretrained, trial: Trial, seed: int) -> tuple[int, Weights]:
        try:
            return checkpoint.of(seed)
        except PluginError as error:
            place = (*trial.model.place, "checkpoint")
            raise self.loaded.mistake(place, str(error)) from error

    def trainings_of(self, trial: Trial) -> Iterable[Trained]:
        """Add a trial's trainings: one per seed, or an ensemble's members as one."""
        if trial.members is None:
            given = trial.model.checkpoint
            seeds = self.suite.seeds if given is None else tuple(given.weights)
            return [self.train(trial, seed) for seed in seeds]
        member, seeds = trial.members
        checkpoint = member.model.checkpoint
        if checkpoint is not None and len(checkpoint.weights) == 1:
            text = f"one is of '{trial.inside}', so that all members would be the same"
            raise self.loaded.mistake((*member.model.place, "checkpoint"), text)
        members = tuple(self.train(member, seed) for seed in seeds)
        return [Trained(trial, 0, None, members)]

    def columns(self, needs: Iterable[str], trained: Trained, side: DataPart) -> dict[str, str]:
        """Add the cells that yield some columns; return their keys by role and statistic."""
        found = {}
        for need in needs:
            role, column = split_role(need)
            for prefix, player in self._players(role, trained).items():
                if column == LABEL:
                    found[f"{prefix}{LABEL}"] = self._labels(player, side).key
                    continue
                statistic = self.plugins.provider(column, player.trial.model)
                if statistic:
                    found[f"{prefix}{statistic}"] = self._score(statistic, player, side).key
        return dict(sorted(found.items()))

    def of_images(
        self, statistic: str, trial: Trial, name: str, split: Part, place: KeyPath
    ) -> Cell:
        """Add the cell of a statistic that needs no model, on a whole split."""
        images = self.wanted(name, split, trial.shape, place)
        revision = self.plugins.statistics[statistic].revision
        spec = Score(statistic=statistic, revision=revision, data=images.digest, images=images)
        called = f"score/{sized(trial.shape)}/{name}/{split}/{statistic}"
        return self.add(Cell(called, spec, (Address(data=name, part=split),)))

    def _players(self, role: str, trained: Trained) -> dict[str, Trained]:
        """Return the models that play a role beside a trained model, by column prefix."""
        trial, roles = trained.trial, self.suite.roles
        if role == "member" and roles.members:
            players = {
                f"member.{i}.": self.train(trial, seed)
                for i, seed in enumerate(roles.members.seeds)
            }
        elif role == "background":
            players = {"background.": self.train(self.trials.background(trial), trained.seed)}
        elif role == "classifier" and not trial.supervised:
            info = self.info(trial.inside, "train", trial.shape, trial.place)
            classifier = self.trials.classifier(trial, info.classes)
            players = {"classifier.": self.train(classifier, trained.seed)}
        else:
            players = {f"{role}." if role else "": trained}
        for player in players.values():
            if self.parts(player.trial) != self.parts(trial):
                raise SuiteError(
                    f"{self.loaded.source.path}: {player.label} and {trained.label} are read "
                    "together and must have the same training.held_out and training.validation, "
                    "and be trained on the same images"
                )
        return players

    def _score(self, statistic: str, trained: Trained, side: DataPart) -> Cell:
        found = self.plugins.statistics[statistic]
        samples = self.plugins.samples(trained.trial.model)
        spec = replace(
            self._scored(statistic, trained.trial, side),
            revision=found.revision,
            samples=samples if samples > 1 and found.samples is not None else None,
        )
        if found.requires is None:
            return self._shared(spec, trained.trial, side)
        if trained.members:
            member = {
                str(i): key
                for i, one in enumerate(trained.members)
                for key in self.columns(found.columns, one, side).values()
            }
            spec = replace(spec, member=member)
        else:
            spec = replace(spec, model=trained.key)
        name, part, _ = side
        at = replace(trained.at, data=name, part=part)
        return self.add(Cell(f"score/{trained.label}/{name}/{part}/{statistic}", spec, (at,)))

    def _labels(self, trained: Trained, side: DataPart) -> Cell:
        trial, (name, part, place) = trained.trial, side
        labels = self.info(name, part, trial.shape, place).labels
        return self._shared(replace(self._scored(LABEL, trial, side), labels=labels), trial, side)

    def _scored(self, statistic: str, trial: Trial, side: DataPart) -> Score:
        """Return the fields of a score cell that describe its images."""
        name, part, place = side
        images = self.wanted(name, part, trial.shape, place)
        if part == "test":
            return Score(statistic=statistic, data=images.digest, images=images)
        return Score(
            statistic=statistic,
            data=images.digest,
            part="held_out" if part == "held_out" else "train",
            **self.parts(trial),
            first=self.most(part),
            images=images,
        )

    def most(self, part: Literal["train", "fit", "held_out"]) -> int | None:
        """Return the suite's limit on the images of one part; None if there is none."""
        evaluation = self.suite.evaluation
        limits = {
            "train": evaluation.train_images,
            "fit": evaluation.fit_images,
            "held_out": evaluation.held_out_images,
        }
        return limits[part]

    def _shared(self, spec: Score, trial: Trial, side: DataPart) -> Cell:
        """Add a cell that needs no model, shared by all models."""
        name, part, _ = side
        mark = "" if part == "test" else f"-{digest(spec.hashed)[:6]}"
        called = f"score/{sized(trial.shape)}/{name}/{part}{mark}/{spec.statistic}"
        return self.add(Cell(called, spec, (Address(data=name, part=part),)))


def _followed(course: Course, inside: str, probes: Mapping[str, str]) -> Followed | None:
    """Return the probes of a checkpoint's training that are of a suite's images.

    None if they lack the inside's test images or have no others.
    """
    names = course.named(probes)
    own = {f"{inside}/train", f"{inside}/test"}
    whole = f"{inside}/test" in names and names.keys() - own
    return Followed(course.path, names) if whole else None


def sizes(recipe: Recipe) -> dict[str, int]:
    """Return the sizes that determine the parts of a training split.

    Raises:
        ValueError: If a size is missing.
    """
    if recipe.validation is None or recipe.held_out is None:
        raise ValueError("fill the sizes in with Recipe.sized()")
    return {"validation": recipe.validation, "held_out": recipe.held_out}


def sized(shape: Shape) -> str:
    """Return a shape as written in the names of cells.

    Example:
        >>> sized(Shape(3, 32, 32))
        '3x32x32'
    """
    return "x".join(map(str, shape))


def _split(part: Part) -> str:
    return "test" if part == "test" else "train"
