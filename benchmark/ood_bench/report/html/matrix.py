"""The matrix of all detectors on all pairs, as data for the page's script."""

from collections.abc import Mapping
from typing import Any

from ood_bench.metrics.spec import MetricSpec
from ood_bench.report.document import Detections
from ood_bench.report.measured import MeasuredDetection
from ood_bench.results import untrained

DIGITS = 6


def detection_matrix(
    detections: Detections, charts: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    """Return metrics, detectors, and a row for each model and pair with a cell per detector.

    Args:
        detections: The detectors' values on every pair.
        charts: The id of the element with the likelihood histogram of each (model, inside).
    """
    found = detections.found
    measured = [entry for entry in found if entry.pooled]
    names = list(dict.fromkeys(entry.detector for entry in measured))
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for entry in measured:
        address = (entry.model, entry.inside, entry.outside)
        cells = rows.setdefault(address, [{"reason": ""} for _ in names])
        cells[names.index(entry.detector)] = _cell(entry, detections.metrics)
    untaught = {
        (entry.model, entry.inside, entry.outside)
        for entry in measured
        if untrained(entry.remarks())
    }
    for entry in found:
        if not entry.pooled:
            _explain(entry, rows, names)
    return {
        "metrics": [_metric(spec) for spec in detections.metrics],
        "detectors": names,
        "rows": [
            {
                "model": f"{model} (not trained)"
                if (model, inside, outside) in untaught
                else model,
                "gray": (model, inside, outside) in untaught,
                "inside": inside,
                "outside": outside,
                "chart": charts.get((model, inside), ""),
                "remark": detections.remarks.get((inside, outside), ""),
                "cells": cells,
            }
            for (model, inside, outside), cells in rows.items()
        ],
    }


def _metric(spec: MetricSpec) -> dict[str, Any]:
    best = 1 if spec.higher_is_better else 0
    return {"id": spec.name, "name": spec.heading, "chance": spec.chance, "best": best}


def _cell(entry: MeasuredDetection, metrics: tuple[MetricSpec, ...]) -> dict[str, Any]:
    rows = entry.pooled
    first = next(iter(rows.values()))
    return {
        "values": {
            spec.name: [round(value, DIGITS) for value in (row.value, row.low, row.high)]
            for spec in metrics
            if (row := rows.get(spec.name))
        },
        "inside": first.n_inside,
        "outside": first.n_outside,
        "trainings": entry.trainings("auroc"),
        "note": "; ".join(filter(None, entry.remarks())),
    }


def _explain(
    entry: MeasuredDetection,
    rows: Mapping[tuple[str, str, str], list[dict[str, Any]]],
    names: list[str],
) -> None:
    """Add to empty cells the reasons of the omissions that concern them."""
    for address, cells in rows.items():
        wanted = (entry.model, entry.inside, entry.outside)
        if any(part not in ("", own) for part, own in zip(wanted, address, strict=True)):
            continue
        for name, cell in zip(names, cells, strict=True):
            if entry.detector in ("", name) and cell.get("reason") == "":
                cell["reason"] = entry.reason
