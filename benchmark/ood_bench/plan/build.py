"""Suite to plan: resolve every option, find every data set, name every cell."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ood_bench.capabilities import IN_WORDS, log_prob_kind
from ood_bench.cells import Cell, Part
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import AddedMetric, BitsMetric, DetectionMetrics, DifferenceMetric
from ood_bench.data import Library
from ood_bench.errors import OodBenchError
from ood_bench.plan.audit import add_audits
from ood_bench.plan.fits import Fits
from ood_bench.plan.plan import Plan
from ood_bench.plan.plugins import CLASSIFIER, UNPROBED, Named, Plugins, split_role
from ood_bench.plan.sources import Sources
from ood_bench.plan.trial import DataPart, Trained, Trial, Trials
from ood_bench.registry import Registry
from ood_bench.results import GROUPED, Omission
from ood_bench.statistics import LABEL
from ood_bench.suite import LoadedSuite


class _Builder:
    def __init__(self, loaded: LoadedSuite, plugins: Plugins, trials: Trials) -> None:
        self.loaded = loaded
        self.suite = loaded.suite
        self.level = loaded.suite.evaluation.level
        self.plugins = plugins
        self.trials = trials
        self.sources = Sources(loaded, plugins, trials)
        self.skips: dict[Omission, None] = dict(trials.skips)
        self.fits = Fits(loaded, plugins, self.sources)

    def bpd(self, trained: Trained, side: DataPart) -> None:
        """Add the mean bits per dimension of one part of a data set."""
        name, part, place = side
        trial = trained.trial
        (columns,) = self.sources.columns(("log_prob",), trained, side).values()
        spec = BitsMetric(columns=columns, dims=trial.shape.dims, level=self.level)
        info = self.sources.info(name, part, trial.shape, place)
        note = _noted(trial.model, self.plugins.samples(trial.model), info.note)
        at = replace(trained.at, data=name, part=part, transform=info.transform, note=note)
        self.sources.add(Cell(f"metric/{trained.label}/{name}/{part}/bpd", spec, (at,)))

    def detect(self, detector: Named, trained: Trained, side: DataPart) -> Cell:
        """Add the scores of one detector on the test images of one data set."""
        name, _, _ = side
        built = self.plugins.built_detectors[detector.name]
        needs = tuple(built.needs)
        part: Part = "fit" if built.fit_on == "train" else "held_out"
        inside: DataPart = (trained.trial.inside, part, trained.trial.place)
        known = self.sources.columns((*needs, *built.fits_on), trained, inside)
        spec = Detect(
            plugin=detector.plugin,
            revision=detector.revision,
            options=detector.options,
            held_out={} if part == "fit" else known,
            images=self.sources.columns(needs, trained, side),
            train=known if part == "fit" else {},
        )
        at = replace(trained.at, detector=detector.name, data=name)
        return self.sources.add(Cell(f"detect/{trained.label}/{name}/{detector.name}", spec, (at,)))

    def detection(self, detector: Named, trained: Trained) -> dict[str, Cell]:
        """Add scores and metrics of one detector on a trial; return score keys by data set."""
        trial = trained.trial
        scores = {
            side[0]: self.detect(detector, trained, side)
            for side in trial.sides
            if side[1] == "test"
        }
        inside = self.sources.info(trial.inside, "test", trial.shape, trial.place)
        group = self.plugins.built_detectors[detector.name].group
        grouped = f"{GROUPED}{group} images" if group > 1 else ""
        samples = self.plugins.samples(trial.model)
        for name, place in trial.outside.items():
            measured: dict[str, Any] = {
                "inside": scores[trial.inside].key,
                "outside": scores[name].key,
                "resamples": self.suite.evaluation.resamples,
                "level": self.level,
            }
            outside = self.sources.info(name, "test", trial.shape, place)
            at = replace(
                trained.at,
                outside=name,
                detector=detector.name,
                transform=_joined(inside.transform, outside.transform),
                note=_noted(trial.model, samples, _joined(inside.note, outside.note), grouped),
            )
            called = f"metric/{trained.label}/{name}/{detector.name}"
            self.sources.add(Cell(called, DetectionMetrics(**measured), (at,)))
            for metric in self.plugins.metrics.values():
                spec = AddedMetric(
                    plugin=metric.plugin,
                    revision=metric.revision,
                    options=metric.options,
                    **measured,
                )
                own = replace(at, metric=metric.name, plugin=metric.plugin)
                self.sources.add(Cell(f"{called}/{metric.name}", spec, (own,)))
        return scores

    def pairing(
        self, detector: Named, trained: Trained, scores: Mapping[str, Mapping[str, Cell]]
    ) -> None:
        """Add the paired difference of a detector and the baseline."""
        trial, baseline = trained.trial, self.suite.evaluation.baseline
        if baseline is None or baseline == detector.name or baseline not in scores:
            return
        if self.plugins.built_detectors[detector.name].group > 1:
            return
        own, other = scores[detector.name], scores[baseline]
        for name in trial.outside:
            spec = DifferenceMetric(
                inside=own[trial.inside].key,
                outside=own[name].key,
                baseline_inside=other[trial.inside].key,
                baseline_outside=other[name].key,
                level=self.level,
            )
            at = replace(trained.at, outside=name, detector=detector.name, baseline=baseline)
            called = f"metric/{trained.label}/{name}/{detector.name}-{baseline}"
            self.sources.add(Cell(called, spec, (at,)))

    def analyse(
        self, analysis: Named, trained: Trained, scores: Mapping[str, Mapping[str, Cell]]
    ) -> None:
        """Add one analysis of one trained model."""
        trial = trained.trial
        built = self.plugins.built_analyses[analysis.name]
        images = {
            Analyse.named(name, part): self.sources.wanted(name, part, trial.shape, place)
            for name, part, place in trial.sides
        }
        spec = Analyse(
            plugin=analysis.plugin,
            revision=analysis.revision,
            options=analysis.options,
            model=trial.model.name,
            inside=trial.inside,
            outside=tuple(trial.outside),
            shape=trial.shape,
            first=self.suite.evaluation.train_images,
            level=self.level,
            data={name: wanted.digest for name, wanted in images.items()},
            columns={
                Analyse.named(side[0], side[1], statistic): key
                for side in trial.sides
                for statistic, key in self.sources.columns(built.needs, trained, side).items()
            },
            scores={
                Analyse.named(detector, name): cell.key
                for detector, cells in scores.items()
                for name, cell in cells.items()
                if built.uses_scores
            },
            trained=trained.key if built.uses_model else None,
            course=trained.key if built.uses_course else None,
            images=images,
            **self.sources.parts(trial),
        )
        at = replace(
            trained.at, analysis=analysis.name, plugin=analysis.plugin, options=analysis.options
        )
        self.sources.add(Cell(f"analysis/{trained.label}/{analysis.name}", spec, (at,)))

    def add_trial(self, trial: Trial) -> None:
        """Add all cells of one trial, for every seed."""
        self.sources.models.check(trial.members[0] if trial.members else trial)
        own = {
            name: found
            for name, found in self.plugins.detectors.items()
            if not self.plugins.of_classifier(name)
            and self.suite.detectors[name].runs_on(trial.model.name)
        }
        analyses = {
            name: found
            for name, found in self.plugins.analyses.items()
            if self.suite.analyses[name].runs_on(trial.model.name)
        }
        lacks = {name: self._lack(name, trial) for name in own}
        lacks |= {name: self.plugins.unfit(name, trial.model) for name in analyses}
        for name, reason in lacks.items():
            if reason:
                cell, model = f"{trial.model.name} × {name}", trial.model.name
                absent = {"model": model, "detector": name} if name in own else {}
                self.skips[Omission(cell, reason, **absent)] = None
        self.fits.check([name for name in own if not lacks[name]], trial)
        for trained in self.sources.trainings_of(trial):
            for side in trial.sides:
                self.bpd(trained, side)
            scores = {
                name: self.detection(detector, trained)
                for name, detector in own.items()
                if not lacks[name]
            }
            for name in scores:
                self.pairing(own[name], trained, scores)
            for name, analysis in analyses.items():
                if lacks[name]:
                    continue
                if self.plugins.built_analyses[name].uses_course and not trained.probed:
                    self.skips[Omission(f"{trained.label} × {name}", UNPROBED)] = None
                    continue
                self.analyse(analysis, trained, scores)

    def add_classifier(self, trial: Trial) -> None:
        """Add the detectors that read only a classifier, on one inside data set."""
        detectors = [
            found
            for name, found in self.plugins.detectors.items()
            if self.plugins.of_classifier(name)
        ]
        if not detectors:
            return
        reasons = [self._lack(found.name, trial) for found in detectors]
        for found, reason in zip(detectors, reasons, strict=True):
            if reason:
                cell = f"classifier@{trial.inside} × {found.name}"
                self.skips[
                    Omission(cell, reason, CLASSIFIER, trial.inside, detector=found.name)
                ] = None
        fit = [found for found, reason in zip(detectors, reasons, strict=True) if not reason]
        if not fit:
            return
        info = self.sources.info(trial.inside, "train", trial.shape, trial.place)
        classifier = self.trials.classifier(trial, info.classes)
        self.fits.check([found.name for found in fit], classifier)
        for trained in self.sources.trainings_of(classifier):
            for found in fit:
                self.detection(found, trained)

    def audit(self) -> None:
        """Add the audit of all data sets and pairs, if the suite asks for it."""
        if self.suite.evaluation.audit:
            labelled = {(one.inside, one.outside) for one in self.suite.categories}
            trials = self.trials.tried_on()
            add_audits(trials, self.sources, level=self.level, labelled=labelled)

    def _lack(self, detector: str, trial: Trial) -> str | None:
        """Return why a detector does not apply to a trial; None if it does."""
        built = self.plugins.built_detectors[detector]
        for need in (*built.needs, *built.fits_on):
            role, column = split_role(need)
            if role and (reason := self.trials.unplayed(role, trial)):
                return reason
            if role == "classifier":
                info = self.sources.info(trial.inside, "train", trial.shape, trial.place)
                if not info.classes:
                    return (
                        f"the training images of '{trial.inside}' have no labels, or not all "
                        "have one of 0 or more"
                    )
                self.fits.check_classes(trial, info.classes)
                if built.reads_last_layer and (reason := self._headless(trial, info.classes)):
                    return reason
            model = self.trials.player(role, trial)
            if column != LABEL and (reason := self.plugins.lack((column,), model)):
                return reason
        return None

    def _headless(self, trial: Trial, classes: int) -> str | None:
        """Return why there is no last layer from the classifier's features to its logits."""
        classifier = self.trials.classifier(trial, classes)
        if self.sources.models.has_linear_head(classifier):
            return None
        return (
            "it reads the last, linear layer, and the features of the classifier are of an "
            "earlier one"
        )

    def plan(self) -> Plan:
        """Return the plan with all added cells."""
        return Plan(
            cells=tuple(self.sources.cells.values()),
            skips=tuple(self.skips),
            data=self.sources.data_read(),
            uses={name: self.plugins.uses(name) for name in self.plugins.detectors},
            sizes=self.sources.models.sizes,
            divisions={
                f"{name} on {shape}": "; ".join(texts)
                for (name, _, shape), texts in self.sources.divisions.items()
            },
        )


def _noted(model: Named, samples: int, *notes: str) -> str:
    """Return notes, extended by the kind of a model's log-likelihoods if not exact."""
    kind = log_prob_kind(model.type)
    over = f" over {samples} draws of noise" if samples > 1 else ""
    said = "" if kind == "exact" else f"log_prob of {model.name} is {IN_WORDS[kind]}{over}"
    return "; ".join(filter(None, (*notes, said)))


def _joined(inside: str, outside: str) -> str:
    """Return the notes of both sides, or one if they are equal."""
    if inside == outside:
        return inside
    return "; ".join(f"{side}: {text}" for side, text in (("in", inside), ("out", outside)) if text)


def build_plan(
    loaded: LoadedSuite, registry: Registry, library: Library, *, skip_missing: bool = False
) -> Plan:
    """Resolve a suite into cells, without training anything or touching a device.

    Args:
        loaded: The suite.
        registry: The installed plugins; only the statistics and the plugins that the suite names
            are imported.
        library: The data sets.
        skip_missing: Skip pairs whose data is missing instead of raising an error.

    Raises:
        SuiteError: If the suite names invalid plugins, options or shapes.
        DataError: If a data set is missing, damaged, empty or has the wrong shape.
    """
    plugins = Plugins(loaded, registry)
    trials = Trials(loaded, plugins, library, skip_missing=skip_missing)
    builder = _Builder(loaded, plugins, trials)
    for trial in trials:
        builder.add_trial(trial)
    for trial in trials.tried_on():
        builder.add_classifier(trial)
    builder.audit()
    plan = builder.plan()
    if not plan.cells:
        reasons = "; ".join(dict.fromkeys(skip.reason for skip in plan.skips))
        raise OodBenchError(f"{loaded.source.path}: nothing can be run: {reasons}")
    return plan
