"""`ood_bench.audit_data`, `audit_suite` and `check`: what the commands of these names call."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import SUITE

import ood_bench
from ood_bench.detectors import Columns, Scorer
from ood_bench.detectors.likelihood import Likelihood
from ood_bench.errors import OodBenchError


def test_data_sets_are_audited_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    found = ood_bench.audit_data("mnist_20k:test", "constant")
    assert found.data["name"].tolist() == ["mnist_20k:test", "constant"]
    separations = found.separations.set_index("feature")["value"]
    assert separations["variance"] == 0.0
    assert "mnist_20k:test → constant: variance alone has AUROC 0.000" in repr(found)
    assert found.overlaps["exact"].tolist()[0] == 0
    with pytest.raises(OodBenchError, match="mnits"):
        ood_bench.audit_data("mnits")


def test_a_suites_audit_is_kept_for_its_run(tiny: Path) -> None:
    suite: dict[str, Any] = yaml.safe_load(SUITE)
    suite["pairs"].append({"inside": "low", "outside": ["svhn"], "shape": [3, 32, 32]})
    found = ood_bench.audit_suite(suite)
    assert set(found.data["name"]) == {"low", "high", "black"}
    assert [skip.cell for skip in found.skips]
    assert ood_bench.dry_run(suite, only="audit/*").to_run == ()


class Deaf(Likelihood):
    """Says nothing."""

    def fit(self, held_out: Columns) -> Scorer:
        return lambda images: 0.0 * images["log_prob"] + len(images["log_prob"])


def test_a_class_is_checked_as_it_is() -> None:
    checked = ood_bench.check(Deaf, "detector")
    assert checked.subject == "Deaf on random columns"
    broken = [verdict.law for verdict in checked.verdicts if verdict.outcome == "failed"]
    assert broken == ["a_score_does_not_depend_on_the_images_beside_it"]
