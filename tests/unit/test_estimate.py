"""What a run will cost: pure arithmetic, and the estimate of a dry run beside the run itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.conftest import NORMAL, Command, mine

import ood_bench
from ood_bench.cells import Cell
from ood_bench.cells.analysis import Analyse
from ood_bench.cells.detect import Detect
from ood_bench.cells.score import Score
from ood_bench.cells.train import Train
from ood_bench.data import Shape
from ood_bench.execute import meter
from ood_bench.plan.estimate import (
    CELL_BYTES,
    USUAL,
    CellCost,
    Estimate,
    KindEstimate,
    TrainingEstimate,
    estimated,
    images_of,
    usual_cost,
    work_of,
)
from ood_bench.recipe import Recipe
from ood_bench.store import Store

SHAPE = Shape(1, 8, 8)
FAILS = f"""\
{NORMAL}

class Fails(Normal):
    def loss(self, batch):
        raise RuntimeError("no loss")
"""


def training(name: str = "a", /, **changes: Any) -> Cell:
    options: dict[str, Any] = {
        "plugin": "glow",
        "revision": 1,
        "options": {"width": 8},
        "shape": SHAPE,
        "recipe": {},
        "training": Recipe(steps=200),
        "seed": 0,
        "data": "d",
    }
    return Cell(name, Train(**options | changes))


def group(cell: Cell) -> str:
    return work_of(cell, trainings={}).group


def test_trainings_that_differ_in_seed_steps_and_data_have_one_rate() -> None:
    usual = training()
    for same in ({"seed": 1}, {"training": Recipe(steps=9, learning_rate=0.1)}, {"data": "e"}):
        assert group(training(**same)) == group(usual)
    for other in (
        {"options": {"width": 9}},
        {"plugin": "vae"},
        {"shape": Shape(3, 8, 8)},
        {"training": Recipe(steps=200, batch_size=7)},
        {"checkpoint": "c"},
    ):
        assert group(training(**other)) != group(usual)
    assert work_of(usual, trainings={}).units == 200
    assert work_of(training(checkpoint="c"), trainings={}).units == 1


def test_scores_of_models_alike_have_one_rate() -> None:
    models: dict[str, Any] = {
        cell.key: cell.spec for cell in (training(), training(seed=1), training(plugin="b"))
    }
    found = [
        work_of(
            Cell("s", Score(statistic="log_prob", data="x", model=key)),
            trainings=models,
            images=7,
        )
        for key in models
    ]
    assert found[0] == found[1]
    assert found[0].group != found[2].group
    assert found[0].units == 7
    twice = Score(statistic="log_prob", data="x", model=next(iter(models)), samples=2)
    assert work_of(Cell("s", twice), trainings=models).group != found[0].group


def test_the_estimate_adds_up_what_cells_cost() -> None:
    one, two = training("one"), training("two", seed=1)
    detect = Cell("d", Detect(plugin="knn", revision=1, options={}, held_out={}, images={}))
    own = TrainingEstimate("?", 10, 1000, 200, 4096, 0.0, "?")
    found = estimated(
        "cpu",
        [
            (detect, CellCost(0.5, 3, "usual")),
            (one, CellCost(20.0, 100, "measured")),
            (two, CellCost(30.0, 100, "stored cells")),
        ],
        {one.key: own, two.key: replace(own, memory=8192)},
    )
    assert found.kinds == (KindEstimate("train", 2, 50.0), KindEstimate("detect", 1, 0.5))
    assert (found.seconds, found.disk, found.memory) == (50.5, 203, 8192)
    first, second = found.trainings
    assert (first.cell, first.seconds, first.how) == ("one", 20.0, "measured")
    assert (second.cell, second.seconds, second.how) == ("two", 30.0, "stored cells")
    assert first.flops == 200_000


def test_a_cell_without_a_model_costs_what_its_like_did_or_what_is_usual() -> None:
    detect = Cell("d", Detect(plugin="knn", revision=1, options={}, held_out={}, images={}))
    work = work_of(detect, trainings={})
    assert usual_cost(detect, work, {}) == CellCost(USUAL["detect"], CELL_BYTES, "usual")
    assert usual_cost(detect, work, {work.group: 3.0}).seconds == 3.0


def test_an_analysis_that_calls_its_model_costs_images() -> None:
    model = training()

    def analysis(**more: Any) -> Analyse:
        options: dict[str, Any] = {"revision": 1, "options": {}, "model": "a", "inside": "x"}
        return Analyse(**options, outside=(), shape=SHAPE, **more)

    assert images_of(analysis(plugin="histogram")) == 0
    calling = analysis(plugin="graying", trained=model.key)
    assert images_of(calling) > images_of(analysis(plugin="own", trained=model.key)) > 0
    trainings: dict[str, Any] = {model.key: model.spec}
    other: dict[str, Any] = {model.key: training(plugin="b").spec}
    found = Cell("g", calling)
    assert work_of(found, trainings=trainings) != work_of(found, trainings=other)


@pytest.fixture
def suite(tiny: Path) -> dict[str, Any]:
    return mine("likelihood", "input_complexity")


def test_a_dry_run_says_what_each_training_and_kind_costs(suite: dict[str, Any]) -> None:
    state = torch.get_rng_state()
    planned = ood_bench.dry_run(suite, device="cpu", set={"seeds": [0, 1]})
    found = planned.estimate
    assert found is not None
    assert [one.cell for one in found.trainings] == ["train/normal@low/0", "train/normal@low/1"]
    assert all(one.parameters == 64 and one.seconds > 0 for one in found.trainings)
    assert found.device == "cpu"
    assert {kind.kind for kind in found.kinds} == {"train", "score", "detect", "metric", "analysis"}
    assert sum(kind.cells for kind in found.kinds) == len(planned.to_run)
    assert torch.equal(torch.get_rng_state(), state)
    assert not Path("results").exists()
    assert ood_bench.dry_run(suite, estimate=False).estimate is None


def test_once_measuring_has_taken_long_operations_give_the_time(
    suite: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "PATIENCE", 0.0)
    several = {
        name: {"use": "glow", "options": {"width": 8 * n}} for n, name in enumerate("abc", 1)
    }
    found = ood_bench.dry_run(suite | {"models": several}, device="cpu").estimate
    assert found is not None
    first, *others = found.trainings
    assert first.how.startswith("measured")
    assert {one.how for one in others} == {meter.OPERATIONS}
    rate = first.flops / first.seconds
    for one in others:
        assert rate / 2 < one.flops / one.seconds < rate * 2
        assert one.memory > first.memory
    assert all(kind.seconds > 0 for kind in found.kinds)


def test_an_estimate_changes_no_result(suite: dict[str, Any]) -> None:
    def metrics(results: str) -> str:
        done = ood_bench.run(suite, results=results, device="cpu", jobs=1)
        return done.report("csv").read_text()

    expected = metrics("without")
    assert ood_bench.dry_run(suite, device="cpu", results="with").estimate is not None
    assert metrics("with") == expected


def test_stored_cells_give_the_rate_of_their_like(suite: dict[str, Any]) -> None:
    ood_bench.run(suite, device="cpu", jobs=1)
    assert ood_bench.dry_run(suite, device="cpu").estimate == Estimate("cpu")
    more = ood_bench.dry_run(suite, device="cpu", set={"seeds": [0, 1]})
    assert more.estimate is not None
    (training,) = more.estimate.trainings
    assert training.how == "stored cells"
    (cell,) = (cell for cell in more.plan.cells if cell.name == "train/normal@low/0")
    assert training.seconds == pytest.approx(Store(Path("results/store")).seconds(cell.key))


def test_the_command_prints_the_estimate_unless_told_not_to(
    suite: dict[str, Any], ood_bench: Command
) -> None:
    Path("mine.yaml").write_text(yaml.safe_dump(suite))
    said = ood_bench("run", "mine.yaml", "--dry-run", "--device", "cpu")
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[-1].startswith("about ")
    assert "on cpu" in lines[-1]
    assert any(line.startswith("train/normal@low/0") and "64" in line for line in lines)
    assert any(line.split()[:2] == ["train", "1"] for line in lines)
    without = ood_bench("run", "mine.yaml", "--dry-run", "--no-estimate")
    assert not any(line.startswith("about ") for line in without.out.splitlines())
    Path("cluster.yaml").write_text("partition: gpu\n")
    shown = ood_bench("cluster", "show", "mine.yaml", "--cluster", "cluster.yaml")
    assert shown.status == 0, shown.err
    assert any(line.startswith("train/normal@low/0") for line in shown.out.splitlines())
    assert any(line.startswith("about ") for line in shown.out.splitlines())


def test_a_model_that_cannot_be_measured_is_one_line(
    suite: dict[str, Any], ood_bench: Command
) -> None:
    Path("fails.py").write_text(FAILS)
    broken = suite | {"models": {"fails": {"use": "./fails.py:Fails"}}}
    Path("mine.yaml").write_text(yaml.safe_dump(broken))
    said = ood_bench("run", "mine.yaml", "--dry-run")
    assert said.status == 0
    last = said.out.splitlines()[-1]
    assert last.startswith("no estimate: train/fails@low/0 cannot be measured: RuntimeError: no l")
