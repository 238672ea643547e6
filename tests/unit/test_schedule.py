"""The schedule hands out what does not wait, in the plan's order."""

from dataclasses import replace

import pytest

from ood_bench.cells import Cell
from ood_bench.cells.score import Score
from ood_bench.cells.train import Train
from ood_bench.data import Shape
from ood_bench.execute import Done, Failed, jobs_for
from ood_bench.execute.executor import Missing
from ood_bench.execute.schedule import Schedule
from ood_bench.plan import Plan


def cell(name: str, *inputs: Cell) -> Cell:
    member = {str(i): cell.key for i, cell in enumerate(inputs)}
    return Cell(name, Score(statistic=name, data="", member=member))


TRAIN, OTHER = cell("train"), cell("other")
TRAINING = Train(
    plugin="glow", revision=1, options={}, shape=Shape(1, 8, 8), recipe={}, seed=0, data=""
)
SCORE = cell("score", TRAIN)
DETECT = cell("detect", SCORE, OTHER)


def test_a_cell_is_ready_when_its_inputs_have_an_outcome() -> None:
    schedule = Schedule([TRAIN, SCORE, OTHER, DETECT])
    assert schedule.ready() == TRAIN
    schedule.take(TRAIN)
    assert schedule.ready() == OTHER
    schedule.take(OTHER)
    assert schedule.ready() is None
    schedule.settle(Done(TRAIN, stored=False, seconds=1.0))
    assert schedule.ready() == SCORE
    schedule.settle(Done(SCORE, stored=True, seconds=0.0))
    assert schedule.ready() is None
    schedule.settle(Done(OTHER, stored=False, seconds=1.0))
    assert schedule.ready() == DETECT
    assert schedule.lost(DETECT) is None
    schedule.settle(Done(DETECT, stored=False, seconds=1.0))
    assert not schedule


def test_cells_are_handed_out_by_whether_they_call_a_model() -> None:
    training = Cell("training", TRAINING)
    schedule = Schedule([OTHER, training])
    assert schedule.ready() == OTHER
    assert schedule.ready(calls_model=True) == training
    schedule.take(OTHER)
    assert schedule.ready(calls_model=False) is None
    assert schedule.ready() == training


def test_what_needs_a_failed_cell_is_lost_and_names_it() -> None:
    schedule = Schedule([TRAIN, SCORE, OTHER, DETECT])
    schedule.settle(Failed(TRAIN, "no"))
    lost = schedule.lost(SCORE)
    assert lost is not None
    assert lost.message == "needs train, which failed"
    schedule.settle(lost)
    lost = schedule.lost(DETECT)
    assert lost is not None
    assert lost.message == "needs train, which failed"


def test_inputs_outside_the_plan_are_not_waited_for() -> None:
    assert Schedule([SCORE]).ready() == SCORE


def test_a_cell_whose_input_went_missing_waits_until_that_is_made_again() -> None:
    schedule = Schedule([TRAIN, SCORE, OTHER, DETECT])
    for done in (TRAIN, SCORE, OTHER):
        schedule.take(done)
        assert schedule.settle(Done(done, stored=False, seconds=1.0)) is not None
    schedule.take(DETECT)
    assert schedule.settle(Missing(DETECT, (SCORE.key, TRAIN.key))) is None
    assert schedule.ready() == TRAIN
    schedule.take(TRAIN)
    assert schedule.ready() is None
    assert schedule.settle(Done(TRAIN, stored=False, seconds=1.0)) is None
    assert schedule.ready() == SCORE
    schedule.take(SCORE)
    assert schedule.settle(Done(SCORE, stored=False, seconds=1.0)) is None
    assert schedule.ready() == DETECT
    assert schedule.settle(Done(DETECT, stored=False, seconds=1.0)) is not None
    assert not schedule


def test_an_input_that_goes_missing_again_and_again_fails_the_cell() -> None:
    schedule = Schedule([TRAIN, SCORE])
    outcome = schedule.settle(Done(TRAIN, stored=False, seconds=1.0))
    for _ in range(10):
        outcome = schedule.settle(Missing(SCORE, (TRAIN.key,)))
        if outcome is not None:
            break
        schedule.settle(Done(TRAIN, stored=False, seconds=1.0))
    assert isinstance(outcome, Failed)
    assert "removed or damaged" in outcome.message
    assert not schedule


def test_an_input_that_went_missing_and_fails_fails_what_needs_it() -> None:
    schedule = Schedule([TRAIN, SCORE])
    schedule.settle(Done(TRAIN, stored=True, seconds=0.0))
    schedule.settle(Missing(SCORE, (TRAIN.key,)))
    assert schedule.settle(Failed(TRAIN, "no")) == Failed(TRAIN, "no")
    lost = schedule.lost(SCORE)
    assert lost is not None


@pytest.mark.parametrize(
    ("trainings", "threads", "device", "jobs"),
    [
        (3, 2, "cpu", 2),
        (1, 16, "cpu", 1),
        (0, 4, "cpu", 1),
        (40, 64, "cpu", 8),
        (9, 9, "cuda:0", 1),
        (9, 2, "cuda", 4),
        (3, 9, "cuda", 3),
    ],
)
def test_processes_are_no_more_than_models_and_threads_or_gpus(
    trainings: int, threads: int, device: str, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    cells = tuple(Cell(f"train {i}", replace(TRAINING, seed=i)) for i in range(trainings))
    plan = Plan(cells)
    assert jobs_for(plan, device=device, threads=threads) == jobs
