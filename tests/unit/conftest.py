"""The tiny suite, planned and recorded, for tests of plans and records."""

from pathlib import Path

import pytest

from ood_bench.data import Library
from ood_bench.plan import Plan, build_plan
from ood_bench.registry import Registry
from ood_bench.runs import RunRecord
from ood_bench.suite import LoadedSuite, load_suite


@pytest.fixture
def suite(tiny: Path) -> LoadedSuite:
    more = [
        "evaluation.baseline=likelihood",
        "evaluation.metrics=[partial_auroc]",
        "pairs[0].near=[high]",
    ]
    return load_suite(tiny, assignments=more)


@pytest.fixture
def plan(suite: LoadedSuite) -> Plan:
    """A plan with cells of every kind."""
    return build_plan(suite, Registry(), Library(root=None, index=None))


@pytest.fixture
def record(suite: LoadedSuite, plan: Plan, tiny: Path) -> RunRecord:
    return RunRecord.begun(suite.suite, plan, base=tiny.parent)
