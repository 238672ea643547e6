"""The audit of data: by names, by suite, in a run's report, and left out."""

import csv
import json
import zipfile
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.conftest import Command

from ood_bench import audit_data
from ood_bench.metrics import delong


def audit_only(tiny: Path, ood_bench: Command, *more: str) -> Path:
    outcome = ood_bench("run", tiny, "--only", "audit/*", *more)
    assert outcome.status == 0, outcome.err
    (run,) = tiny.parent.glob("results/tiny-*")
    return run


def test_a_report_tells_what_the_images_alone_tell(
    tiny: Path, ood_bench: Command, digits: dict[str, np.ndarray]
) -> None:
    high = digits["high"].copy()
    high[600:605] = digits["low"][:5]
    high[605:607] = digits["low"][700]
    np.savez(tiny.parent / "high.npz", train_images=high[:600], test_images=high[600:])
    run = audit_only(tiny, ood_bench)
    page = (run / "report.md").read_text()
    for heading in ("Data audit", "Pairs separable without a model"):
        assert f"## {heading}\n" in page
    assert ood_bench("report", "--format", "json").status == 0
    audit = json.loads((run / "results.json").read_text())["audit"]
    assert [item["name"] for item in audit["data"]] == ["low", "high", "black"]
    black = {
        item["feature"]: item["value"]
        for item in audit["separations"]
        if item["outside"] == "black"
    }
    assert black["variance"] == 0.0
    shared = {(o["data"], o["other"], o["other_split"]): o["exact"] for o in audit["overlaps"]}
    assert shared["high", "low", "train"] == 5
    assert shared["high", "low", "test"] == 2
    rows = list(csv.DictReader(StringIO((run / "tables/audit.csv").read_text())))
    assert {row["feature"] for row in rows} >= {"mean", "variance", "PNG bits"}


def test_the_audits_intervals_have_the_coverage_of_the_suite(
    tiny: Path, ood_bench: Command, digits: dict[str, np.ndarray]
) -> None:
    run = audit_only(tiny, ood_bench, "--set", "evaluation.level=0.8")
    rows = list(csv.DictReader(StringIO((run / "tables/audit.csv").read_text())))
    found = next(row for row in rows if (row["outside"], row["feature"]) == ("high", "mean"))
    means = (digits[name][600:].mean(axis=(1, 2, 3)) for name in ("low", "high"))
    expected = delong(*means, level=0.8)
    assert [float(found[end]) for end in ("value", "low", "high")] == pytest.approx(list(expected))
    assert "Brackets hold 80 % intervals (DeLong" in (run / "report.md").read_text()


def test_a_pair_that_one_number_tells_apart_is_marked_beside_its_detectors(
    tiny: Path, ood_bench: Command
) -> None:
    outcome = ood_bench(
        "run",
        tiny,
        "--set",
        "analyses=[]",
        "--set",
        "models={glow: {options: {levels: 1, steps: 1, width: 8}}}",
    )
    assert outcome.status == 0, outcome.err
    said = "Mean pixel value alone separates this pair (AUROC 0.000"
    assert said in " ".join(outcome.out.split())
    (run,) = tiny.parent.glob("results/tiny-*")
    detection = (run / "report.md").read_text().split("## Detection")[1].split("\n## ")[0]
    assert said in detection
    marked = {line.split("|")[2].strip() for line in detection.splitlines() if "| glow |" in line}
    assert marked == {"low → black ¹,²", "low → high ¹"}
    assert any(line.startswith("² Mean pixel value alone") for line in detection.splitlines())


def test_a_suite_can_leave_the_audit_out(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("run", tiny, "--dry-run", "--set", "evaluation.audit=false")
    assert "audit/" not in outcome.out
    assert "audit/1x8x8/low/black" in ood_bench("run", tiny, "--dry-run").out


def test_a_run_finds_what_was_audited_before_it(tiny: Path, ood_bench: Command) -> None:
    outcome = ood_bench("data", "audit", tiny)
    assert outcome.status == 0, outcome.err
    assert "low → high" in outcome.out
    plan = ood_bench("run", tiny, "--dry-run").out.splitlines()
    audits = [line for line in plan if "audit/" in line]
    assert len(audits) == 5
    assert all("stored" in line for line in audits)


def test_an_archive_leaves_hashes_out_and_reports_the_audit(tiny: Path, ood_bench: Command) -> None:
    run = audit_only(tiny, ood_bench)
    assert ood_bench("archive", "-o", "kept").status == 0
    *lines, checksum = (tiny.parent / "kept/report.md").read_text().splitlines()
    assert lines == (run / "report.md").read_text().splitlines()
    assert checksum.startswith("| checksum of the archive | ")
    assert "Shared images" in (tiny.parent / "kept/report.md").read_text()
    with zipfile.ZipFile(tiny.parent / "kept/cells.zip") as file:
        for name in file.namelist():
            if name.endswith("columns.parquet"):
                assert "pixel_hash.high" not in pq.read_schema(file.open(name)).names


def test_data_sets_of_the_catalogue_are_audited_by_name(tiny: Path, ood_bench: Command) -> None:
    sizeless = ood_bench("data", "audit", "noise", "mnist_20k")
    assert (sizeless.status, len(sizeless.err.splitlines())) == (2, 1)
    unknown = ood_bench("data", "audit", "mnist_2k")
    assert (unknown.status, "mnist_20k" in unknown.err) == (2, True)
    split = ood_bench("data", "audit", "mnist_20k:valid")
    assert (split.status, len(split.err.splitlines())) == (2, 1)


def test_folders_and_archives_of_ones_own_are_audited_and_shown_by_their_paths(
    tiny: Path, ood_bench: Command, digits: dict[str, np.ndarray]
) -> None:
    photos = tiny.parent / "photos"
    photos.mkdir()
    for i, image in enumerate(digits["low"][600:640]):
        Image.fromarray(image[0]).save(photos / f"{i:02}.png")
    done = ood_bench("data", "audit", "photos", "low.npz", "high.npz:train", "constant")
    assert done.status == 0, done.err
    found = audit_data("photos", "low.npz", "high.npz:train", "constant")
    assert {one.name: one.count for one in found.found.data} == {
        "photos": 40, "low.npz": len(digits["low"]) - 600, "high.npz:train": 600, "constant": 100,
    }  # fmt: skip
    assert {one.shape for one in found.found.data} == {"1×8×8"}
    (shared,) = (one for one in found.found.overlaps if one.data == "low.npz" and one.exact)
    assert shared.exact == 40
    done = ood_bench("data", "audit", "photso", "low.npz")
    assert done.status == 2
    assert done.err.startswith(
        "'photso' is neither a folder, an .npz archive nor a data set; known"
    )
    for name, size in (("photos", (8, 8)), ("low.npz", (8, 8))):
        assert ood_bench("data", "show", name, "--count", "1", "-o", "sheet.png").status == 0
        with Image.open("sheet.png") as sheet:
            assert sheet.size == (8 * 6 + 4, 8 * 6 + 4), size
    Image.new("RGB", (300, 200)).save(photos / "large.png")
    Image.new("RGB", (300, 200)).save(photos / "00.png")
    assert ood_bench("data", "show", "photos").status == 0
    with Image.open("photos.png") as sheet:
        assert sheet.size == (10 * 66 + 2, 5 * 66 + 2)
