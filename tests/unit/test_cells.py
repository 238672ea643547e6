"""Kinds of cells: what is hashed of them, how they are read back, and that one is one file."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ood_bench.cells import KINDS, Address, Cell, Spec, kinds
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.detect import Detect
from ood_bench.cells.metric import BitsMetric, DetectionMetrics
from ood_bench.cells.score import Score
from ood_bench.cells.spec import Input
from ood_bench.cells.tables import write_json
from ood_bench.cells.train import Train
from ood_bench.cells.worker import Task
from ood_bench.data import Library, Shape
from ood_bench.errors import StoreError
from ood_bench.execute import Done, Inline, WorkContext
from ood_bench.hashing import canonical, digest
from ood_bench.plan import build_plan
from ood_bench.registry import Registry
from ood_bench.runs import RunRecord, archive, read_record, store_of
from ood_bench.store import Store
from ood_bench.suite import load_suite

ONE, TWO = "1" * 32, "2" * 32


@pytest.mark.parametrize(
    ("spec", "kind", "options", "inputs"),
    [
        (
            Train(
                plugin="glow",
                revision=3,
                options={"width": None},
                shape=Shape(1, 8, 8),
                recipe={"steps": 5},
                seed=1,
                data="d",
            ),
            "train",
            {
                "plugin": "glow",
                "revision": 3,
                "options": {"width": None},
                "shape": [1, 8, 8],
                "recipe": {"steps": 5},
                "seed": 1,
                "data": "d",
            },
            {},
        ),
        (
            Score(statistic="log_prob", data="d", revision=1, member={"0": ONE, "1": TWO}),
            "score",
            {"statistic": "log_prob", "data": "d", "revision": 1},
            {"member.0": ONE, "member.1": TWO},
        ),
        (
            Detect(
                plugin="a",
                revision="f",
                options={},
                held_out={"background.log_prob": ONE},
                images={"log_prob": TWO},
            ),
            "detect",
            {"plugin": "a", "revision": "f", "options": {}},
            {"held_out.background.log_prob": ONE, "images.log_prob": TWO},
        ),
        (
            DetectionMetrics(inside=ONE, outside=TWO, resamples=9, level=0.9),
            "metric",
            {"measures": "detection", "revision": 2, "resamples": 9, "level": 0.9},
            {"inside": ONE, "outside": TWO},
        ),
        (
            Analyse(
                plugin="roc",
                revision=1,
                options={},
                model="glow",
                inside="a",
                outside=("b",),
                shape=Shape(1, 8, 8),
                data={"a/test": "d"},
                level=0.95,
                first=7,
                validation=1,
                held_out=2,
                columns={Analyse.named("a", "test", "log_prob"): ONE},
                trained=TWO,
            ),
            "analysis",
            {
                "plugin": "roc",
                "revision": 1,
                "options": {},
                "model": "glow",
                "inside": "a",
                "outside": ["b"],
                "shape": [1, 8, 8],
                "data": {"a/test": "d"},
                "level": 0.95,
                "first": 7,
                "validation": 1,
                "held_out": 2,
            },
            {"columns/a/test/log_prob": ONE, "model": TWO},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_key_is_that_of_plain_options_and_roles(
    spec: Spec, kind: str, options: dict[str, object], inputs: dict[str, str]
) -> None:
    assert spec.key == digest({"kind": kind, "options": options, "inputs": inputs})


def test_every_planned_cell_is_read_back_from_its_manifest(tiny: Path) -> None:
    more = [
        "evaluation.baseline=likelihood",
        "evaluation.metrics=[partial_auroc]",
        "pairs[0].near=[high]",
    ]
    loaded = load_suite(tiny, assignments=more)
    cells = build_plan(loaded, Registry(), Library(root=None, index=None)).cells
    for cell in cells:
        spec = cell.spec
        manifest = {"kind": spec.family, "options": spec.hashed, "inputs": spec.inputs}
        found = type(spec).of(json.loads(canonical(manifest)), cell.name)
        assert found.key == spec.key
    assert {type(cell.spec) for cell in cells} == {*KINDS}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "score"}, "m is damaged: it is of no cell of kind 'bpd'"),
        ({"options": {"measures": "detection"}}, "it is of no cell of kind 'bpd'"),
        ({"options": {"measures": "bpd", "dims": "3", "level": 0.9}}, "m is damaged: dims"),
        ({"inputs": {}}, "m is damaged: columns"),
        ({"inputs": {"columns": ONE, "x": ONE}}, "m is damaged: no input of it is called 'x'"),
    ],
)
def test_a_manifest_of_something_else_is_refused(changes: dict[str, object], message: str) -> None:
    spec = BitsMetric(columns=ONE, dims=3, level=0.9)
    manifest = {"kind": "metric", "options": spec.hashed, "inputs": spec.inputs}
    assert BitsMetric.of(manifest, "m") == spec
    with pytest.raises(StoreError, match=message):
        BitsMetric.of({**manifest, **changes}, "m")


def test_a_manifest_cannot_say_what_is_not_hashed() -> None:
    options = {"statistic": "s", "data": "d", "images": {"digest": "x"}, "weights": "/etc/passwd"}
    found = Score.of({"kind": "score", "options": options, "inputs": {}}, "m")
    assert found == Score(statistic="s", data="d")


@dataclass(frozen=True, kw_only=True)
class Count(Spec):
    """A kind of a stranger: counts the rows of some columns, and adds."""

    kind = family = "count"
    files = frozenset({"count.json"})

    columns: Input
    more: int = 0

    def work(self, task: Task) -> None:
        rows = task.worker.store.count_rows(self.columns)
        write_json(task.folder / "count.json", {"rows": rows + self.more})


def test_a_kind_of_cell_is_one_class_and_one_entry(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "KINDS", [*KINDS, Count])
    loaded, library = load_suite(tiny), Library(root=None, index=None)
    plan = build_plan(loaded, Registry(), library)
    scored = next(cell for cell in plan.cells if cell.name.endswith("black/test/complexity"))
    at = Address(data="black")
    counted = Cell("count/black", Count(columns=scored.key, more=1), (at,))
    plan = replace(plan, cells=(scored, counted))

    store = Store(tmp_path / "store")
    outcomes = list(Inline().run(plan, store, WorkContext(Registry(), library, "cpu")))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert store.has(counted.key)
    assert Store(store.root).spec(counted.key, Count) == counted.spec
    rows = json.loads(store.read(counted.key, "count.json"))["rows"]
    assert rows == store.count_rows(scored.key) + 1

    record = RunRecord.begun(loaded.suite, plan)
    assert [(cell.key, cell.at) for cell in record.of("count")] == [(counted.key, at)]
    archive(record, store, tmp_path / "kept")
    kept = read_record(tmp_path / "kept")
    with store_of(tmp_path / "kept", tmp_path, kept) as cells:
        assert all(cells.has(cell.key) for cell in kept.of("count", "score"))
