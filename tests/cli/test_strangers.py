"""What strangers send: no code of it runs."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import NORMAL, Command
from tests.forged import forge, keys_of, replace_file

from ood_bench import load_run, score
from ood_bench.errors import OodBenchError
from ood_bench.files import read_sealed, write_sealed
from ood_bench.hashing import digest
from ood_bench.runs import read_record

EVIL = """\
from pathlib import Path
Path({there!r}).write_text("code was run")
class X: pass
"""


def named(plugin: str) -> Callable[[Any], Any]:
    """Return an edit that names one plugin for all analyses and models."""

    def edit(content: Any) -> Any:
        for cell in content["cells"]:
            if cell["kind"] in ("analysis", "train"):
                cell["at"]["plugin"] = plugin
        return content

    return edit


@pytest.mark.parametrize("format", ["markdown", "html", "latex", "csv", "json"])
@pytest.mark.parametrize("where", ["beside", "absolute", "module"])
def test_an_archive_runs_no_code_and_is_drawn_from_its_tables(
    archive: Path,
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
    format: str,
    where: str,
) -> None:
    there = tmp_path / "ran"
    folder = tmp_path / "kept"
    folder.mkdir()
    for place in (folder, tmp_path):
        (place / "evil_module.py").write_text(EVIL.format(there=str(there)))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    plugin = {
        "beside": "./evil_module.py:X",
        "absolute": f"{tmp_path}/evil_module.py:X",
        "module": "evil_module:X",
    }[where]
    forge(archive, folder, record=named(plugin))
    done = ood_bench("report", folder, "--format", format)
    assert done.status == 0, done.err
    assert not there.exists()
    page = Path(done.out.strip())
    if format == "latex":
        page = next(folder.glob("tables/histogram-*.tex"))
    text = page.read_text()
    if format not in ("csv", "json"):
        assert "is code that no installed package registers" in " ".join(text.split())
    assert ood_bench("archive", folder, "-o", tmp_path / "again").status == 0
    load_run(folder).results  # noqa: B018
    assert not there.exists()


def test_an_analysis_that_is_not_installed_is_shown_as_a_table(
    archive: Path, tmp_path: Path, ood_bench: Command
) -> None:
    folder = forge(archive, tmp_path / "kept", record=named("a_strangers"))
    done = ood_bench("report", folder)
    assert done.status == 0, done.err
    page = (folder / "report.md").read_text()
    assert "### histogram: glow trained on low, seed 0" in page
    assert "No figure: unknown analysis 'a\\_strangers'" in page or "a_strangers" in page
    assert not list(folder.rglob("*.png"))


def test_a_table_that_its_analysis_cannot_draw_is_shown_as_it_is(
    archive: Path, tmp_path: Path, ood_bench: Command
) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"=cmd": ["@SUM(1)", None], "x": [-1.5, 2.0]}), sink)

    def odd(files: dict[str, bytes]) -> None:
        for name, key in keys_of(files).items():
            if name.startswith("analysis/"):
                replace_file(files, key, "table.parquet", sink.getvalue().to_pybytes())

    folder = forge(archive, tmp_path / "kept", cells=odd)
    for format in ("markdown", "html", "latex"):
        done = ood_bench("report", folder, "--format", format)
        assert done.status == 0, done.err
        page = Path(done.out.strip())
        if format == "latex":
            page = next(folder.glob("tables/histogram-*.tex"))
        assert "does not draw this table" in page.read_text()
    with next((folder / "tables").glob("roc-*.csv")).open(newline="") as file:
        assert list(csv.reader(file)) == [["'=cmd", "x"], ["'@SUM(1)", "-1.5"], ["", "2.0"]]


def test_ones_own_plugins_draw_an_own_run_from_any_folder_and_a_copy_of_it_does_not(
    tiny: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tiny.parent / "mine.py").write_text(
        "from ood_bench.analyses.histogram import Histogram\n"
        "class Mine(Histogram):\n"
        '    """Mine."""\n'
        '    title = "Drawn by mine"\n'
    )
    done = ood_bench("run", tiny, "--set", "analyses={mine: {use: './mine.py:Mine'}}")
    assert done.status == 0, done.err
    (run,) = tiny.parent.glob("results/tiny-*")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    results = tiny.parent / "results"
    for path in run.glob("figures/*mine*"):
        path.unlink()
    done = ood_bench("report", "tiny", "--results", results)
    assert done.status == 0, done.err
    assert "Drawn by mine" in (run / "report.md").read_text()
    assert "no figure" not in done.err
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user"))
    done = ood_bench("report", "tiny", "--results", results)
    assert done.status == 0, done.err
    assert "Drawn by mine" not in (run / "report.md").read_text()
    done = ood_bench("report", "tiny", "--results", results, "--trust-code")
    assert "Drawn by mine" in (run / "report.md").read_text()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    content = read_sealed(run / "run.json")
    content["base"] = str(elsewhere)  # the mark is that of another record now
    write_sealed(run / "run.json", content)
    assert not read_record(run).own


@pytest.mark.parametrize("where", ["listed", "unlisted", "above", "absolute", "module"])
def test_a_model_runs_no_code_without_leave_and_never_a_file_without_a_checksum(
    finished: Path,
    tmp_path: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    there, model = tmp_path / "ran", tmp_path / "model"
    results = ("--results", finished / "results")
    assert ood_bench("models", "export", "glow", *results, "-o", model).status == 0
    for place in (model, tmp_path):
        (place / "evil.py").write_text(EVIL.format(there=str(there)) + NORMAL)
    monkeypatch.syspath_prepend(model)
    description = json.loads((model / "model.json").read_text())
    description["plugin"] = {
        "listed": "./evil.py:Normal",
        "unlisted": "./evil.py:Normal",
        "above": "../evil.py:Normal",
        "absolute": f"{tmp_path}/evil.py:Normal",
        "module": "evil:Normal",
    }[where]
    if where == "listed":
        from ood_bench.hashing import file_sha256

        description["files"]["evil.py"] = file_sha256(model / "evil.py")
    del description["digest"]
    description["digest"] = digest(description)
    (model / "model.json").write_text(json.dumps(description))
    arguments = ("score", "--model", model, "--images", finished / "high.npz")
    done = ood_bench(*arguments)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert not there.exists()
    with pytest.raises(OodBenchError):
        score(model, finished / "high.npz")
    assert not there.exists()
    if where in ("listed", "module"):
        assert "--trust-code" in done.err
    if where not in ("listed", "module"):
        assert "has a checksum" in ood_bench(*arguments, "--trust-code").err
        assert not there.exists()


def test_names_that_begin_a_formula_are_guarded_in_scores(
    finished: Path, tmp_path: Path, ood_bench: Command, digits: dict[str, np.ndarray]
) -> None:
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    names = ["=cmd|calc!A0.png", "@SUM(1).png", "+1.png", "-1.png", "\tx.png", "'q.png", "a.png"]
    for name in names:
        Image.fromarray(digits["high"][0, 0]).save(folder / name, format="PNG")
    raw = str(folder / "b").encode() + b"\xff.png"
    shutil.copyfile(folder / "a.png", raw)
    out = tmp_path / "a.csv"
    arguments = ("--model=glow", "--results", finished / "results", "--images", folder)
    done = ood_bench("score", *arguments, "-o", out)
    assert done.status == 0, done.err
    with out.open(newline="", encoding="utf-8") as file:
        cells = [row[0] for row in csv.reader(file)][1:]
    assert sorted(cells) == sorted(
        [*("'" + name for name in names if name != "a.png"), "a.png", "b\\udcff.png"]
    )
    for output in (("-o", tmp_path / "a.parquet"), ()):
        done = ood_bench("score", *arguments, *output)
        assert done.status == 0, done.err
    assert "'=cmd|calc!A0.png" in done.out
    frame = score("glow", folder, results=finished / "results")
    assert "=cmd|calc!A0.png" in list(frame["file"])
