"""The evaluations of a suite: each model, its training set, the OOD sets it is scored on."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ood_bench.cells import Address, Cell, Part
from ood_bench.core_yaml import KeyPath
from ood_bench.data import ImagesInfo, Library, Shape
from ood_bench.errors import DataError
from ood_bench.plan.plugins import Named, Plugins
from ood_bench.recipe import Recipe
from ood_bench.results import Omission
from ood_bench.suite import LoadedSuite, ModelEntry, Pair

DataPart = tuple[str, Part, KeyPath]
"""A data set, its part, and the place in the suite that names it."""


@dataclass
class Trial:
    """A model or an ensemble, trained on an inside data set and evaluated on outside ones.

    Attributes:
        model: The model; for an ensemble its stand-in.
        outside: Outside data sets, and the places in the suite that name them.
        probed: The same, with those of its ensembles: their trainings must equal its own.
        members: For an ensemble, the trial of its members and their seeds.
        recipe: The training options.
        supervised: Whether it is trained on labels.
    """

    model: Named
    inside: str
    shape: Shape
    place: KeyPath
    recipe: Recipe
    supervised: bool = False
    outside: dict[str, KeyPath] = field(default_factory=dict)
    probed: dict[str, KeyPath] = field(default_factory=dict)
    members: "tuple[Trial, tuple[int, ...]] | None" = None

    @property
    def sides(self) -> list[DataPart]:
        """The scored parts: both splits of the inside, the test split of each outside."""
        return self._with(self.outside)

    @property
    def probes(self) -> list[DataPart]:
        """The parts that may probe the training, in the same form."""
        return self._with(self.probed)

    def _with(self, outside: dict[str, KeyPath]) -> list[DataPart]:
        own: list[DataPart] = [
            (self.inside, "train", self.place),
            (self.inside, "test", self.place),
        ]
        return own + [(name, "test", place) for name, place in outside.items()]


@dataclass(frozen=True)
class Trained:
    """One training of a trial, or the trained members of an ensemble.

    `probed` says whether bits per dimension along the training are known, or will be.
    """

    trial: Trial
    seed: int
    cell: Cell | None
    members: "tuple[Trained, ...]" = ()
    probed: bool = False

    @property
    def at(self) -> Address:
        """The address of the trained model."""
        return Address(model=self.trial.model.name, inside=self.trial.inside, seed=self.seed)

    @property
    def label(self) -> str:
        """The name of the trained model in cells."""
        return self.at.label

    @property
    def key(self) -> str:
        """The key of the trained model's cell."""
        if self.cell is None:
            raise ValueError(f"{self.label} is an ensemble and no one model")
        return self.cell.key


class Trials:
    """The trials of a suite; pairs whose data is missing are skipped or an error."""

    def __init__(
        self, loaded: LoadedSuite, plugins: Plugins, library: Library, *, skip_missing: bool
    ) -> None:
        self.loaded = loaded
        self.suite = loaded.suite
        self.plugins = plugins
        self.library = library
        self.skip_missing = skip_missing
        self.skips: dict[Omission, None] = {}
        self._trials: dict[tuple[str, str, Shape], Trial] = {}
        for i, pair in enumerate(self.suite.pairs):
            self._add_pair(i, pair)

    def __iter__(self) -> Iterator[Trial]:
        """Yield the trials with outside data sets, members before their ensembles."""
        found = [trial for trial in self._trials.values() if trial.outside]
        yield from sorted(found, key=lambda trial: trial.members is not None)

    def tried_on(self) -> list[Trial]:
        """Return one trial per inside data set and shape, with all its outside data sets."""
        found: dict[tuple[str, Shape], Trial] = {}
        for trial in self:
            key = (trial.inside, trial.shape)
            known = found.setdefault(key, replace(trial, outside={}, members=None))
            known.outside.update(trial.outside)
        return list(found.values())

    def unplayed(self, role: str, trial: Trial) -> str | None:
        """Return why no model plays a role beside a model; None if one does."""
        played = {
            "background": self.suite.roles.background,
            "member": self.suite.roles.members,
            "classifier": self.suite.roles.classifier,
        }[role]
        name = "members" if role == "member" else role
        if played is None:
            return f"the suite defines no roles.{name}"
        if isinstance(played, ModelEntry):
            return self._untrained(self.plugins.classifier, trial)
        if trial.members is not None:
            return f"it needs a single model with its {name}, not an ensemble"
        given = trial.model.checkpoint
        if role == "member" and given is not None and len(given.weights) == 1:
            return "this model has one checkpoint, so all members would be the same"
        if played.models is not None and trial.model.name not in played.models:
            return f"roles.{name}.models does not name this model"
        return None

    def player(self, role: str, trial: Trial) -> Named:
        """Return the model that plays a role; for the empty role the trial's own."""
        if role == "background":
            return self.background(trial).model
        if role == "classifier" and self.plugins.classifier:
            return self.trained_on(self.plugins.classifier, trial.inside, trial.shape, trial.place)
        return trial.model

    def trained_on(self, model: Named, inside: str, shape: Shape, place: KeyPath) -> Named:
        """Return a model as trained on an inside data set; unchanged if the suite trains it.

        Raises:
            SuiteError: If it has checkpoints, but none of this data set, and is not to be trained
                on it, or if one is of other images of the same name.
        """
        each = model.each or (model,)
        fit = [found for found in each if self._is_of(found, inside, shape, place)]
        given = [found.checkpoint.origin for found in each if found.checkpoint]
        origins = [origin for origin in given if origin]
        names = {inside, self.loaded.data_options(inside).use or inside}
        alike = any(origin.data in names for origin in origins)
        if fit and (fit[0].checkpoint or not alike):
            return fit[0]
        digest = self._info(inside, shape, place).digest
        trained = " and ".join(f"'{one.data}' (digest {one.digest[:12]})" for one in origins)
        other = (
            "give them another name to train the model on them"
            if fit
            else "list under the pair's `models` those to run on it, or set `train_others: true`"
        )
        text = (
            f"it was trained on {trained}, and the training images of '{inside}' are others "
            f"(digest {digest[:12]}); {other}"
        )
        raise self.loaded.mistake((*model.place, "checkpoint"), text)

    def _is_of(self, model: Named, inside: str, shape: Shape, place: KeyPath) -> bool:
        """Return whether the suite trains a model, or its checkpoint is of an inside data set."""
        origin = model.checkpoint.origin if model.checkpoint else None
        if origin is None:
            return True
        digest = self._info(inside, shape, place).digest
        whole = self.library.whole(digest)
        return origin.digest in (digest, whole.digest if whole else digest)

    def _untrained(self, classifier: Named | None, trial: Trial) -> str | None:
        """Return the error that no classifier checkpoint is of a data set; None if one is."""
        if classifier is None or any(
            self._is_of(found, trial.inside, trial.shape, trial.place)
            for found in classifier.each or (classifier,)
        ):
            return None
        return f"no checkpoint of roles.classifier was trained on '{trial.inside}'"

    def _info(self, inside: str, shape: Shape, place: KeyPath) -> ImagesInfo:
        try:
            return self.library.info(inside, self.loaded.data_options(inside), "train", shape)
        except DataError as error:
            raise self.mistake(place, error) from error

    def background(self, trial: Trial) -> Trial:
        """Return the trial of the background model beside a model."""
        role = self.suite.roles.background
        if role is None:
            raise ValueError("the suite defines no roles.background")
        if role.model is None:
            name = f"{trial.model.name}-background"
            recipe = trial.recipe.model_copy(update={"mutation": role.mutation})
            model = replace(trial.model, name=name, checkpoint=None)
            return Trial(model, trial.inside, trial.shape, trial.place, recipe)
        known = self._trials.get((role.model, trial.inside, trial.shape))
        if known is not None:
            return known
        named = self.plugins.models[role.model]
        model = self.trained_on(named, trial.inside, trial.shape, trial.place)
        recipe = _as_trained(self.suite.recipe(role.model), model)
        return Trial(model, trial.inside, trial.shape, trial.place, recipe)

    def classifier(self, trial: Trial, classes: int) -> Trial:
        """Return the trial of the classifier on another trial's data sets."""
        entry, named = self.suite.roles.classifier, self.plugins.classifier
        if entry is None or named is None:
            raise ValueError("the suite defines no roles.classifier")
        model = self.trained_on(named, trial.inside, trial.shape, trial.place)
        recipe = _as_trained(self.suite.classifier_recipe(), model)
        of_zoo = model.checkpoint is not None and model.checkpoint.origin is not None
        if "classes" not in entry.options and not of_zoo:
            model = replace(model, options={**model.options, "classes": classes})
        return replace(trial, model=model, recipe=recipe, supervised=True, members=None, probed={})

    def mistake(self, place: KeyPath, error: object) -> DataError:
        """Return a data error that names the place in the suite."""
        return DataError(f"{self.loaded.source.where(place)}{error}")

    def _add_pair(self, i: int, pair: Pair) -> None:
        """Add a pair's outside data sets to the trials of its models."""
        place: KeyPath = ("pairs", i, "inside")
        reason = self._missing(pair.inside, place)
        if reason:
            for name in pair.outside:
                self._skip(pair.inside, name, reason)
            return
        if self.skip_missing and (reason := self._untrainable(pair)):
            for name in pair.outside:
                self._skip(pair.inside, name, reason)
            return
        shape = self._inside_shape(pair, place)
        outside: dict[str, KeyPath] = {}
        for j, name in enumerate(pair.outside):
            where: KeyPath = ("pairs", i, "outside", j)
            reason = self._missing(name, where)
            if reason:
                self._skip(pair.inside, name, reason)
            else:
                outside[name] = where
        for name in pair.models or (*self.suite.models, *self.suite.ensembles):
            trial = self._trial(name, pair.inside, shape, place)
            trial.outside.update(outside)
            (trial.members[0] if trial.members else trial).probed.update(outside)

    def _trial(self, name: str, inside: str, shape: Shape, place: KeyPath) -> Trial:
        key = (name, inside, shape)
        if key not in self._trials:
            ensemble = self.suite.ensembles.get(name)
            if ensemble is None:
                model = self.trained_on(self.plugins.models[name], inside, shape, place)
                recipe = _as_trained(self.suite.recipe(name), model)
                trial = Trial(model, inside, shape, place, recipe)
            else:
                member = self._trial(ensemble.of, inside, shape, place)
                model = self.plugins.ensembles[name]
                trial = Trial(
                    model, inside, shape, place, member.recipe, members=(member, ensemble.seeds)
                )
            self._trials[key] = trial
        return self._trials[key]

    def _missing(self, name: str, place: KeyPath) -> str | None:
        try:
            line = self.library.missing(name, self.loaded.data_options(name))
        except DataError as error:
            raise self.mistake(place, error) from error
        if line and not self.skip_missing:
            raise self.mistake(place, line)
        return line

    def _untrainable(self, pair: Pair) -> str | None:
        """Return why a pair's inside has no training images; None if it has."""
        splits = self.library.splits(pair.inside, self.loaded.data_options(pair.inside))
        if "train" in splits:
            return None
        return (
            f"'{pair.inside}' has no training split ({', '.join(splits)}); "
            "it can only be an OOD data set, unless "
            f"datasets.{pair.inside}.split: {{test: 0.2, seed: 0}} divides it"
        )

    def _inside_shape(self, pair: Pair, place: KeyPath) -> Shape:
        options = self.loaded.data_options(pair.inside)
        try:
            if reason := self._untrainable(pair):
                raise DataError(reason)
            return Shape(*pair.shape) if pair.shape else self.library.shape(pair.inside, options)
        except DataError as error:
            raise self.mistake(place, error) from error

    def _skip(self, inside: str, outside: str, reason: str) -> None:
        skip = Omission(f"pair {inside} → {outside}", reason, inside=inside, outside=outside)
        self.skips[skip] = None


def _as_trained(recipe: Recipe, model: Named) -> Recipe:
    """Return a recipe with the sizes that a zoo model was trained with."""
    origin = model.checkpoint.origin if model.checkpoint else None
    return recipe.model_copy(update=origin.sizes) if origin else recipe
