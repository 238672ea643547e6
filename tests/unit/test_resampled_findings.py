"""Findings of drawn images: the analysis itself on the columns and scores that are kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.cells import Address, Cell, Spec
from ood_bench.cells.address import RecordedCell
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.detect import Detect
from ood_bench.cells.score import Score
from ood_bench.claims import Rows
from ood_bench.results import FindingRow
from ood_bench.runs import resampled_findings
from ood_bench.runs.resampled_findings import DRAWS, Findings
from ood_bench.store import Store, write_columns

COLUMN = {"inside": np.arange(6.0), "outside": np.arange(4.0) ** 2}


class Means(Analysis):
    """Mean of a column of the outside, of scores of the inside, and what the study says."""

    needs = ("log_prob",)
    uses_scores = True
    revision = 3
    seen: ClassVar[list[Study]] = []

    def __init__(self, *, factor: float = 1.0) -> None:
        self.factor = factor

    def tabulate(self, study: Study) -> pd.DataFrame:
        self.seen.append(study)
        (outside,) = study.outside
        return pd.DataFrame(
            {
                "outside": [self.factor * study.columns[outside, "test"]["log_prob"].mean()],
                "inside": [study.scores["likelihood", study.inside].mean()],
                "train": [study.columns[study.inside, "train"]["log_prob"].mean()],
                "level": [self.level],
            }
        )

    def caption(self, table: pd.DataFrame) -> str:
        return ""

    def draw(self, table: pd.DataFrame) -> Figure:
        raise NotImplementedError

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        return tuple(
            Finding(str(name), value := float(table[name].iloc[0]), value, value, outside="")
            for name in table
        )


class Kept:
    """An analysis in a store, with the cells that it was made of."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.store, self.sizes = Store(root), dict[str, tuple[str, Rows]]()
        inputs = {
            "columns/low/train/log_prob": self.add("columns", "train", COLUMN["inside"] - 9.0),
            "columns/low/test/log_prob": self.add("columns", "test", COLUMN["inside"]),
            "columns/high/test/log_prob": self.add("columns", "other", COLUMN["outside"]),
            "scores/likelihood/low": self.add("scores", "test", 10.0 * COLUMN["inside"]),
        }
        self.options = {
            "plugin": "means",
            "revision": 3,
            "options": {"factor": 2.0},
            "model": "glow",
            "inside": "low",
            "outside": ["high"],
            "shape": [1, 2, 2],
            "level": 0.8,
        } | options
        self.inputs = inputs

    def add(self, kind: str, images: str, values: NDArray[np.float64]) -> str:
        spec: Spec = Score(statistic="log_prob", data=images)
        if kind == "scores":
            spec = Detect(plugin=images, revision=1, options={}, held_out={}, images={})
        cell, column = Cell(f"{kind}/{images}", spec), "score" if kind == "scores" else "log_prob"
        with self.store.write(cell) as folder:
            write_columns(folder / f"{kind}.parquet", {column: values})
        self.sizes[cell.key] = (images, Rows(len(values)))
        return cell.key

    def findings(self, plugin: str = "means") -> Findings:
        manifest = {"kind": "analysis", "options": self.options, "inputs": self.inputs}
        cell = Cell("analysis/x", Analyse.of(manifest, "analysis/x"))
        with self.store.write(cell) as folder:
            write_columns(folder / "table.parquet", {"x": np.zeros(1)})
            (folder / "findings.json").write_text(json.dumps([]))
        at = Address(analysis="means", plugin=plugin, model="glow", inside="low")
        return Findings(RecordedCell("analysis", cell.key, at), self.store, self.sizes.__getitem__)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> type[Means]:
    class Installed:
        def __init__(self, base: Path) -> None: ...

        def load(self, kind: str, name: str) -> type[Means]:
            assert (kind, name) == ("analyses", "means")
            return Means

    Means.seen.clear()
    monkeypatch.setattr(resampled_findings, "Registry", Installed)
    return Means


def row(name: str, value: float, outside: str = "") -> FindingRow:
    return FindingRow("s", "means", "glow", "low", outside, "0", name, value, value, value)


VALUES = {"outside": 2.0 * 3.5, "inside": 25.0, "train": -6.5, "level": 0.8}


@pytest.mark.parametrize("name", VALUES)
def test_a_finding_of_all_images_is_the_stored_one_and_of_drawn_ones_theirs(
    tmp_path: Path, name: str
) -> None:
    found = Kept(tmp_path).findings().read(row(name, VALUES[name]))
    assert found is not None
    assert found.reads == {"train": Rows(6), "test": Rows(6), "other": Rows(4)}
    assert (found.draws, found.influence) == (DRAWS, None)
    draw = {"train": np.full(6, 5), "test": np.full(6, 2), "other": np.array([3, 3, 0, 0])}
    expected = {"outside": 9.0, "inside": 20.0, "train": -4.0, "level": 0.8}
    assert found.resampled(draw) == pytest.approx(expected[name])


def test_the_study_is_that_of_the_stored_analysis_without_its_images(tmp_path: Path) -> None:
    Kept(tmp_path).findings().read(row("inside", 25.0))
    (study,) = Means.seen
    assert (study.model, study.inside, study.outside) == ("glow", "low", ("high",))
    assert tuple(study.shape) == (1, 2, 2)
    with pytest.raises(Exception, match="^the test images of 'high' are not kept with the numb"):
        study.images("high", "test")


def test_findings_of_one_draw_are_made_once(tmp_path: Path) -> None:
    findings = Kept(tmp_path).findings()
    one, two = (findings.read(row(name, VALUES[name])) for name in ("outside", "inside"))
    assert one
    assert two
    Means.seen.clear()
    draw = {"train": np.zeros(6, int), "test": np.zeros(6, int), "other": np.zeros(4, int)}
    for _ in range(2):
        one.resampled(draw)
        two.resampled(draw)
    assert len(Means.seen) == 1
    one.resampled(dict(draw))
    assert len(Means.seen) == 2


def test_another_number_than_the_stored_one_is_not_taken(tmp_path: Path) -> None:
    findings = Kept(tmp_path).findings()
    assert findings.read(row("inside", 25.0 * (1 + 1e-10)))
    assert findings.read(row("inside", 25.0 * (1 + 1e-8))) is None
    assert findings.read(row("nothing", 25.0)) is None
    assert findings.read(row("inside", 25.0, outside="high")) is None


@pytest.mark.parametrize("plugin", ["./mine.py:Means", "package.module"])
def test_code_beside_the_suite_is_not_run(tmp_path: Path, plugin: str) -> None:
    assert Kept(tmp_path).findings(plugin).read(row("inside", 25.0)) is None
    assert Means.seen == []


@pytest.mark.parametrize("name", ["uses_model", "uses_course"])
def test_an_analysis_that_calls_the_model_or_follows_its_training_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Means, name, True)
    assert Kept(tmp_path).findings().read(row("inside", 25.0)) is None
    assert Means.seen == []


@pytest.mark.parametrize("options", [{"revision": 4}, {"options": {"no_such": 1}}])
def test_an_analysis_of_another_revision_or_with_other_options_is_not_run(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    assert Kept(tmp_path, **options).findings().read(row("inside", 25.0)) is None
    assert Means.seen == []


def test_a_level_that_was_not_kept_is_the_analysis_own(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    del kept.options["level"]
    assert kept.findings().read(row("level", Means().level))


def test_an_analysis_that_reads_the_images_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Means, "tabulate", lambda self, study: study.images("low", "test"))
    assert Kept(tmp_path).findings().read(row("inside", 25.0)) is None


@pytest.mark.parametrize("lost", ["cell", "scores", "groups", "kind"])
def test_an_analysis_of_which_something_is_not_kept_is_not_run(tmp_path: Path, lost: str) -> None:
    kept = Kept(tmp_path)
    role = "scores/likelihood/low"
    if lost == "cell":
        kept.inputs[role] = "0" * 32
    elif lost == "scores":
        kept.inputs[role] = kept.inputs["columns/low/test/log_prob"]
    elif lost == "groups":
        kept.inputs[role] = kept.add("scores", "groups", np.arange(3.0))
    else:
        kept.inputs["model"] = kept.inputs[role]
    assert kept.findings().read(row("inside", 25.0)) is None
    assert Means.seen == []


def test_columns_of_several_statistics_are_one_table(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    cell = Cell("columns/more", Score(statistic="more", data="more"))
    with kept.store.write(cell) as folder:
        write_columns(folder / "columns.parquet", {"more": COLUMN["outside"]})
    kept.sizes[cell.key] = ("other", Rows(4))
    kept.inputs["columns/high/test/more"] = cell.key
    kept.findings().read(row("inside", 25.0))
    assert set(Means.seen[0].columns["high", "test"]) == {"log_prob", "more"}
    assert replace(Means.seen[0]).columns["low", "train"].keys() == {"log_prob"}
