"""The work of each kind of cell: inputs from the store and the data, files into a folder."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Study
from ood_bench.cells import Cell
from ood_bench.data import Images, Shape
from ood_bench.data.partition import Partition, partition
from ood_bench.detectors import Columns, Detector, Scores
from ood_bench.errors import DataError, PluginError
from ood_bench.execute.auditing import audit
from ood_bench.execute.bench import Bench, Step
from ood_bench.execute.devices import device_named
from ood_bench.hashing import file_sha256, seed_for
from ood_bench.metrics import evaluate, mean_bpd, paired_delong
from ood_bench.recipe import Recipe
from ood_bench.registry import arguments, construct
from ood_bench.statistics import LABEL, in_family
from ood_bench.statistics.ensemble import mixture_log_prob
from ood_bench.store import Store, write_columns, write_table

if TYPE_CHECKING:
    from ood_bench.capabilities import DensityModel
    from ood_bench.lit import FitReport, ImageModule


class Worker:
    """Works on cells in this process; keeps the last model in memory."""

    def __init__(self, bench: Bench, store: Store) -> None:
        self.bench = bench
        self.store = store
        self.device = device_named(bench.device)
        self._model: tuple[str, ImageModule] | None = None
        self._kinds: Mapping[str, Callable[[Cell, Path], None]] = {
            "train": self._train,
            "score": self._score,
            "detect": self._detect,
            "metric": self._metric,
            "analysis": self._analysis,
            "audit": self._audit,
        }

    def work(self, cell: Cell, folder: Path) -> None:
        """Do a cell's work and leave its files in the folder."""
        self._kinds[cell.kind](cell, folder)

    def _build(self, options: Mapping[str, Any]) -> "ImageModule":
        from ood_bench.lit import build

        plugin = self.bench.plugin("models", options)
        given = arguments(plugin, options["plugin"], options["options"])
        model: ImageModule = build(plugin, Shape(*options["shape"]), given, options["seed"])
        return model.to(self.device)

    def _train(self, cell: Cell, folder: Path) -> None:
        from safetensors.torch import save_file

        from ood_bench.lit import DensityModule, Probe, judged

        options = cell.options
        images = self.bench.images(cell.request["train"], options["data"])
        parts = _partition(len(images.pixels), options["data"], options["recipe"])
        model = self._build(options)
        model.recipe = Recipe.model_validate(cell.request["recipe"])
        report = self._fitted(cell, model, images, parts)
        weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
        save_file(weights, folder / "weights.safetensors")
        told = asdict(report)
        if isinstance(model, DensityModule):
            pixels = images.pixels
            sane = judged(model, pixels[parts.train], pixels[parts.validation])
            told |= sane._asdict()
        probes = pd.DataFrame(told.pop("probes"), columns=Probe._fields)
        _write_json(folder / "training.json", told)
        _write_json(folder / "data.json", self.bench.provenance(cell.request["train"]))
        if len(probes):
            write_table(folder / "course.parquet", _arrow(probes))
        self._model = None

    def _fitted(
        self, cell: Cell, model: "ImageModule", images: Images, parts: Partition
    ) -> "FitReport":
        """Train a model, or give it the weights of a checkpoint."""
        from ood_bench.lit import adopt, fit

        options = cell.options
        labels = self._class_labels(images.labels, parts) if "labels" in options else None
        if "checkpoint" in options:
            path = Path(cell.request["checkpoint"])
            if file_sha256(path) != options["checkpoint"]:
                raise DataError(f"{path} changed since the run was planned; run again")
            validation = images.pixels[parts.validation]
            return adopt(model, path, validation, labels=labels[1] if labels else None)
        return fit(
            model,
            images.pixels[parts.train],
            images.pixels[parts.validation],
            labels=labels,
            seed=options["seed"],
            workdir=self.store.training(cell.key),
            progress=lambda progress: self.bench.tell(Step(cell, progress)),
            checkpoint_seconds=self.bench.checkpoint_seconds,
            probes=self._probes(cell, parts),
        )

    def _class_labels(
        self, labels: NDArray[np.int64] | None, parts: Partition
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if labels is None:
            raise DataError("the labels that the run was planned with are gone; run again")
        return labels[parts.train], labels[parts.validation]

    def _probes(self, cell: Cell, parts: Partition) -> dict[str, NDArray[np.uint8]]:
        """Load what a training is probed with; of its own split the images it trains on."""
        found = {}
        for name, digest in cell.options.get("probes", {}).items():
            request = cell.request["probes"][name]
            pixels = self.bench.images(request, digest).pixels
            found[name] = pixels[parts.train] if request["split"] == "train" else pixels
        return found

    def _trained(self, key: str) -> "ImageModule":
        """Return a finished model in evaluation mode, on its device."""
        from safetensors.torch import load_file

        if self._model is None or self._model[0] != key:
            options = self.store.manifest(key)["options"]
            model = self._build(options)
            model.load_state_dict(load_file(self.store.file(key, "weights.safetensors")))
            self._model = (key, model.eval())
        return self._model[1]

    def _density(self, key: str) -> "DensityModel":
        return cast("DensityModel", self._trained(key))

    def _score(self, cell: Cell, folder: Path) -> None:
        if "member.0" in cell.inputs:
            members = [self.store.read_columns(key)["log_prob"] for key in cell.inputs.values()]
            write_columns(folder / "columns.parquet", {"log_prob": mixture_log_prob(members)})
            return
        options = cell.options
        request = cell.request["images"]
        images = self.bench.images(request, options["data"])
        pixels, labels = images.pixels, images.labels
        part = options.get("part")
        if part is not None:
            parts = _partition(len(pixels), options["data"], options)
            rows = parts.held_out if part == "held_out" else parts.train[: options["first"]]
            pixels, labels = pixels[rows], None if labels is None else labels[rows]
        if options["statistic"] == LABEL:
            if labels is None:
                raise DataError(f"{cell.name}: '{request['data']}' has no labels any more")
            write_columns(folder / "columns.parquet", {LABEL: labels.astype(np.float64)})
            return
        statistic = self.bench.registry.load("statistics", options["statistic"])()
        if "samples" in options:
            statistic.samples = options["samples"]
        model = self._trained(cell.inputs["model"]) if "model" in cell.inputs else None
        columns = statistic.compute(pixels, model)
        found = {
            name: values
            for declared in statistic.columns
            for name, values in columns.items()
            if in_family(name, declared)
        }
        for declared in statistic.columns:
            if not any(in_family(name, declared) for name in found):
                raise PluginError(f"{cell.name}: the statistic yields no column '{declared}'")
        for name, values in found.items():
            what = f"{cell.name}: column '{name}' of {request['data']}"
            _require_finite(values, len(pixels), what)
        write_columns(folder / "columns.parquet", found)

    def _columns(self, cell: Cell, prefix: str) -> Columns:
        found: dict[str, NDArray[Any]] = {}
        for role, key in cell.inputs.items():
            if role.startswith(prefix):
                player, _, _ = role.removeprefix(prefix).rpartition(".")
                for name, values in self.store.read_columns(key).items():
                    found[f"{player}.{name}" if player else name] = values
        return found

    def _detect(self, cell: Cell, folder: Path) -> None:
        options = cell.options
        plugin = self.bench.plugin("detectors", options)
        detector: Detector = construct(plugin, options["plugin"], options["options"])
        images = self._columns(cell, "images.")
        scores = detector.fit(self._columns(cell, "held_out."))(images)
        at = cell.at[0]
        what = f"{at.label}: score of detector '{at.detector}' on {at.data}"
        count = len(next(iter(images.values()))) // detector.group
        _require_finite(scores, count, what)
        write_columns(folder / "scores.parquet", {"score": scores})

    def _scores(self, key: str) -> Scores:
        return self.store.read_columns(key, "scores.parquet")["score"]

    def _metric(self, cell: Cell, folder: Path) -> None:
        options = cell.options
        counts: dict[str, int] = {}
        if options["measures"] == "paired":
            sides = ("inside", "outside")
            own, other = (
                [self._scores(cell.inputs[f"{whose}{side}"]) for side in sides]
                for whose in ("", "baseline_")
            )
            difference = paired_delong(
                (own[0], other[0]), (own[1], other[1]), level=options["level"]
            )
            measures = {"auroc_difference": difference}
        elif options["measures"] == "bpd":
            log_prob = self.store.read_columns(cell.inputs["columns"])["log_prob"]
            measures = {"bpd": mean_bpd(log_prob, options["dims"], level=options["level"])}
            counts = {"n": len(log_prob)}
        else:
            inside, outside = (self._scores(cell.inputs[side]) for side in ("inside", "outside"))
            measures = evaluate(
                inside,
                outside,
                seed=seed_for("bootstrap", cell.key),
                resamples=options["resamples"],
                level=options["level"],
            )
            counts = {"n_inside": len(inside), "n_outside": len(outside)}
        values = {name: list(measure) for name, measure in measures.items()}
        _write_json(folder / "metrics.json", {**counts, "measures": values})

    def _analysis(self, cell: Cell, folder: Path) -> None:
        options = cell.options
        columns: dict[tuple[str, Any], Columns] = {}
        scores: dict[tuple[str, str], Scores] = {}
        for role, key in cell.inputs.items():
            kind, first, second, *_ = [*role.split("/"), "", ""]
            if kind == "columns":
                known = columns.get((first, second), {})
                columns[first, second] = {**known, **self.store.read_columns(key)}
            elif kind == "scores":
                scores[first, second] = self._scores(key)

        def images(name: str, part: str) -> NDArray[np.uint8]:
            digest = options["data"][f"{name}/{part}"]
            pixels = self.bench.images(cell.request[f"{name}/{part}"], digest).pixels
            if part == "test":
                return pixels
            rows = _partition(len(pixels), digest, options).train[: options["first"]]
            return pixels[rows]

        study = Study(
            model=options["model"],
            inside=options["inside"],
            outside=tuple(options["outside"]),
            shape=Shape(*options["shape"]),
            columns=columns,
            scores=scores,
            images=images,
        )
        if "course" in cell.inputs:
            course = self.store.read_table(cell.inputs["course"], "course.parquet")
            study = replace(study, course=course.to_pandas())
        if "model" in cell.inputs:
            study = replace(study, trained=partial(self._density, cell.inputs["model"]))
        plugin = self.bench.plugin("analyses", options)
        analysis: Analysis = construct(plugin, options["plugin"], options["options"])
        analysis.level = options["level"]
        found = analysis.tabulate(study)
        write_table(folder / "table.parquet", _arrow(found))
        findings = [_without_empty_note(asdict(item)) for item in analysis.findings(found)]
        _write_json(folder / "findings.json", findings)

    def _audit(self, cell: Cell, folder: Path) -> None:
        _write_json(folder / "audit.json", audit(cell, self.bench, self.store))


def _partition(count: int, digest: str, sizes: Mapping[str, int]) -> Partition:
    return partition(
        count, digest=digest, validation=sizes["validation"], held_out=sizes["held_out"]
    )


def _require_finite(values: NDArray[np.float64], count: int, what: str) -> None:
    """Refuse a column that is not one finite number an image; says which row."""
    if values.shape != (count,):
        raise PluginError(f"{what}: shape {values.shape} instead of ({count},)")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise PluginError(
            f"{what}: row {bad[0]} is {values[bad[0]]} ({len(bad)} of {count} are not finite)"
        )


def _without_empty_note(finding: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in finding.items() if name != "note" or value}


def _arrow(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False))
