"""Checks of a plan's models before training: options, shape, memory, logger, checkpoint."""

from typing import TYPE_CHECKING

from ood_bench.data import Shape
from ood_bench.errors import PluginError, TooLargeError
from ood_bench.hashing import digest
from ood_bench.plan.plugins import Plugins
from ood_bench.plan.trial import Trial
from ood_bench.suite import LoadedSuite

if TYPE_CHECKING:
    from ood_bench.lit import ImageModule


class Models:
    """Checks each model of a suite on each of its shapes, before any training.

    Attributes:
        sizes: The size of each model in words, by name and shape, and by ID data set where it has
            another there.
    """

    def __init__(self, loaded: LoadedSuite, plugins: Plugins) -> None:
        self.loaded = loaded
        self.plugins = plugins
        self.sizes: dict[str, str] = {}
        self._linear: dict[tuple[str, str, Shape], bool] = {}
        self._checked: set[tuple[str, str, Shape]] = set()

    def check(self, trial: Trial) -> None:
        """Check a trial's model; repeated calls for one model and shape check it once.

        Raises:
            SuiteError: If it rejects its options or the shape, is not a model, cannot score images,
                needs more memory than the machine has, or if its logger is not installed or its
                checkpoint does not fit.
        """
        model, key = trial.model, _key(trial)
        if key in self._checked:
            return
        self._checked.add(key)
        if model.checkpoint is None:
            self._check_logger(trial)
        self._check_size(trial)

    def has_linear_head(self, trial: Trial) -> bool:
        """Return whether the features of a trial's classifier enter its last linear layer.

        Raises:
            SuiteError: If the classifier is refused, as by `check`.
        """
        from ood_bench.lit import ClassifierModule

        kind = trial.model.type
        if getattr(kind, "has_linear_head", None) in (None, ClassifierModule.has_linear_head):
            return True
        self.check(trial)
        key = _key(trial)
        if key not in self._linear:
            import torch

            with torch.random.fork_rng(devices=[]):
                built = self._built(trial)
                self._linear[key] = not isinstance(built, ClassifierModule) or (
                    built.has_linear_head()
                )
        return self._linear[key]

    def _check_size(self, trial: Trial) -> None:
        from ood_bench.lit import Size, load_pretrained, outline, refuse_too_large

        model = trial.model
        try:
            built = outline(model.plugin, lambda: self._built(trial))
            size = Size.of(built)
            refuse_too_large(model.plugin, size, trained=model.checkpoint is None)
        except TooLargeError as error:
            raise self.loaded.mistake(model.place, str(error)) from error
        name = f"{model.name} on {trial.shape}"
        if self.sizes.setdefault(name, str(size)) != str(size):
            self.sizes[f"{name} of {trial.inside}"] = str(size)
        self._rehearse(trial, built)
        if model.checkpoint is None:
            return
        try:
            import torch

            with torch.random.fork_rng(devices=[]):
                for weights in model.checkpoint.weights.values():
                    load_pretrained(self._built(trial), weights.path)
        except PluginError as error:
            raise self.loaded.mistake((*model.place, "checkpoint"), str(error)) from error

    def _rehearse(self, trial: Trial, outlined: "ImageModule") -> None:
        """Check that a density of another package scores images, without a context for instance."""
        from ood_bench.lit import FloatDensity, cannot_score

        if not isinstance(outlined, FloatDensity):
            return

        def again() -> FloatDensity:
            found = self._built(trial)
            if not isinstance(found, FloatDensity):
                raise TypeError(f"{type(found).__name__} is no FloatDensity any more")
            return found

        if reason := cannot_score(outlined, again):
            text = f"'{trial.model.plugin}' scores no images of {trial.shape}: {reason}"
            raise self.loaded.mistake(trial.model.place, text)

    def _built(self, trial: Trial) -> "ImageModule":
        from ood_bench.lit import ClassifierModule, DensityModule

        base = ClassifierModule if trial.supervised else DensityModule
        built: ImageModule = self.plugins.build(trial.model, base, trial.shape)
        return built

    def _check_logger(self, trial: Trial) -> None:
        from ood_bench.lit import refuse_missing_logger

        try:
            refuse_missing_logger(trial.recipe)
        except PluginError as error:
            place = self.loaded.training(trial.model.place, "logger")
            raise self.loaded.mistake(place, str(error)) from error


def _key(trial: Trial) -> tuple[str, str, Shape]:
    """Return what a trial's model is known by: its name, options and weights, and the shape."""
    model = trial.model
    given = model.checkpoint.weights.values() if model.checkpoint else ()
    weights = [weights.sha256 for weights in given]
    return model.name, digest([model.options, weights]), trial.shape
