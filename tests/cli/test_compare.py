"""`ood-bench compare` and reports of several runs."""

import csv
import json
import math
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import Command

from ood_bench.files import read_sealed
from ood_bench.metrics import mean_difference, paired_delong, pool, pooled_p
from ood_bench.store import Store

Sides = tuple[NDArray[np.float64], NDArray[np.float64]]

LEAN = (
    "--set", "models={glow: {options: {levels: 1, steps: 1, width: 8}}}",
    "--set", "analyses=[]",
    "--set", "detectors=[likelihood, typicality]",
    "--set", "evaluation.audit=false",
)  # fmt: skip


@pytest.fixture
def two(tiny: Path, ood_bench: Command) -> tuple[Path, Path]:
    """Runs of the tiny suite and of one that trains the same model longer, on two seeds."""
    assert ood_bench("run", tiny, *LEAN).status == 0
    longer = ("--set", "name=longer", "--set", "seeds=[0, 1]", "--set", "training.steps=40")
    assert ood_bench("run", tiny, *LEAN, *longer).status == 0
    (first,), (second,) = (tiny.parent.glob(f"results/{name}-*") for name in ("tiny", "longer"))
    return first, second


def sides(run: Path, detector: str, seed: int = 0) -> Sides:
    record = read_sealed(run / "run.json")
    (key,) = {
        cell["key"]
        for cell in record["cells"]
        if cell["kind"] == "detection"
        and (cell["at"]["detector"], cell["at"]["outside"], cell["at"]["seed"])
        == (detector, "high", seed)
    }
    store = Store(run.parent / "store")
    inputs = store.manifest(key)["inputs"]
    return store.read_scores(inputs["inside"]), store.read_scores(inputs["outside"])


def compared(ood_bench: Command, *arguments: object) -> list[dict[str, str]]:
    done = ood_bench("compare", *arguments, "--format", "csv", "-o", "compared")
    assert done.status == 0, done.err
    return list(csv.DictReader(StringIO(Path(done.out.strip()).read_text())))


def test_differences_are_those_of_the_shown_means(
    two: tuple[Path, Path], ood_bench: Command
) -> None:
    done = ood_bench("report", "tiny", "longer", "--format", "csv")
    assert done.status == 0, done.err
    rows = list(csv.DictReader(StringIO(Path(done.out.strip()).read_text())))
    assert {row["run"] for row in rows} == {two[0].name, two[1].name}
    ps = {}
    shown: dict[tuple[str, str], float] = {}
    for row in rows:
        address = (row["detector"], row["outside"])
        if row["run"] == two[0].name:
            assert (row["difference"], row["p"]) == ("", "")
            shown[address] = float(row["value"])
            continue
        ps[address] = (float(row["p"]), float(row["p_holm"]))
        assert float(row["difference"]) == pytest.approx(float(row["value"]) - shown[address])
        assert row["note"] == (
            "not paired by seed: seeds 0, 1 here, seed 0 in the first run; a run has one training, "
            "so that interval and p are over the choice of images alone"
        )
        if row["outside"] != "high":
            continue
        each = [sides(two[1], row["detector"], seed) for seed in (0, 1)]
        expected = mean_difference(each, [sides(two[0], row["detector"])])
        found = [float(row[name]) for name in ("difference", "difference_low", "difference_high")]
        assert found == pytest.approx(list(expected.measure))
        assert float(row["p"]) == pytest.approx(expected.p)
    (smallest, corrected), *_ = sorted(ps.values())
    assert corrected == pytest.approx(min(1.0, smallest * len(ps)))
    assert all(p <= p_holm for p, p_holm in ps.values())


def test_trainings_of_the_same_seeds_are_paired(
    two: tuple[Path, Path], tiny: Path, ood_bench: Command
) -> None:
    wide = ("--set", "name=wide", "--set", "seeds=[0, 1]")
    assert ood_bench("run", tiny, *LEAN, *wide).status == 0
    (run,) = tiny.parent.glob("results/wide-*")
    (row,) = (
        row
        for row in compared(ood_bench, "longer", "wide")
        if (row["run"], row["outside"], row["detector"]) == (run.name, "high", "likelihood")
    )
    found = []
    for seed in (0, 1):
        own, base = sides(run, "likelihood", seed), sides(two[1], "likelihood", seed)
        found.append(paired_delong((own[0], base[0]), (own[1], base[1])))
    measure, _ = pool(found, bounds=(-1.0, 1.0))
    assert float(row["difference"]) == pytest.approx(measure.value)
    assert float(row["difference_low"]) == pytest.approx(measure.low)
    assert float(row["p"]) == pytest.approx(pooled_p(found))
    assert row["note"] == ""


def test_models_and_data_sets_of_other_names_are_compared(
    two: tuple[Path, Path], tiny: Path, ood_bench: Command
) -> None:
    tiny.write_text(
        tiny.read_text()
        .replace("  high: {npz: high.npz}", "  digits: {npz: high.npz}")
        .replace("outside: [high, black]", "outside: [digits, black]")
    )
    named = ("--set", "name=named", *LEAN[2:])
    flow = ("--set", "models={flow: {use: glow, options: {levels: 1, steps: 1, width: 8}}}")
    claim = ("--set", "claims=[]")
    assert ood_bench("run", tiny, *named, *flow, *claim).status == 0
    bare = compared(ood_bench, "tiny", "named")
    assert bare == []
    rows = compared(ood_bench, "tiny", "named", "--map", "glow=flow")
    assert {(row["model"], row["outside"]) for row in rows} == {("glow", "high"), ("glow", "black")}
    other = [row for row in rows if row["run"].startswith("named")]
    assert len(other) == 4
    for row in other:
        assert row["note"].startswith("this run's 'flow' is the first's 'glow'")
        assert ("this run's 'digits' is the first's 'high'" in row["note"]) == (
            row["outside"] == "high"
        )
        assert float(row["difference"]) == 0
    text = " ".join(ood_bench("compare", "tiny", "named", "--map", "glow=flow").out.split())
    assert "no counterpart" not in text
    assert "--map FIRST=OTHER" in ood_bench("compare", "tiny", "named").out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("glow",), "--map glow: write FIRST=OTHER"),
        (("glow=glow", "glow=flow"), "--map glow=flow: 'glow' is mapped already"),
        (("glwo=glow",), "has no model 'glwo'; did you mean 'glow'"),
        (("glow=glwo",), "no other run has a model 'glwo'; did you mean 'glow'"),
    ],
)
def test_a_mapping_of_unknown_models_is_one_line(
    two: tuple[Path, Path], ood_bench: Command, given: tuple[str, ...], said: str
) -> None:
    done = ood_bench("compare", *two, *(part for text in given for part in ("--map", text)))
    assert done.status == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_compare_prints_both_with_claims_side_by_side(
    two: tuple[Path, Path], ood_bench: Command
) -> None:
    done = ood_bench("compare", two[0], two[1])
    assert done.status == 0, done.err
    text = " ".join(done.out.split())
    for expected in ("low → high", "typicality", "Holm", "T1: Black images", "reproduced: "):
        assert expected in text
    page = Path(ood_bench("report", two[0], two[1]).out.strip()).read_text()
    assert "## Claims" in page
    assert f"AUROC, {two[1].name}" in page
    content = json.loads(
        Path(ood_bench("report", *two, "--format", "json", "-o", "both").out.strip()).read_text()
    )
    assert content["runs"] == [two[0].name, two[1].name]
    assert len(content["rows"]) == 8
    assert not any(isinstance(v, float) and math.isnan(v) for v in content["rows"][0].values())


def test_a_run_against_its_own_archive_has_the_very_scores_and_without_them_intervals_alone(
    tiny: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", tiny, *LEAN).status == 0
    (run,) = tiny.parent.glob("results/tiny-*")
    assert ood_bench("archive", "-o", "kept", "--no-scores").status == 0
    same = ood_bench("compare", run, "kept").out
    assert "same scores as in the first run" in same
    longer = ("--set", "name=longer", "--set", "training.steps=40")
    assert ood_bench("run", tiny, *LEAN, *longer).status == 0
    done = ood_bench("compare", "longer", "kept")
    assert done.status == 0, done.err
    assert "scores were not kept; compare the intervals" in done.out


def test_runs_on_other_images_are_not_paired(
    two: tuple[Path, Path], tiny: Path, ood_bench: Command
) -> None:
    other = ("--set", "name=other", "--set", "datasets.high={npz: low.npz}")
    assert ood_bench("run", tiny, *LEAN, *other).status == 0
    done = ood_bench("compare", "tiny", "other")
    assert "the runs scored different images" in done.out


def test_one_run_or_the_same_twice_is_a_mistake_in_one_line(tiny: Path, ood_bench: Command) -> None:
    assert ood_bench("run", tiny, *LEAN, "--only", "train/*").status == 0
    for names in (("tiny",), ("tiny", "tiny"), ("tiny", "tinny")):
        done = ood_bench("compare", *names)
        assert done.status == 2
        *remarks, _ = done.err.splitlines()
        assert all(line.startswith("no run of tiny is of the whole suite") for line in remarks)


def test_several_runs_have_a_page_and_a_paper_too(
    two: tuple[Path, Path], ood_bench: Command
) -> None:
    for command in ("report", "compare"):
        done = ood_bench(command, *two, "--format", "html")
        assert done.status == 0, done.err
        path = Path(done.out.strip())
        assert path.name == "compare.html"
        text = path.read_text()
        assert f"<h1>{two[0].name} against {two[1].name}</h1>" in text
        assert "T1: Black images are likelier than digits" in text
        assert "not paired by seed: seeds 0, 1 here, seed 0 in the first run" in text
    done = ood_bench("compare", *two, "--format", "latex", "-o", "paper")
    assert Path(done.out.strip()) == Path("paper/compare.tex")
    rows = Path("paper/tables/auroc.tex").read_text()
    csv_file = Path(ood_bench("compare", *two, "--format", "csv").out.strip())
    for row in csv.DictReader(StringIO(csv_file.read_text())):
        assert f"{float(row['value']):.3f}" in rows
    assert Path(ood_bench("compare", *two, "-o", "paper").out.strip()).name == "compare.md"
