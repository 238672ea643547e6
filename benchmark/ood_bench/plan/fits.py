"""Checks before training: enough images for each detector, few enough classes."""

from collections.abc import Iterable

from ood_bench.detectors.rehearsal import too_few
from ood_bench.plan.plugins import Plugins
from ood_bench.plan.sources import Sources
from ood_bench.plan.trial import Trial
from ood_bench.suite import LoadedSuite

MOST_CLASSES = 100_000
"""Maximum number of classes: a classifier has an output for each up to the largest label."""


class Fits:
    """Finds errors that would otherwise occur after training: too few images, too many classes."""

    def __init__(self, loaded: LoadedSuite, plugins: Plugins, sources: Sources) -> None:
        self.loaded = loaded
        self.plugins = plugins
        self.sources = sources
        self._rehearsed: dict[tuple[str, int], str | None] = {}

    def check(self, detectors: Iterable[str], trial: Trial) -> None:
        """Check that a trial has enough images to fit its detectors on, and to test them.

        Raises:
            SuiteError: If it has too few.
        """
        parts = self.sources.division(trial)
        for name in detectors:
            built, place = self.plugins.built_detectors[name], self.plugins.detectors[name].place
            trains = built.fit_on == "train"
            most = self.sources.most("fit" if trains else "held_out")
            images = len(parts.first("train" if trains else "held_out", most))
            if (name, images) not in self._rehearsed:
                installed = ":" not in self.plugins.detectors[name].plugin
                # code in a file may do anything when it fits; planning must not run it
                self._rehearsed[name, images] = too_few(built, images) if installed else None
            if reason := self._rehearsed[name, images]:
                if trains:
                    called = "training"
                    advice = "raise evaluation.fit_images" if most else "train on more"
                else:
                    called = "held-out"
                    advice = "raise training.held_out"
                    if most:
                        advice = "raise evaluation.held_out_images"
                text = f"'{name}' cannot be fitted on {images} {called} images: {reason}"
                raise self.loaded.mistake(place, f"{text}; {advice}")
            for data, part, where in trial.sides if built.group > 1 else ():
                count = self.sources.info(data, part, trial.shape, where).count
                if part == "test" and count < built.group:
                    text = f"'{name}' scores groups of {built.group} images"
                    raise self.loaded.mistake(place, f"{text}; '{data}' has {count} to test on")

    def check_classes(self, trial: Trial, classes: int) -> None:
        """Check that a classifier has an output for each label, and not an absurd number.

        Raises:
            SuiteError: If the suite asks for fewer classes than there are.
            DataError: If there are too many.
        """
        entry = self.loaded.suite.roles.classifier
        asked = entry.options.get("classes") if entry else None
        if isinstance(asked, int) and asked < classes:
            place = ("roles", "classifier", "options", "classes")
            text = f"{asked} classes, and the labels of '{trial.inside}' run to {classes - 1:,}"
            raise self.loaded.mistake(place, text)
        if classes > MOST_CLASSES:
            raise self.sources.trials.mistake(
                trial.place,
                f"'{trial.inside}': its labels run to {classes - 1:,}, and a classifier has an "
                f"output for each number; number the classes from 0, at most {MOST_CLASSES:,}",
            )
