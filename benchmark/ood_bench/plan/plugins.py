"""The plugins of a suite with options filled in, and the statistic that yields each column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ood_bench.analyses import Analysis
from ood_bench.capabilities import DensityModel, LogProbKind, dequantized, has, lacking
from ood_bench.core_yaml import KeyPath
from ood_bench.detectors import Detector
from ood_bench.errors import OodBenchError, PluginError, SuiteError, TooLargeError
from ood_bench.metrics import DetectionMetric
from ood_bench.plan.checkpoint import Pretrained, ZooOrigin, of_file, of_zoo
from ood_bench.registry import (
    Kind,
    OptionError,
    Options,
    Registry,
    code_options,
    construct,
    folder_options,
    resolve_options,
)
from ood_bench.statistics import LABEL, Statistic, provider, unknown_column
from ood_bench.suite import LoadedSuite, ModelEntry, PluginEntry


@dataclass(frozen=True)
class Named:
    """A plugin with its name and place in the suite, its options filled in.

    `checkpoint` holds the weights of a model that is not trained. If there are weights for
    several data sets, `each` holds the model as trained on each of them, and last the one that is
    trained on others, if any.
    """

    name: str
    plugin: str
    type: type[Any]
    options: Options
    place: KeyPath
    revision: int | str = 1
    checkpoint: Pretrained | None = None
    each: "tuple[Named, ...]" = ()


CLASSIFIER = "classifier"
"""The name, in cells and tables, of the model that plays this role."""

UNPROBED = "it follows the training, and this model is loaded from a checkpoint without its course"

ROLES = ("background", "member", "classifier")

TAKEN = {
    "background": "a second model",
    "member": "an ensemble",
    "classifier": "a classifier",
}
"""Description of what a detector reads for a role."""


def split_role(need: str) -> tuple[str, str]:
    """Split a column's name into its role, empty for the model itself, and the bare name.

    Example:
        >>> split_role("log_prob"), split_role("background.log_prob")
        (('', 'log_prob'), ('background', 'log_prob'))
        >>> split_role("member.*.log_prob"), split_role("logits.*")
        (('member', 'log_prob'), ('', 'logits.*'))
    """
    role, _, column = need.partition(".")
    if role not in ROLES:
        return "", need
    return role, column.removeprefix("*.") if role == "member" else column


class Mixture(DensityModel):
    """Stand-in for an ensemble in planning: log_prob, computed from its members' columns."""

    log_prob_is: ClassVar[LogProbKind] = "bound"


class ExactMixture(Mixture):
    """An ensemble of exact models; its likelihood is exact."""

    log_prob_is = "exact"


class EstimatedMixture(Mixture):
    """An ensemble of models with estimated likelihoods; its likelihood is an estimate."""

    log_prob_is = "estimate"


MIXTURES: Mapping[LogProbKind, type[Any]] = {
    "bound": Mixture,
    "exact": ExactMixture,
    "estimate": EstimatedMixture,
}


class Plugins:
    """All plugins of a suite; errors name the place in the suite.

    Raises:
        SuiteError: If a plugin is unknown, does not import, lacks an option or rejects one.
    """

    def __init__(self, loaded: LoadedSuite, registry: Registry) -> None:
        self.loaded = loaded
        self.registry = registry
        suite = loaded.suite
        self.models = self._resolve("models", suite.models)
        self.ensembles = {
            name: Named(name, "ensemble", self._mixture(ensemble.of), {}, ("ensembles", name))
            for name, ensemble in suite.ensembles.items()
        }
        self.detectors = self._resolve("detectors", suite.detectors)
        self.analyses = self._resolve("analyses", suite.analyses)
        added = suite.evaluation.metrics
        self.metrics = self._resolve("metrics", added, at=("evaluation", "metrics"))
        entry = suite.roles.classifier
        self.classifier: Named | None = None
        if entry is not None:
            found = self._resolve("models", {CLASSIFIER: entry}, at=("roles",))
            self.classifier = found[CLASSIFIER]
        self.built_detectors: dict[str, Detector] = {
            name: self.build(found, Detector) for name, found in self.detectors.items()
        }
        self.built_analyses: dict[str, Analysis] = {
            name: self.build(found, Analysis) for name, found in self.analyses.items()
        }
        for metric in self.metrics.values():
            self.build(metric, DetectionMetric)
        self.statistics: dict[str, type[Statistic]] = {}
        self.broken: dict[str, str] = {}
        for name in registry.names("statistics"):
            try:
                self.statistics[name] = registry.load("statistics", name)
            except PluginError as error:
                self.broken[name] = str(error)
        self._refuse_unknown_columns()

    def _refuse_unknown_columns(self) -> None:
        """Check that every column that a detector or analysis reads exists for some model.

        A column that one model of the suite lacks is not an error but a skip.
        """
        mistakes = []
        for named, built in (
            (self.detectors, self.built_detectors),
            (self.analyses, self.built_analyses),
        ):
            for name, found in built.items():
                for need in (*found.needs, *getattr(found, "fits_on", ())):
                    reason = unknown_column(split_role(need)[1], self.statistics)
                    if reason:
                        reason += f" ({'; '.join(self.broken.values())})" if self.broken else ""
                        mistakes.append(str(self.loaded.mistake(named[name].place, reason)))
        if mistakes:
            raise SuiteError("\n".join(dict.fromkeys(mistakes)))

    def _resolve(
        self,
        kind: Kind,
        entries: Mapping[str, ModelEntry] | Mapping[str, PluginEntry],
        *,
        at: KeyPath | None = None,
    ) -> dict[str, Named]:
        found: dict[str, Named] = {}
        mistakes: list[str] = []
        for name, entry in entries.items():
            place: KeyPath = (*(at or (kind,)), name)
            use = entry.use or name
            try:
                checkpoints = (
                    self._checkpoints(entry, place) if isinstance(entry, ModelEntry) else ()
                )
                origins = [item.origin for item in checkpoints if item.origin]
                if origins:
                    use = self._plugin_of(origins[0], entry, place)
                use = self.loaded.plugin((*place, "use"), use)
                plugin = self.registry.load(kind, use)
                self.registry.revision(use, plugin)  # what is no plugin has none
                for origin in origins:
                    revision = self.registry.revision(use, plugin, origin.options)
                    if origin.revision != revision:
                        raise PluginError(
                            f"'{name}' was trained with revision {origin.revision} of '{use}', and "
                            f"revision {revision} is installed"
                        )
                each = tuple(
                    Named(name, use, plugin, options, place, revision, checkpoint)
                    for checkpoint, options in self._taken(plugin, use, entry, checkpoints, place)
                    for revision in [self.registry.revision(use, plugin, options)]
                )
                found[name] = replace(each[0], each=each if len(each) > 1 else ())
            except OSError as error:
                text = f"{error.filename}: cannot be read: {error.strerror}"
                mistakes.append(str(self.loaded.mistake((*place, "checkpoint"), text)))
            except OptionError as error:
                for path, message in error.mistakes:
                    mistakes.append(str(self.loaded.mistake((*place, "options", *path), message)))
            except PluginError as error:
                mistakes.append(str(self.loaded.mistake(place, str(error))))
            except SuiteError as error:
                mistakes.append(str(error))
            except AttributeError as error:
                text = f"'{use}' is no plugin: it has no '{error.name}'"
                mistakes.append(str(self.loaded.mistake(place, text)))
        if mistakes:
            raise SuiteError("\n".join(mistakes))
        return found

    def _taken(
        self,
        plugin: type[Any],
        use: str,
        entry: ModelEntry | PluginEntry,
        checkpoints: Sequence[Pretrained],
        place: KeyPath,
    ) -> Iterator[tuple[Pretrained | None, Options]]:
        """Yield each checkpoint with its options, and what is trained with the entry's."""
        own = self._placed(plugin, entry.options, place)
        given = [found.origin.options if found.origin else own for found in checkpoints]
        for checkpoint, options in zip(checkpoints, given, strict=True):
            yield checkpoint, resolve_options(plugin, use, options)
        if not checkpoints or (isinstance(entry, ModelEntry) and entry.train_others):
            first = given[0] if given else {}
            yield None, resolve_options(plugin, use, {**first, **own})

    def _placed(self, plugin: type[Any], options: Options, place: KeyPath) -> Options:
        """Return options with the files of code and folders that they name from the suite on."""
        placed = dict(options)
        for marked, from_suite in (
            (code_options(plugin), self.loaded.plugin),
            (folder_options(plugin), self.loaded.beside),
        ):
            for option in marked:
                if isinstance(options.get(option), str):
                    placed[option] = from_suite((*place, "options", option), options[option])
        return placed

    def _checkpoints(self, entry: ModelEntry, place: KeyPath) -> tuple[Pretrained, ...]:
        if entry.zoo:
            try:
                return of_zoo(entry.zoo)
            except OodBenchError as error:
                raise self.loaded.mistake((*place, "checkpoint"), str(error)) from error
        if not isinstance(entry.checkpoint, Path):
            return ()
        return (of_file(self.loaded.path((*place, "checkpoint"), entry.checkpoint)),)

    def _plugin_of(self, origin: ZooOrigin, entry: PluginEntry | ModelEntry, place: KeyPath) -> str:
        if entry.use not in (None, origin.plugin):
            text = f"the zoo's model is a '{origin.plugin}'; leave `use` out"
            raise self.loaded.mistake((*place, "use"), text)
        return origin.plugin

    def build(self, found: Named, base: type[Any], *args: object) -> Any:
        """Construct a plugin once, so that invalid options are found before any work."""
        try:
            options = self.registry.located(found.type, found.options)
            built = construct(found.type, found.plugin, options, *args)
        except TooLargeError:
            raise
        except PluginError as error:
            raise self.loaded.mistake(found.place, str(error)) from error
        if not isinstance(built, base):
            message = f"'{found.plugin}' is no {base.__name__}"
            raise self.loaded.mistake(found.place, message)
        return built

    def of_classifier(self, detector: str) -> bool:
        """Return whether a detector reads only a classifier."""
        built = self.built_detectors[detector]
        return all(split_role(need)[0] == "classifier" for need in built.needs)

    def uses(self, detector: str) -> str:
        """Return what a detector reads beside the model and held-out ID images, in words.

        A detector that is fitted on training images reads them in place of the held-out ones.

        OOD images are never among it: the interface has no way to pass them.
        """
        built = self.built_detectors[detector]
        needs = [split_role(need) for need in (*built.needs, *built.fits_on)]
        roles = dict.fromkeys(role for role, _ in needs if role)
        taken = [TAKEN[role] for role in roles]
        if "classifier" in roles or any(column == LABEL for _, column in needs):
            taken.append("labels")
        if built.fit_on == "train":
            taken.append("training images")
        if built.group > 1:
            taken.append(f"groups of {built.group} images")
        return ", ".join(taken) or "none"

    def _mixture(self, of: str) -> type[Any]:
        """Return the stand-in for an ensemble of a model."""
        kind: LogProbKind = getattr(self.models[of].type, "log_prob_is", "bound")
        return MIXTURES[kind]

    def provider(self, column: str, model: Named) -> str | None:
        """Return the statistic that yields a column for a model."""
        if column == "log_prob" and self.samples(model) > 1:
            return column
        return provider(column, self.statistics, model.type)

    def samples(self, model: Named) -> int:
        """Return the number of dequantization draws that a model's `log_prob` averages over."""
        asked = self.loaded.suite.evaluation.dequantization.samples
        return asked if dequantized(model.type) else 1

    def lack(self, columns: tuple[str, ...], model: Named) -> str | None:
        """Return why a model does not yield some columns; None if it yields all."""
        for column in columns:
            if self.provider(column, model):
                continue
            wanted = {
                statistic.requires.__name__: statistic.requires
                for statistic in self.statistics.values()
                if column in statistic.columns and statistic.requires is not None
            }
            lacks = " and ".join(lacking(_kind(model), wanted[name]) for name in sorted(wanted))
            return f"no statistic '{column}': {lacks}"
        return None

    def unfit(self, analysis: str, model: Named) -> str | None:
        """Return why an analysis does not apply to a model; None if it does."""
        built = self.built_analyses[analysis]
        if issubclass(model.type, Mixture) and (built.uses_model or built.uses_course):
            return "it needs a single trained model, not an ensemble"
        if built.uses_course and model.checkpoint is not None and not model.checkpoint.followed:
            return UNPROBED
        if built.requires is not None and not has(model.type, built.requires):
            return lacking(_kind(model), built.requires)
        return self.lack(built.needs, model)


def _kind(model: Named) -> str:
    """Return what to call a model when it lacks something: its class, or an ensemble."""
    return "an ensemble" if issubclass(model.type, Mixture) else model.type.__name__
