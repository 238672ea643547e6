"""`ood-bench run` and `report`, whole, on 8×8 digits."""

import csv
import json
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import SUITE, Command
from tests.stored import members


def the_report(results: Path) -> Path:
    (path,) = results.glob("tiny-*/report.md")
    return path


def metrics(results: Path) -> dict[str, bytes]:
    return {key: path.read_bytes() for key, path in members(results, "metrics.json").items()}


def test_a_run_ends_with_a_table_and_the_reports_path(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("run", tiny)
    assert outcome.status == 0, outcome.err
    report = the_report(tiny.parent / "results")
    assert str(report.relative_to(tiny.parent)) in outcome.out
    for text in ("glow", "cv-glow", "input_complexity", "high", "black"):
        assert text in outcome.out
    page = report.read_text()
    assert "Black images are likelier than digits" in page
    for figure in ("histogram", "roc", "extremes"):
        assert list(report.parent.glob(f"figures/*{figure}*.png"))


def test_a_name_means_the_whole_run_and_a_scaled_one_says_what_it_is(
    tiny: Path, ood_bench: Command
) -> None:
    few = ("--only", "metric/glow@*/bpd")
    assert ood_bench("run", tiny, "--scale", "0.5", *few).status == 0
    (part,) = (tiny.parent / "results").glob("tiny-*")
    done = ood_bench("report", "tiny")
    assert "no run of tiny is of the whole suite: using tiny-" in done.err
    assert ood_bench("run", tiny).status == 0
    assert ood_bench("run", tiny, "--scale", "0.5", *few).status == 0
    (whole,) = (path for path in (tiny.parent / "results").glob("tiny-*") if path != part)
    for name, folder in (("tiny", whole), ("tiny@latest", part), (part.name, part)):
        done = ood_bench("report", name)
        assert (Path(done.out.strip()).parent.name, done.err) == (folder.name, "")
    first = part.joinpath("report.md").read_text().splitlines()[2]
    assert first.startswith("> Not the whole suite as it is written: --scale 0.5 --only 'metric/")
    assert "opposite" in first
    assert "Not the whole suite" not in whole.joinpath("report.md").read_text()
    for format, name, after in (("html", "report.html", "<dl"), ("latex", "report.tex", "1 model")):
        assert ood_bench("report", part.name, "--format", format).status == 0
        page = part.joinpath(name).read_text()
        assert page.index("Not the whole suite") < page.index(after)
    scored = ood_bench("score", "--model", "glow", "--images", "high.npz", "-o", "scores.csv")
    assert scored.status == 0, scored.err
    listed = ood_bench("runs").out.splitlines()
    (line,) = (line for line in listed if whole.name in line)
    assert line.startswith("tiny *")
    assert "35 of 35" in line
    (line,) = (line for line in listed if part.name in line)
    assert "0.5" in line
    assert "--only" in line
    assert "35 of 35" not in line


def test_a_second_run_computes_nothing_and_says_the_same(tiny: Path, ood_bench: Command) -> None:
    ood_bench("run", tiny)
    before = {
        path: path.stat().st_mtime_ns for path in (tiny.parent / "results/store/cells").rglob("*")
    }
    outcome = ood_bench("run", tiny)
    assert outcome.status == 0
    after = {
        path: path.stat().st_mtime_ns for path in (tiny.parent / "results/store/cells").rglob("*")
    }
    assert before == after


def test_another_run_elsewhere_gives_the_same_metrics_byte_for_byte(
    tiny: Path, ood_bench: Command
) -> None:
    ood_bench("run", tiny, "--results", "a")
    ood_bench("run", tiny, "--results", "b")
    found = metrics(tiny.parent / "a")
    assert found
    assert found == metrics(tiny.parent / "b")


def test_the_level_of_a_suite_is_that_of_every_interval(tiny: Path, ood_bench: Command) -> None:
    widths: dict[str, dict[str, float]] = {}
    for level in ("0.95", "0.8"):
        tiny.write_text(SUITE.replace("resamples: 100", f"resamples: 100, level: {level}"))
        done = ood_bench("run", tiny, "--only", "analysis/glow@low/0/*", "--only", "metric/glow*")
        assert done.status == 0, done.err
        for name in ("results", "findings"):
            (path,) = tiny.parent.glob(f"results/*/tables/{name}.csv")
            for row in csv.DictReader(path.read_text().splitlines()):
                measure = str([row.get(key) for key in ("metric", "name", "outside", "detector")])
                width = float(row["high"]) - float(row["low"])
                widths.setdefault(f"{name}, {measure}", {})[level] = width
            path.unlink()
        (page,) = tiny.parent.glob("results/*/report.md")
        assert ("AUROC (95 % interval)" in page.read_text()) == (level == "0.95")
        shutil.rmtree(page.parent)
    shrunk = {key for key, width in widths.items() if width["0.8"] < width["0.95"]}
    assert any("last_gap_bpd" in key for key in shrunk)
    assert any("auroc" in key for key in shrunk)
    assert not [key for key, width in widths.items() if width["0.8"] > width["0.95"] + 1e-12]


def test_results_can_be_deleted_and_only_what_is_missing_comes_back(
    tiny: Path, ood_bench: Command
) -> None:
    ood_bench("run", tiny)
    whole = metrics(tiny.parent / "results")
    (tiny.parent / f"results/store/cells/{sorted(whole)[0]}.zip").unlink()
    outcome = ood_bench("run", tiny)
    assert ", 1 of them" not in outcome.err
    assert metrics(tiny.parent / "results") == whole


def test_a_flipped_byte_is_named_and_the_cell_computed_again(
    tiny: Path, ood_bench: Command
) -> None:
    ood_bench("run", tiny)
    results = tiny.parent / "results"
    whole = metrics(results)
    cell = results / f"store/cells/{next(iter(members(results, 'weights.safetensors')))}.zip"
    content = bytearray(cell.read_bytes())
    content[len(content) // 2] ^= 1
    cell.write_bytes(bytes(content))
    outcome = ood_bench("run", tiny)
    assert outcome.status == 0
    assert (
        f"{cell.relative_to(tiny.parent)}/weights.safetensors is not what was written"
        in outcome.err
    )
    assert metrics(results) == whole
    assert "is not what was written" not in ood_bench("run", tiny).err


def test_a_dry_run_lists_the_plan_and_computes_nothing(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("run", tiny, "--dry-run")
    assert outcome.status == 0
    assert "train/glow@low/0" in outcome.out
    assert "0 stored" in outcome.out
    assert not list(tiny.parent.glob("results/store/cells/*"))
    ood_bench("run", tiny, "--only", "train/glow@*")
    assert "1 stored" in ood_bench("run", tiny, "--dry-run").out


def test_only_runs_the_cells_named_and_what_they_need(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("run", tiny, "--only", "metric/glow@low/0/high/likelihood")
    assert outcome.status == 0
    kinds = [
        json.loads(path.read_text())["kind"] for path in members(tiny.parent / "results").values()
    ]
    assert sorted(kinds) == ["detect", "detect", "metric", "score", "score", "score", "train"]


def test_skip_leaves_out_cells_and_all_that_need_them(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("run", tiny, "--skip", "train/cv-glow*")
    assert outcome.status == 0
    names = {
        json.loads(path.read_text())["name"] for path in members(tiny.parent / "results").values()
    }
    assert names
    assert not any("cv-glow" in name for name in names)
    assert "--skip train/cv-glow" in the_report(tiny.parent / "results").read_text()


def test_fresh_computes_everything_again(tiny: Path, ood_bench: Command) -> None:
    ood_bench("run", tiny)
    results = tiny.parent / "results"
    whole = metrics(results)
    before = {path: path.stat().st_ino for path in results.glob("store/cells/*")}
    ood_bench("run", tiny, "--fresh")
    after = {path: path.stat().st_ino for path in results.glob("store/cells/*")}
    assert before.keys() == after.keys()
    assert metrics(results) == whole
    assert any(before[path] != after[path] for path in before)


def test_set_and_scale_change_what_is_run_and_the_report_says_so(
    tiny: Path, ood_bench: Command
) -> None:
    ood_bench("run", tiny, "--scale", "0.5", "--set", "models.glow.training.batch_size=8")
    page = the_report(tiny.parent / "results").read_text()
    assert "--scale 0.5" in page
    assert "models.glow.training.batch\\_size=8" in page or "batch_size=8" in page
    steps = {
        json.loads(path.read_text())["steps"]
        for path in members(tiny.parent / "results", "training.json").values()
    }
    assert steps == {10}


def test_adding_a_detector_computes_only_its_own_cells(tiny: Path, ood_bench: Command) -> None:
    tiny.write_text(
        SUITE.replace("typicality, ", "").replace(
            "analyses: [histogram, roc, extremes, course]\n", ""
        )
    )
    ood_bench("run", tiny)
    before = members(tiny.parent / "results").keys()
    tiny.write_text(SUITE.replace("analyses: [histogram, roc, extremes, course]\n", ""))
    ood_bench("run", tiny)
    added = [
        json.loads(path.read_text())["name"]
        for key, path in members(tiny.parent / "results").items()
        if key not in before
    ]
    assert len(added) == 10
    assert all(name.endswith("/typicality") for name in added)


def test_seeds_are_pooled_with_their_spread(tiny: Path, ood_bench: Command) -> None:
    ood_bench("run", tiny, "--set", "seeds=[0, 1]", "--skip", "analysis/*")
    ood_bench("report", "--format", "csv")
    (path,) = tiny.parent.glob("results/tiny-*/results.csv")
    rows = list(csv.DictReader(StringIO(path.read_text())))
    chosen = [
        row
        for row in rows
        if (row["model"], row["outside"], row["detector"], row["metric"])
        == ("glow", "high", "likelihood", "auroc")
    ]
    by_seed = {row["seed"]: float(row["value"]) for row in chosen}
    assert set(by_seed) == {"0", "1", "all"}
    assert by_seed["all"] == pytest.approx((by_seed["0"] + by_seed["1"]) / 2)
    assert "2 seeds, sd" in next(row["note"] for row in chosen if row["seed"] == "all")


def test_report_csv_has_the_documented_columns_and_json_the_same_rows(
    tiny: Path, ood_bench: Command
) -> None:
    ood_bench("run", tiny)
    assert ood_bench("report", "tiny", "--format", "csv", "-o", "out").status == 0
    assert ood_bench("report", "--format", "json", "-o", "out").status == 0
    rows = list(csv.DictReader(StringIO((tiny.parent / "out/results.csv").read_text())))
    assert list(rows[0]) == [
        "suite",
        "model",
        "inside",
        "outside",
        "detector",
        "seed",
        "metric",
        "value",
        "low",
        "high",
        "n_inside",
        "n_outside",
        "transform",
        "note",
    ]
    sizes = {(row["metric"], row["outside"]): (row["n_inside"], row["n_outside"]) for row in rows}
    images = len(np.load(tiny.parent / "low.npz")["test_images"])
    for metric in ("auroc", "aupr_out", "aupr_in", "fpr95", "detection_error"):
        assert sizes[metric, "black"] == (str(images), "3")
    assert sizes["bpd_outside", "black"] == ("0", "3")
    assert sizes["bpd_inside", ""] == (str(images), "0")
    (page,) = tiny.parent.glob("results/tiny-*/report.md")
    assert "score intervals with DeLong's variance" in page.read_text()
    content = json.loads((tiny.parent / "out/results.json").read_text())
    assert [float(row["value"]) for row in rows] == [row["value"] for row in content["rows"]]
    assert content["claims"][0]["id"] == "T1"
    assert content["manifest"]["torch"]


def test_a_report_that_draws_for_long_says_how_far_it_is(
    finished: Path, tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ood_bench.cli.progress.LOG_SECONDS", 0.0)
    monkeypatch.setattr("ood_bench.cli.progress.LOOK_SECONDS", 0.01)
    done = ood_bench("report", "--results", finished / "results", "--output", tmp_path / "new")
    assert done.status == 0
    told = [line.split(" of ") for line in done.err.splitlines() if line.endswith(" figures")]
    drawn = len(list((tmp_path / "new" / "figures").glob("*.png")))
    assert {total for _, total in told} == {f"{drawn} figures"}
    numbers = [int(number) for number, _ in told]
    assert numbers == sorted(numbers)
    assert numbers[-1] <= drawn


def test_report_without_a_run_says_how_to_start_one(tmp_path: Path, ood_bench: Command) -> None:
    outcome = ood_bench("report", "--results", tmp_path)
    assert outcome.status == 2
    assert "ood-bench run" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_what_is_skipped_is_not_in_the_report_though_it_is_stored(
    tiny: Path, ood_bench: Command
) -> None:
    ood_bench("run", tiny)
    outcome = ood_bench("run", tiny, "--skip", "analysis/*/extremes")
    assert outcome.status == 0, outcome.err
    folder = Path(outcome.out.split("report: ")[1].strip()).parent
    assert (folder / "figures" / "roc-glow-low-0.png").is_file()
    assert not (folder / "figures" / "extremes-glow-low-0.png").exists()
