"""A run in a folder of its own: its report is made again there, without weights or store."""

import json
import re
import shutil
import zipfile
from pathlib import Path

from tests.conftest import Command

from ood_bench import load_run
from ood_bench.hashing import file_sha256


def test_an_archive_gives_the_same_report_without_weights_or_store(
    tiny: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", tiny).status == 0
    (run,) = tiny.parent.glob("results/tiny-*")
    assert ood_bench("archive", "-o", "kept").status == 0
    page = (tiny.parent / "kept/report.md").read_text()
    checksum = json.loads((tiny.parent / "kept/run.json").read_text())["content"]["zipped"]
    assert checksum == file_sha256(tiny.parent / "kept/cells.zip")
    *lines, last = page.splitlines()
    assert lines == (run / "report.md").read_text().splitlines()
    assert re.fullmatch(r"\| checksum of the archive \| [0-9a-f]{32} \|", last)
    again = tiny.parent / "kept/cells.zip"
    before = again.read_bytes()
    names = zipfile.ZipFile(again).namelist()
    assert not any("weights" in name for name in names)
    assert any(name.endswith("columns.parquet") for name in names)
    assert ood_bench("archive", "-o", "kept").status == 0
    assert again.read_bytes() == before
    shutil.rmtree(tiny.parent / "results")
    (tiny.parent / "kept/report.md").unlink()
    assert ood_bench("report", "kept").status == 0
    assert (tiny.parent / "kept/report.md").read_text() == page
    done = ood_bench("report", "kept", "--format", "csv")
    assert (done.status, (tiny.parent / "kept/results.csv").exists()) == (0, True)


def test_figures_can_be_left_out_of_an_archive_and_their_findings_stay(
    tiny: Path, ood_bench: Command
) -> None:
    assert ood_bench("run", tiny).status == 0
    assert ood_bench("archive", "-o", "kept", "--skip", "analysis/glow@*/extremes").status == 0
    figures = {path.name for path in (tiny.parent / "kept/figures").iterdir()}
    assert "extremes-cv-glow-low-0.png" in figures
    assert "extremes-glow-low-0.png" not in figures
    page = (tiny.parent / "kept/report.md").read_text()
    missing, kept_out = page.split("## Figures and tables that the archive does not hold")
    assert "figure and table left out: --skip analysis/glow@" in kept_out
    assert "figure and table left out" not in missing.split("## Skipped")[-1]
    assert "The archive leaves out 1 figure with the tables behind; they were made." in page
    archived = load_run("kept")
    assert not [skip for skip in archived.skips if "left out" in skip.reason]
    assert [left.cell for left in archived.results.not_kept] == ["analysis/glow@low/0/extremes"]
    assert "  not kept   1 of the figures, by the archive" in repr(archived)
    assert ood_bench("archive", "-o", "less", "--skip", "analysis/*/course").status == 0
    assert ood_bench("report", "less").status == 0
    findings = (tiny.parent / "less/tables/findings.csv").read_text()
    assert findings == (tiny.parent / "kept/tables/findings.csv").read_text()
    assert "crossings" in findings
    wrong = ood_bench("archive", "-o", "kept", "--skip", "analysis/glowe@*")
    assert wrong.status == 2
    assert "the run has no analysis of such a name" in wrong.err


def test_a_damaged_archive_is_one_line(tiny: Path, ood_bench: Command) -> None:
    assert ood_bench("run", tiny, "--set", "analyses=[]").status == 0
    assert ood_bench("archive", "-o", "kept").status == 0
    (tiny.parent / "kept/cells.zip").write_bytes(b"no archive")
    done = ood_bench("report", "kept")
    assert done.status == 2
    assert "cells.zip is damaged" in done.err
