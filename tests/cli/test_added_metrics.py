"""Metrics that a suite adds, by name and by file: measured, claimed, reported, archived."""

import csv
import json
from pathlib import Path

import pytest
from tests.conftest import Command

from ood_bench.claims.joint import BOOTSTRAP, OWN

METRIC = '''
"""The share of OOD images that score above all ID images."""

from ood_bench.metrics import DetectionMetric, Tally


class Beyond(DetectionMetric):
    heading = "Beyond all"
    positive = "outside"
    chance = 0.0
    says = "**Beyond all**: the share of OOD images that score above every ID image."

    def value(self, tally: Tally) -> float:
        accepted = tally.accepted_inside < tally.accepted_inside[-1]
        last = int(accepted.sum())
        return 1 - int(tally.accepted_outside[last]) / int(tally.accepted_outside[-1])
'''
CLAIMS = """
claims:
  - {id: a, says: s, source: p, measure: "fpr80(detector='likelihood')", expect: ">= 0"}
  - id: b
    says: s
    source: p
    measure: auroc(detector='likelihood') - beyond(detector='likelihood')
    expect: "> 0"
"""


@pytest.fixture
def added(tiny: Path) -> Path:
    """A suite that adds one metric by its name and one by its file."""
    (tiny.parent / "beyond.py").write_text(METRIC)
    path = tiny.parent / "added.yaml"
    path.write_text(
        "extends: tiny.yaml\nname: added\nanalyses: [histogram]\n"
        "evaluation:\n  metrics:\n    fpr80: {use: fpr_at_tpr, options: {tpr: 0.8}}\n"
        "    beyond: {use: './beyond.py:Beyond'}\n"
        "pairs:\n  - {inside: low, outside: [high], models: [glow]}\n" + CLAIMS
    )
    return path


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open() as file:
        return list(csv.DictReader(file))


def test_added_metrics_stand_beside_the_standard_ones(added: Path, ood_bench: Command) -> None:
    done = ood_bench("run", added)
    assert done.status == 0, done.err
    assert ood_bench("report", "added", "--format", "csv", "-o", "out").status == 0
    found = {(row["detector"], row["seed"], row["metric"]): row for row in rows(Path("out"))}
    for metric in ("fpr80", "beyond"):
        row = found["likelihood", "all", metric]
        assert 0 <= float(row["low"]) <= float(row["value"]) <= float(row["high"]) <= 1
    assert float(found["likelihood", "all", "fpr80"]["value"]) <= float(
        found["likelihood", "all", "fpr95"]["value"]
    )
    (folder,) = Path("results").glob("added-*")
    page = (folder / "report.md").read_text()
    assert "FPR@80TPR" in page
    assert "Beyond all" in page
    assert "**Beyond all**: the share of OOD images that score above every ID image." in page
    assert ood_bench("report", "added", "--format", "html", "-o", "out").status == 0
    assert '"name": "Beyond all"' in Path("out/report.html").read_text().replace('":"', '": "')


def test_claims_may_call_them_and_their_images_are_shared(added: Path, ood_bench: Command) -> None:
    assert ood_bench("run", added).status == 0
    assert ood_bench("report", "added", "--format", "json", "-o", "out").status == 0
    claims = json.loads(Path("out/results.json").read_text())["claims"]
    assert [claim["interval"] for claim in claims] == [OWN, BOOTSTRAP]
    one, other = claims
    assert one["verdict"] == "reproduced"
    assert other["low"] < other["measured"] < other["high"]


def test_a_second_run_measures_nothing_and_one_more_metric_that_alone(
    added: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", added).status == 0
    assert "will run" not in ood_bench("run", added, "--dry-run").out
    more = ("--set", "evaluation.metrics.partial={use: partial_auroc}")
    planned = ood_bench("run", added, "--dry-run", *more).out
    new = [line for line in planned.splitlines() if "will run" in line]
    assert new
    assert all("/partial" in line for line in new)


def test_an_archive_needs_no_plugin_to_show_them(added: Path, ood_bench: Command) -> None:
    assert ood_bench("run", added).status == 0
    assert ood_bench("archive", "added", "-o", "kept").status == 0
    before = Path("kept/report.md").read_text()
    (added.parent / "beyond.py").unlink()
    assert ood_bench("report", "kept", "-o", "again").status == 0
    after = Path("again/report.md").read_text()
    assert "Beyond all" in after
    assert before.count("Beyond all") == after.count("Beyond all")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "fpr80: {use: fpr_at_tpr",
            "fpr95: {use: fpr_at_tpr",
            "'fpr95' is what measures of claims",
        ),
        ("fpr80: {use: fpr_at_tpr", "fpr-80: {use: fpr_at_tpr", "evaluation.metrics.fpr-80"),
        ("use: fpr_at_tpr", "use: fpr_at_trp", "unknown metric 'fpr_at_trp'; did you mean"),
        ("tpr: 0.8", "tpr: 1.8", "tpr must lie between 0 and 1"),
        ("tpr: 0.8", "trp: 0.8", "has no option 'trp'; did you mean 'tpr'?"),
        ('measure: "fpr80(', 'measure: "fpr81(', "unknown metric 'fpr81'; did you mean 'fpr80'?"),
        ("use: './beyond.py:Beyond'", "use: 'pathlib:Path'", "'pathlib:Path' is no"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_computed(
    added: Path, ood_bench: Command, old: str, new: str, message: str
) -> None:
    added.write_text(added.read_text().replace(old, new))
    done = ood_bench("run", added)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert not list(Path("results").glob("added-*"))


def test_a_metric_that_is_no_share_fails_its_cells_alone(added: Path, ood_bench: Command) -> None:
    file = added.parent / "beyond.py"
    file.write_text(file.read_text().replace("return 1 -", "return 2 +"))
    done = ood_bench("run", added)
    assert done.status == 1 or done.status == 2
    assert "'beyond' of 'likelihood' is a share, and" in done.out + done.err
    assert ood_bench("report", "added", "--format", "csv", "-o", "out").status == 0
    measured = {row["metric"] for row in rows(Path("out"))}
    assert {"auroc", "fpr80"} <= measured
    assert "beyond" not in measured
