"""Wrong likelihoods end a training, and models that have learnt nothing are marked everywhere."""

import csv
import json
import re
from pathlib import Path

import pytest
from tests.conftest import NORMAL, Command

SAID = "not trained: glow of seed 0 on low has"


def test_a_likelihood_that_no_distribution_has_fails_in_one_line(
    tiny: Path, ood_bench: Command
) -> None:
    (tiny.parent / "wrong.py").write_text(
        NORMAL.replace("(normal.log_prob(y) - math.log(256)).sum", "normal.log_prob(y).sum")
    )
    models = '{wrong: {use: "./wrong.py:Normal"}, glow: {options: {levels: 1, steps: 1, width: 4}}}'
    outcome = ood_bench(
        "run", tiny, "--set", f"models={models}", "--set", "claims=[]", "--set", "analyses=[]"
    )
    assert outcome.status == 1
    told = [line for line in (outcome.out + outcome.err).splitlines() if "less than 8" in line]
    assert len(told) == 1
    assert re.search(r"Normal gives uniformly random images -?\d\.\d+ bits per dimension", told[0])
    (rows,) = (tiny.parent / "results").glob("tiny-*/tables/results.csv")
    assert {row["model"] for row in csv.DictReader(rows.read_text().splitlines())} == {"glow"}


@pytest.mark.parametrize("format", ["markdown", "html", "latex", "csv", "json"])
def test_every_format_marks_a_model_that_is_not_trained(
    tiny: Path, ood_bench: Command, format: str
) -> None:
    settings = ("--set", "training.steps=1", "--set", "models={glow: {options: {levels: 1}}}")
    outcome = ood_bench("run", tiny, *settings)
    assert outcome.status == 0, outcome.err
    assert SAID in outcome.out
    (run,) = (tiny.parent / "results").glob("tiny-*")
    assert ood_bench("report", run, "--format", format, "--output", "there").status == 0
    (path,) = (path for path in Path("there").iterdir() if path.stem in ("report", "results"))
    text = path.read_text()
    if format == "csv":
        assert all(SAID in row["note"] for row in csv.DictReader(text.splitlines()))
        return
    if format == "json":
        found = json.loads(text)
        assert all(SAID in row["note"] for row in found["rows"])
        assert all(SAID in claim["note"] for claim in found["claims"])
        return
    if format == "latex":
        for name in ("detection", "bits", "training", "claims"):
            assert "not trained" in (Path("there") / f"tables/{name}.tex").read_text(), name
        return
    assert text.count(SAID) >= 4
