"""`ood-bench compare` and reports of several runs."""

import csv
import json
import math
from io import StringIO
from pathlib import Path

import pytest
from scipy.stats import norm
from tests.conftest import Command

from ood_bench.files import read_sealed
from ood_bench.metrics import paired_delong
from ood_bench.store import Store

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


def scores(run: Path, detector: str, data: str) -> list[float]:
    record = read_sealed(run / "run.json")
    (key,) = {
        cell["key"]
        for cell in record["cells"]
        if cell["kind"] == "detection"
        and (cell["at"]["detector"], cell["at"]["outside"], cell["at"]["seed"])
        == (detector, "high", 0)
    }
    store = Store(run.parent / "store")
    inputs = store.manifest(key)["inputs"]
    found: list[float] = store.read_scores(
        inputs["inside" if data == "low" else "outside"]
    ).tolist()
    return found


def test_differences_are_delongs_on_the_same_images(
    two: tuple[Path, Path], ood_bench: Command
) -> None:
    done = ood_bench("report", "tiny", "longer", "--format", "csv")
    assert done.status == 0, done.err
    rows = list(csv.DictReader(StringIO(Path(done.out.strip()).read_text())))
    assert {row["run"] for row in rows} == {two[0].name, two[1].name}
    ps = {}
    for row in rows:
        if row["run"] == two[0].name:
            assert (row["difference"], row["p"]) == ("", "")
            continue
        address = (row["detector"], row["outside"])
        ps[address] = (float(row["p"]), float(row["p_holm"]))
        if row["outside"] != "high":
            continue
        sides = [
            (scores(two[1], row["detector"], data), scores(two[0], row["detector"], data))
            for data in ("low", "high")
        ]
        expected = paired_delong(sides[0], sides[1])
        found = [float(row[name]) for name in ("difference", "difference_low", "difference_high")]
        assert found == pytest.approx(list(expected))
        error = (expected.high - expected.low) / 2 / norm.ppf(0.975)
        assert float(row["p"]) == pytest.approx(2 * norm.sf(abs(expected.value) / error))
        assert row["note"] == "on common seeds: 0"
    (smallest, corrected), *_ = sorted(ps.values())
    assert corrected == pytest.approx(min(1.0, smallest * len(ps)))
    assert all(p <= p_holm for p, p_holm in ps.values())


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
        assert "on common seeds: 0" in text
    done = ood_bench("compare", *two, "--format", "latex", "-o", "paper")
    assert Path(done.out.strip()) == Path("paper/compare.tex")
    rows = Path("paper/tables/auroc.tex").read_text()
    csv_file = Path(ood_bench("compare", *two, "--format", "csv").out.strip())
    for row in csv.DictReader(StringIO(csv_file.read_text())):
        assert f"{float(row['value']):.3f}" in rows
    assert Path(ood_bench("compare", *two, "-o", "paper").out.strip()).name == "compare.md"
