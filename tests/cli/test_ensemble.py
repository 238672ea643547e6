"""An ensemble is a model to the rest of a suite, computed from its members' columns."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.conftest import Command
from tests.stored import members as files

from ood_bench.cells.environment import Environment
from ood_bench.runs import read_record
from ood_bench.runs.ranking import rank
from ood_bench.store import Store

SMALL = ("--set", "analyses=[histogram, course]", "--set", "claims=[]")


def members(tiny: Path, seeds: str) -> tuple[str, ...]:
    assignment = f"ensembles={{three: {{of: glow, seeds: {seeds}}}}}"
    return ("run", str(tiny), *SMALL, "--set", assignment)


def columns(folder: Path) -> dict[str, np.ndarray]:
    """Read the log_prob columns of the outside's test images by the cell's name."""
    found = {}
    for key, manifest in files(folder).items():
        cell = json.loads(manifest.read_text())
        if cell["kind"] == "score" and "/high/test/" in cell["name"]:
            table = pq.read_table(files(folder, "columns.parquet")[key].open("rb"))
            if "log_prob" in table.column_names:
                found[cell["name"].split("/high")[0]] = table["log_prob"].to_numpy()
    return found


def test_an_ensembles_likelihood_is_the_mean_of_its_members(tiny: Path, ood_bench: Command) -> None:
    done = ood_bench(*members(tiny, "[0, 1, 2]"))
    assert done.status == 0, done.err
    assert "three trained on low" in done.out
    found = columns(tiny.parent / "results")
    each = np.stack([found[f"score/glow@low/{seed}"] for seed in range(3)])
    mean = np.log(np.exp(each - each.max(axis=0)).mean(axis=0)) + each.max(axis=0)
    np.testing.assert_allclose(found["score/three@low/0"], mean, rtol=1e-12)
    again = ood_bench("run", tiny, *SMALL, "--set", "seeds=[0, 1, 2]", "--dry-run")
    trainings = [line for line in again.out.splitlines() if "train/glow@low" in line]
    assert len(trainings) == 3
    assert all("stored" in line for line in trainings), "members are trained once, for all"
    (run,) = tiny.parent.glob("results/tiny-*")
    record = replace(read_record(run), baseline="likelihood")
    ranking = rank(record, Store(tiny.parent / "results/store"))
    assert ranking is not None
    costs = [cost for cost in ranking.costs if cost.detector == "likelihood"]
    assert {cost.model: str(cost.passes) for cost in costs if cost.model != "cv-glow"} == {
        "glow": "1 F",
        "three": "3 F",  # its members'
    }

    class OfOneSecond(Store):
        """Each cell took a second."""

        def environment(self, key: str) -> Environment:
            return Environment(seconds="1.0")

    ranking = rank(record, OfOneSecond(tiny.parent / "results/store"))
    assert ranking is not None
    times = {c.model: c.milliseconds for c in ranking.costs if c.detector == "likelihood"}
    assert times["three"] == pytest.approx(times["glow"] * 5 / 2)  # with three members' columns


def test_what_needs_one_model_is_skipped_for_an_ensemble(tiny: Path, ood_bench: Command) -> None:
    planned = ood_bench(*members(tiny, "[0, 1]"), "--dry-run")
    assert "three × course: it needs a single trained model, not an ensemble" in planned.out


def test_mistakes_in_an_ensemble_are_one_line_each(tiny: Path, ood_bench: Command) -> None:
    for given, message in (
        ("{three: {of: gloww, seeds: [0, 1]}}", "the suite has no model 'gloww'; did you mean"),
        ("{three: {of: glow, seeds: [0, 0]}}", "one of them is given twice"),
        ("{glow: {of: glow, seeds: [0, 1]}}", "a model has the same name"),
        ("{three: {of: glow, seeds: [0]}}", "at least 2 items"),
    ):
        done = ood_bench("run", tiny, "--set", f"ensembles={given}")
        assert done.status == 2
        assert message in done.err
        assert done.err.count("\n") == 1
