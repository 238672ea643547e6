"""Suite to plan: resolve every option, find every data set, name every cell."""

from collections.abc import Iterable, Mapping
from typing import Any

from ood_bench.data import DataOptions, ImagesInfo, Library, Shape
from ood_bench.data.partition import partition
from ood_bench.errors import DataError, OodBenchError, SuiteError
from ood_bench.hashing import digest
from ood_bench.plan.cell import (
    AnalysisRef,
    BpdRef,
    Cell,
    DataRef,
    DetectionRef,
    Part,
    Plan,
    Skip,
    TrainingRef,
)
from ood_bench.plan.plugins import Named, Plugins
from ood_bench.plan.trial import Side, Trained, Trial, Trials
from ood_bench.recipe import Recipe
from ood_bench.registry import Registry
from ood_bench.statistics import Statistic
from ood_bench.suite import LoadedSuite
from ood_bench.suite.source import Place


class _Builder:
    def __init__(self, loaded: LoadedSuite, plugins: Plugins, trials: Trials) -> None:
        self.loaded = loaded
        self.suite = loaded.suite
        self.library = trials.library
        self.plugins = plugins
        self.trials = trials
        self.cells: dict[str, Cell] = {}
        self.names: set[str] = set()
        self.skips: dict[Skip, None] = dict(trials.skips)
        self.data: dict[tuple[str, str, Shape], DataRef] = {}
        self.detections: list[DetectionRef] = []
        self.bpds: list[BpdRef] = []
        self.trainings: dict[TrainingRef, None] = {}
        self.analyses: list[AnalysisRef] = []

    def _skip(self, skip: Skip) -> None:
        self.skips[skip] = None

    def _add(self, cell: Cell) -> Cell:
        """Add a cell, or return the one that does the same work under another name."""
        if cell.key in self.cells:
            return self.cells[cell.key]
        if cell.name in self.names:
            raise SuiteError(
                f"{self.loaded.source.path}: two pairs ask for different cells "
                f"'{cell.name}'; give one of the models or data sets another name"
            )
        self.cells[cell.key] = cell
        self.names.add(cell.name)
        return cell

    def _info(self, name: str, part: Part, shape: Shape, place: Place) -> ImagesInfo:
        split = _split(part)
        key = (name, split, shape)
        if key not in self.data:
            options = self.suite.data_options(name)
            try:
                info = self.library.info(name, options, split, shape)
            except DataError as error:
                raise self.trials.mistake(place, error) from error
            self.data[key] = DataRef(name, split, info)
        return self.data[key].info

    def _request(self, name: str, part: Part, shape: Shape) -> dict[str, Any]:
        options: DataOptions = self.suite.data_options(name)
        return {
            "data": name,
            "options": options.model_dump(mode="json"),
            "split": _split(part),
            "shape": list(shape),
        }

    def train(self, trial: Trial, seed: int) -> Trained:
        """Add one training."""
        recipe = self.suite.recipe(trial.model.name)
        info = self._info(trial.inside, "train", trial.shape, trial.place)
        try:
            partition(info.count, digest=info.digest, **_sizes(recipe))
        except DataError as error:
            raise self.trials.mistake(trial.place, error) from error
        options: dict[str, Any] = {
            "plugin": trial.model.plugin,
            "revision": trial.model.type.revision,
            "options": trial.model.options,
            "shape": list(trial.shape),
            "recipe": recipe.hashed(),
            "seed": seed,
            "data": info.digest,
        }
        request: dict[str, Any] = {
            "train": self._request(trial.inside, "train", trial.shape),
            "recipe": recipe.model_dump(mode="json"),
        }
        if any(analysis.uses_course for analysis in self.plugins.built_analyses.values()):
            digests, requests = {}, {}
            for name, part, place in trial.probes:
                digests[f"{name}/{part}"] = self._info(name, part, trial.shape, place).digest
                requests[f"{name}/{part}"] = self._request(name, part, trial.shape)
            options["probes"], request["probes"] = digests, requests
        label = f"{trial.model.name}@{trial.inside}/{seed}"
        cell = self._add(Cell("train", f"train/{label}", options, {}, request))
        model = trial.model
        ref = TrainingRef(model.name, model.plugin, trial.inside, seed, cell.key)
        self.trainings[ref] = None
        return Trained(trial, seed, cell)

    def trainings_of(self, trial: Trial) -> Iterable[Trained]:
        """Add a trial's trainings: one a seed, or all members of an ensemble, which are one."""
        if trial.members is None:
            return [self.train(trial, seed) for seed in self.suite.seeds]
        member, seeds = trial.members
        members = tuple(self.train(member, seed) for seed in seeds)
        return [Trained(trial, 0, None, members)]

    def _score(self, statistic: str, trained: Trained, side: Side) -> Cell:
        name, part, place = side
        trial = trained.trial
        found = self.plugins.statistics[statistic]
        options: dict[str, Any] = {
            "statistic": statistic,
            "revision": found.revision,
            "data": self._info(name, part, trial.shape, place).digest,
        }
        if part != "test":
            options |= {"part": part, **_sizes(self.suite.recipe(trial.model.name))}
        if part == "train":
            options["first"] = self.suite.evaluation.train_images
        owner, label = trained.label, str(part)
        if found.requires is None:  # of the images alone, and shared by all models
            owner = "x".join(map(str, trial.shape))
            label += "" if part == "test" else f"-{digest(options)[:6]}"
        return self._add(
            Cell(
                "score",
                f"score/{owner}/{name}/{label}/{statistic}",
                options,
                self._scored(found, trained, side),
                {"images": self._request(name, part, trial.shape)},
            )
        )

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

    def columns(self, needs: Iterable[str], trained: Trained, side: Side) -> dict[str, str]:
        """Add what yields some columns on one side; keys by statistic."""
        model = trained.trial.model
        providers = {self.plugins.provider(column, model) for column in needs}
        return {
            statistic: self._score(statistic, trained, side).key
            for statistic in sorted(filter(None, providers))
        }

    def bpd(self, trained: Trained, side: Side) -> None:
        """Add the mean bits per dimension of one side."""
        name, part, place = side
        trial = trained.trial
        (source,) = self.columns(("log_prob",), trained, side).values()
        cell = self._add(
            Cell(
                "metric",
                f"metric/{trained.label}/{name}/{part}/bpd",
                {
                    "measures": "bpd",
                    "revision": 1,
                    "dims": trial.shape.dims,
                    "level": self.suite.evaluation.level,
                },
                {"columns": source},
            )
        )
        info = self._info(name, part, trial.shape, place)
        self.bpds.append(
            BpdRef(
                model=trial.model.name,
                inside=trial.inside,
                data=name,
                part=part,
                seed=trained.seed,
                key=cell.key,
                transform=info.transform,
                note=_noted(trial.model, info.note),
            )
        )

    def detect(self, detector: Named, trained: Trained, side: Side) -> Cell:
        """Add the scores of one detector on the test images of one data set."""
        name, _, _ = side
        needs = self.plugins.needs[detector.name]
        inside: Side = (trained.trial.inside, "held_out", trained.trial.place)
        held_out = self.columns(needs, trained, inside)
        images = self.columns(needs, trained, side)
        return self._add(
            Cell(
                "detect",
                f"detect/{trained.label}/{name}/{detector.name}",
                {
                    "plugin": detector.plugin,
                    "revision": detector.type.revision,
                    "options": detector.options,
                },
                {f"held_out.{statistic}": key for statistic, key in held_out.items()}
                | {f"images.{statistic}": key for statistic, key in images.items()},
                {"model": trained.label, "data": name, "detector": detector.name},
            )
        )

    def detection(self, detector: Named, trained: Trained) -> dict[str, Cell]:
        """Add the scores and metrics of one detector on every side; scores by data set."""
        trial = trained.trial
        evaluation = self.suite.evaluation
        scores = {
            side[0]: self.detect(detector, trained, side)
            for side in trial.sides
            if side[1] == "test"
        }
        inside_info = self._info(trial.inside, "test", trial.shape, trial.place)
        for name, place in trial.outside.items():
            cell = self._add(
                Cell(
                    "metric",
                    f"metric/{trained.label}/{name}/{detector.name}",
                    {
                        "measures": "detection",
                        "revision": 1,
                        "resamples": evaluation.resamples,
                        "level": evaluation.level,
                    },
                    {"inside": scores[trial.inside].key, "outside": scores[name].key},
                )
            )
            outside_info = self._info(name, "test", trial.shape, place)
            self.detections.append(
                DetectionRef(
                    model=trial.model.name,
                    inside=trial.inside,
                    outside=name,
                    detector=detector.name,
                    seed=trained.seed,
                    key=cell.key,
                    transform=_joined(inside_info.transform, outside_info.transform),
                    note=_noted(trial.model, _joined(inside_info.note, outside_info.note)),
                )
            )
        return scores

    def analyse(
        self, analysis: Named, trained: Trained, scores: Mapping[str, Mapping[str, Cell]]
    ) -> None:
        """Add one analysis of one training."""
        trial = trained.trial
        built = self.plugins.built_analyses[analysis.name]
        inputs = {
            f"columns/{name}/{part}/{statistic}": key
            for name, part, place in trial.sides
            for statistic, key in self.columns(built.needs, trained, (name, part, place)).items()
        }
        if built.uses_scores:
            for detector, cells in scores.items():
                for name, cell in cells.items():
                    inputs[f"scores/{detector}/{name}"] = cell.key
        if built.uses_model:
            inputs["model"] = trained.key
        if built.uses_course:
            inputs["course"] = trained.key
        cell = self._add(
            Cell(
                "analysis",
                f"analysis/{trained.label}/{analysis.name}",
                {
                    "plugin": analysis.plugin,
                    "revision": analysis.type.revision,
                    "options": analysis.options,
                    "model": trial.model.name,
                    "inside": trial.inside,
                    "outside": list(trial.outside),
                    "shape": list(trial.shape),
                    "first": self.suite.evaluation.train_images,
                    "data": {
                        f"{name}/{part}": self._info(name, part, trial.shape, place).digest
                        for name, part, place in trial.sides
                    },
                    **_sizes(self.suite.recipe(trial.model.name)),
                },
                inputs,
                {
                    f"{name}/{part}": self._request(name, part, trial.shape)
                    for name, part, _ in trial.sides
                },
            )
        )
        self.analyses.append(
            AnalysisRef(
                analysis=analysis.name,
                plugin=analysis.plugin,
                options=analysis.options,
                model=trial.model.name,
                inside=trial.inside,
                seed=trained.seed,
                key=cell.key,
            )
        )

    def add_trial(self, trial: Trial) -> None:
        """Add all that one trial asks for, for every seed."""
        self._check_model(trial.members[0] if trial.members else trial)
        lacks = {
            name: self.plugins.lack(self.plugins.needs[name], trial.model)
            for name in self.plugins.detectors
        } | {name: self.plugins.unfit(name, trial.model) for name in self.plugins.analyses}
        for name, reason in lacks.items():
            if reason:
                cell, model = f"{trial.model.name} × {name}", trial.model.name
                absent = (
                    {"model": model, "detector": name} if name in self.plugins.detectors else {}
                )
                self._skip(Skip(cell, reason, **absent))
        for trained in self.trainings_of(trial):
            for side in trial.sides:
                self.bpd(trained, side)
            scores = {
                name: self.detection(detector, trained)
                for name, detector in self.plugins.detectors.items()
                if not lacks[name]
            }
            for name, analysis in self.plugins.analyses.items():
                if not lacks[name]:
                    self.analyse(analysis, trained, scores)

    def _check_model(self, trial: Trial) -> None:
        """Build the model once, so that a shape that it refuses is known before any training."""
        import torch

        from ood_bench.lit import DensityModule

        with torch.random.fork_rng(devices=[]):
            self.plugins.build("models", trial.model, DensityModule, trial.shape)

    def plan(self) -> Plan:
        """Return what was added."""
        return Plan(
            cells=tuple(self.cells.values()),
            skips=tuple(self.skips),
            detections=tuple(self.detections),
            bpds=tuple(self.bpds),
            trainings=tuple(self.trainings),
            analyses=tuple(self.analyses),
            data=tuple(self.data.values()),
        )


def _split(part: Part) -> str:
    return "test" if part == "test" else "train"


def _sizes(recipe: Recipe) -> dict[str, int]:
    return {"validation": recipe.validation, "held_out": recipe.held_out}


def _noted(model: Named, note: str) -> str:
    """Return a note on data, and that a model's log-likelihoods are bounds if they are."""
    bound = f"log_prob of {model.name} is a lower bound" if model.type.bound else ""
    return "; ".join(filter(None, (note, bound)))


def _joined(inside: str, outside: str) -> str:
    """Return what is said of both sides, once if it is the same."""
    if inside == outside:
        return inside
    return "; ".join(f"{side}: {text}" for side, text in (("in", inside), ("out", outside)) if text)


def build_plan(
    loaded: LoadedSuite, registry: Registry, library: Library, *, skip_missing: bool = False
) -> Plan:
    """Resolve a suite into cells; nothing is trained and no device is touched.

    Args:
        loaded: The suite.
        registry: The installed plugins; only those that the suite names are imported, and the
            statistics.
        library: The data sets.
        skip_missing: Whether pairs whose data is missing are skipped; otherwise an error.

    Raises:
        SuiteError: If the suite names plugins, options or shapes that cannot be.
        DataError: If a data set is missing, damaged, empty or of the wrong shape.
    """
    plugins = Plugins(loaded, registry)
    trials = Trials(loaded, plugins, library, skip_missing=skip_missing)
    builder = _Builder(loaded, plugins, trials)
    for trial in trials:
        builder.add_trial(trial)
    plan = builder.plan()
    if not plan.cells:
        reasons = "; ".join(dict.fromkeys(skip.reason for skip in plan.skips))
        raise OodBenchError(f"{loaded.source.path}: nothing can be run: {reasons}")
    return plan
