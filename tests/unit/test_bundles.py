"""Bundles: what of a plan travels together."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ood_bench.cells import Cell
from ood_bench.cells.score import Score
from ood_bench.cells.train import Train
from ood_bench.data import Library, Shape
from ood_bench.errors import OodBenchError
from ood_bench.plan import Bundle, Plan, build_plan, bundles_of
from ood_bench.registry import Registry
from ood_bench.suite import load_suite

SUITES = sorted((Path(__file__).parents[2] / "suites").glob("*.yaml"))


def training(name: str) -> Cell:
    shape = Shape(1, 1, 1)
    spec = Train(plugin=name, revision=1, options={}, shape=shape, recipe={}, seed=0, data="")
    return Cell(name, spec)


def cell(name: str, *inputs: Cell) -> Cell:
    member = {str(i): one.key for i, one in enumerate(inputs)}
    return Cell(name, Score(statistic=name, data="", member=member))


def score(name: str, model: Cell) -> Cell:
    return Cell(name, Score(statistic=name, data="", model=model.key))


def require_laws(cells: Sequence[Cell], stored: set[str], found: Sequence[Bundle]) -> None:
    """Check what holds for the bundles of any plan."""
    there = [cell.key for bundle in found for cell in bundle.cells]
    assert sorted(there) == sorted({cell.key for cell in cells} - stored)
    seen: set[str] = set()
    for place, bundle in enumerate(found):
        assert all(need < place for need in bundle.needs)
        assert bundle.wave == max((found[need].wave + 1 for need in bundle.needs), default=0)
        before = {one.key for need in bundle.needs for one in found[need].cells}
        for one in bundle.cells:
            for key in one.inputs.values():
                assert key in stored or key in before or key in seen
            before.add(one.key)
        seen |= before
        assert bundle.gpu == any(one.spec.calls_model for one in bundle.cells)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Cell], set[str]]:
    """Cells, some of them trainings, some of them stored."""
    cells: list[Cell] = []
    for i in range(draw(st.integers(1, 25))):
        chosen = st.lists(st.sampled_from(cells), max_size=3) if cells else st.just([])
        inputs = draw(chosen)
        cells.append(training(str(i)) if draw(st.booleans()) else cell(str(i), *inputs))
    stored = draw(st.sets(st.sampled_from([one.key for one in cells])))
    return cells, stored


@given(graphs())
def test_every_cell_is_in_one_bundle_after_its_inputs(graph: tuple[list[Cell], set[str]]) -> None:
    cells, stored = graph
    require_laws(cells, stored, bundles_of(cells, stored=stored))


@given(graphs())
def test_what_needs_one_training_alone_travels_with_it(graph: tuple[list[Cell], set[str]]) -> None:
    cells, _ = graph
    needs: dict[str, frozenset[str]] = {}
    for one in cells:
        own = frozenset({one.key} if one.kind == "train" else ())
        needs[one.key] = own.union(*(needs[key] for key in one.inputs.values()))
    bundles = bundles_of(cells)
    place = {one.key: i for i, bundle in enumerate(bundles) for one in bundle.cells}
    for key, trainings in needs.items():
        if len(trainings) == 1:
            assert place[key] == place[min(trainings)]
        elif len(trainings) > 1:
            assert all(bundles[place[key]].wave > bundles[place[one]].wave for one in trainings)


def test_a_training_travels_with_all_that_needs_it_alone() -> None:
    images, alone = cell("complexity"), cell("label")
    one, other = training("one"), training("other")
    scores = [score("of one", one), score("of other", other)]
    detect = [cell("d1", scores[0], images), cell("d2", scores[1], images), cell("d3", alone, one)]
    audit = cell("audit", images)
    both = cell("both", *scores)
    metric = cell("metric", both, detect[0])
    cells = [images, alone, one, other, *scores, *detect, audit, both, metric]
    found = bundles_of(cells)
    require_laws(cells, set(), found)
    named = {bundle.name: {one.name for one in bundle.cells} for bundle in found}
    assert named == {
        "complexity": {"complexity"},
        "one": {"one", "of one", "d1", "label", "d3"},
        "other": {"other", "of other", "d2"},
        "audit": {"audit"},
        "both": {"both", "metric"},
    }
    assert {bundle.name: bundle.wave for bundle in found} == {
        "complexity": 0,
        "one": 1,
        "other": 1,
        "audit": 1,
        "both": 2,
    }
    assert {bundle.name for bundle in found if bundle.gpu} == {"one", "other"}


def test_what_is_stored_is_left_out_and_not_waited_for() -> None:
    model = training("model")
    first, second = score("first", model), score("second", model)
    cells = [model, first, second]
    (bundle,) = bundles_of(cells, stored={model.key, first.key})
    assert bundle.cells == (second,)
    assert bundle.training is None
    assert bundle.gpu
    assert bundles_of(cells, stored={one.key for one in cells}) == ()


def test_separate_ensembles_are_separate_bundles() -> None:
    trainings = [training(str(i)) for i in range(4)]
    first, second = cell("first", *trainings[:2]), cell("second", *trainings[2:])
    more = cell("more", first, trainings[3])
    found = bundles_of([*trainings, first, second, more])
    joint = [{one.name for one in bundle.cells} for bundle in found if bundle.wave == 1]
    assert joint == [{"first", "more"}, {"second"}]


def test_a_bundles_key_depends_on_its_cells_alone() -> None:
    model = training("model")
    scores = [score("first", model), score("second", model)]
    (one,) = bundles_of([model, *scores])
    (other,) = bundles_of([model, *reversed(scores)])
    assert one.key == other.key
    assert bundles_of([model, scores[0]])[0].key != one.key


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(root=None, index=None, embedded=True)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_shipped_suite_is_at_most_three_waves(path: Path, library: Library) -> None:
    plan = shipped(path, library)
    found = bundles_of(plan.cells)
    require_laws(plan.cells, set(), found)
    assert max(bundle.wave for bundle in found) <= 2
    trainings = {one.key for one in plan.cells if one.kind == "train"}
    assert sum(bundle.training is not None for bundle in found) == len(trainings)


def shipped(path: Path, library: Library) -> Plan:
    loaded = load_suite(path)
    try:
        return build_plan(loaded, Registry(loaded.folder), library, skip_missing=True)
    except OodBenchError as error:
        pytest.skip(f"its data is not here: {error}")


def test_fifty_thousand_cells_are_cut_in_seconds() -> None:
    made = random.Random(0)
    images = [cell(f"images {i}") for i in range(200)]
    cells = list(images)
    while len(cells) < 50_000:
        model = training(f"model {len(cells)}")
        scores = [score(f"score {len(cells)} {i}", model) for i in range(20)]
        detect = [cell(f"d {len(cells)} {i}", one, images[i]) for i, one in enumerate(scores)]
        joint = cell(f"joint {len(cells)}", scores[0], made.choice(cells))
        cells += [model, *scores, *detect, joint]
    for one in cells:
        assert one.key  # not part of what is timed
    began = time.perf_counter()
    found = bundles_of(cells)
    text = f"{len(cells):,} cells, {len(found):,} bundles: {time.perf_counter() - began:.2f} s"
    print(text)  # noqa: T201
    require_laws(cells, set(), found)
