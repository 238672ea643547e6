"""What detectors and analyses read: trainings, and the columns of a model or of a role's models."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ood_bench.cells import Address, Cell, Part
from ood_bench.core_yaml import Place
from ood_bench.data import DataOptions, ImagesInfo, Shape
from ood_bench.data.partition import partition
from ood_bench.errors import DataError, PluginError, SuiteError
from ood_bench.hashing import digest
from ood_bench.plan.models import Models
from ood_bench.plan.plan import DataRead
from ood_bench.plan.plugins import Plugins, split_role
from ood_bench.plan.trial import Side, Trained, Trial, Trials
from ood_bench.recipe import Recipe
from ood_bench.statistics import LABEL, Statistic
from ood_bench.suite import LoadedSuite


class Sources:
    """Adds cells that train and score, each once however many ask for it."""

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
        """Add a cell, or its address to the one that does the same work under another name."""
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

    def info(self, name: str, part: Part, shape: Shape, place: Place) -> ImagesInfo:
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
        """Return how a trial's model is trained, with the sizes of all parts filled in."""
        recipe = trial.recipe
        if recipe.held_out is not None and recipe.validation is not None:
            return recipe
        return recipe.sized(self.info(trial.inside, "train", trial.shape, trial.place).count)

    def sizes(self, trial: Trial) -> dict[str, int]:
        """Return what decides on the parts of a trial's training split."""
        return sizes(self.recipe(trial))

    def _note_division(self, trial: Trial) -> None:
        """Note how a training split is divided, and whether by sizes that nobody stated."""
        images = self.info(trial.inside, "train", trial.shape, trial.place).count
        parts = self.sizes(trial)
        division = (
            f"{images - sum(parts.values()):,} trained on, {parts['validation']:,} to validate, "
            f"{parts['held_out']:,} held out"
        )
        default = [name for name in parts if getattr(trial.recipe, name) is None]
        if default:
            division += f" (`{'` and `'.join(default)}` by default)"
        self.divisions.setdefault((trial.inside, "train", trial.shape), {})[division] = bool(
            default
        )

    def data_read(self) -> tuple[DataRead, ...]:
        """Return all data sets that were asked for; the notes say what was taken by default."""
        found = []
        for key, ref in self.data.items():
            taken = [text for text, default in self.divisions.get(key, {}).items() if default]
            note = "; ".join(filter(None, (ref.info.note, *taken)))
            found.append(replace(ref, info=replace(ref.info, note=note)))
        return tuple(found)

    def request(self, name: str, part: Part, shape: Shape) -> dict[str, Any]:
        """Return how a worker finds one part of a data set."""
        options: DataOptions = self.loaded.data_options(name)
        return {
            "data": name,
            "options": options.model_dump(mode="json"),
            "split": _split(part),
            "shape": list(shape),
        }

    def train(self, trial: Trial, seed: int) -> Trained:
        """Add one training."""
        self.models.check(trial)
        recipe = self.recipe(trial)
        info = self.info(trial.inside, "train", trial.shape, trial.place)
        try:
            partition(info.count, digest=info.digest, **sizes(recipe))
        except DataError as error:
            raise self.trials.mistake(trial.place, error) from error
        self._note_division(trial)
        self._check_optimizer(trial)
        options: dict[str, Any] = {
            "plugin": trial.model.plugin,
            "revision": trial.model.revision,
            "options": trial.model.options,
            "shape": list(trial.shape),
            "recipe": recipe.hashed(),
            "seed": seed,
            "data": info.digest,
        }
        request: dict[str, Any] = {
            "train": self.request(trial.inside, "train", trial.shape),
            "recipe": recipe.model_dump(mode="json"),
        }
        checkpoint = trial.model.checkpoint
        if checkpoint is not None:
            options |= {"recipe": sizes(recipe), "checkpoint": checkpoint.sha256}
            request["checkpoint"] = str(checkpoint.path)
        if trial.supervised:
            options["labels"] = info.labels
        elif checkpoint is None and any(
            analysis.uses_course for analysis in self.plugins.built_analyses.values()
        ):
            digests, requests = {}, {}
            for name, part, place in trial.probes:
                digests[f"{name}/{part}"] = self.info(name, part, trial.shape, place).digest
                requests[f"{name}/{part}"] = self.request(name, part, trial.shape)
            options["probes"], request["probes"] = digests, requests
        label = f"{trial.model.name}@{trial.inside}/{seed}"
        plugin = trial.model.plugin
        if checkpoint is not None:
            plugin = f"{plugin}, {checkpoint.path.name}"
        at = Address(model=trial.model.name, inside=trial.inside, seed=seed, plugin=plugin)
        cell = self.add(Cell("train", f"train/{label}", options, {}, request, (at,)))
        return Trained(trial, seed, cell)

    def _check_optimizer(self, trial: Trial) -> None:
        """Refuse a recipe whose optimiser does not exist or does not take its options."""
        from ood_bench.lit import check_optimizer

        try:
            check_optimizer(trial.recipe)
        except PluginError as error:
            own: Place = (*trial.model.place, "training", "optimizer")
            source = self.loaded.source
            given = own in source.lines or own in source.overrides
            place = own if given else ("training", "optimizer")
            raise self.loaded.mistake(place, str(error)) from error

    def trainings_of(self, trial: Trial) -> Iterable[Trained]:
        """Add a trial's trainings: one a seed, or all members of an ensemble, which are one."""
        if trial.members is None:
            seeds = self.suite.seeds if trial.model.checkpoint is None else (0,)
            return [self.train(trial, seed) for seed in seeds]
        member, seeds = trial.members
        members = tuple(self.train(member, seed) for seed in seeds)
        return [Trained(trial, 0, None, members)]

    def columns(self, needs: Iterable[str], trained: Trained, side: Side) -> dict[str, str]:
        """Add what yields some columns on one side; keys by role and statistic."""
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

    def of_images(self, statistic: str, trial: Trial, name: str, split: Part, place: Place) -> Cell:
        """Add what a statistic that no model has to do with yields on a whole split."""
        options = {
            "statistic": statistic,
            "revision": self.plugins.statistics[statistic].revision,
            "data": self.info(name, split, trial.shape, place).digest,
        }
        return self.add(
            Cell(
                "score",
                f"score/{sized(trial.shape)}/{name}/{split}/{statistic}",
                options,
                {},
                {"images": self.request(name, split, trial.shape)},
                (Address(data=name, part=split),),
            )
        )

    def _players(self, role: str, trained: Trained) -> dict[str, Trained]:
        """Return who plays a role beside a trained model, by what its columns begin with."""
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
            if self.sizes(player.trial) != self.sizes(trial):
                raise SuiteError(
                    f"{self.loaded.source.path}: {player.label} and {trained.label} are read "
                    "together and must have the same training.held_out and training.validation"
                )
        return players

    def _score(self, statistic: str, trained: Trained, side: Side) -> Cell:
        name, part, place = side
        trial = trained.trial
        found = self.plugins.statistics[statistic]
        options = {
            "statistic": statistic,
            "revision": found.revision,
            "data": self.info(name, part, trial.shape, place).digest,
            **self._part(trial, part),
        }
        samples = self.plugins.samples(trial.model)
        if samples > 1 and found.samples is not None:
            options["samples"] = samples
        owner, label, at = trained.label, str(part), trained.at
        if found.requires is None:  # of the images alone, and shared by all models
            owner, label = _shared(trial, part, options)
            at = Address()
        return self.add(
            Cell(
                "score",
                f"score/{owner}/{name}/{label}/{statistic}",
                options,
                self._scored(found, trained, side),
                {"images": self.request(name, part, trial.shape)},
                (replace(at, data=name, part=part),),
            )
        )

    def _labels(self, trained: Trained, side: Side) -> Cell:
        name, part, place = side
        trial = trained.trial
        info = self.info(name, part, trial.shape, place)
        options = {
            "statistic": LABEL,
            "data": info.digest,
            "labels": info.labels,
            **self._part(trial, part),
        }
        owner, label = _shared(trial, part, options)
        request = {"images": self.request(name, part, trial.shape)}
        at = Address(data=name, part=part)
        return self.add(
            Cell("score", f"score/{owner}/{name}/{label}/{LABEL}", options, {}, request, (at,))
        )

    def _part(self, trial: Trial, part: Part) -> dict[str, Any]:
        """Return which rows of a split are one part of it."""
        if part == "test":
            return {}
        found: dict[str, Any] = {"part": part, **self.sizes(trial)}
        if part == "train":
            found["first"] = self.suite.evaluation.train_images
        return found

    def _scored(self, statistic: type[Statistic], trained: Trained, side: Side) -> dict[str, str]:
        """Return what a statistic is computed from: nothing, a model, or members' columns."""
        if statistic.requires is None:
            return {}
        if not trained.members:
            return {"model": trained.key}
        return {
            f"member.{i}": key
            for i, member in enumerate(trained.members)
            for key in self.columns(statistic.columns, member, side).values()
        }


def sizes(recipe: Recipe) -> dict[str, int]:
    """Return what decides on the parts of a training split.

    Raises:
        ValueError: If a size is not filled in.
    """
    if recipe.validation is None or recipe.held_out is None:
        raise ValueError("fill the sizes in with Recipe.sized()")
    return {"validation": recipe.validation, "held_out": recipe.held_out}


def sized(shape: Shape) -> str:
    """Return a shape as the names of cells have it.

    Example:
        >>> sized(Shape(3, 32, 32))
        '3x32x32'
    """
    return "x".join(map(str, shape))


def _split(part: Part) -> str:
    return "test" if part == "test" else "train"


def _shared(trial: Trial, part: Part, options: dict[str, Any]) -> tuple[str, str]:
    """Return owner and label of a cell that no model has to do with."""
    mark = "" if part == "test" else f"-{digest(options)[:6]}"
    return sized(trial.shape), f"{part}{mark}"
