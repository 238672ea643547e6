"""`ood-bench card`, `push` and `leaderboard`: runs on the Hugging Face hub, or in folders."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelCardData
from tests.conftest import Command
from tests.forged import forge, keys_of, replace_file
from tests.hub import TOKEN, HubServer, hub

import ood_bench as package
from ood_bench.scoring import read_exported

Push = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub() as made:
        yield made


@pytest.fixture
def process(server: HubServer, tmp_path: Path) -> Push:
    """Run `ood-bench` in a process, since the hub's client reads its settings on import."""

    def run(*arguments: object, token: str = TOKEN) -> "subprocess.CompletedProcess[str]":
        place = {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            "HF_TOKEN": token,
        }
        return subprocess.run(
            [sys.executable, "-m", "ood_bench", *map(str, arguments)],
            env={**os.environ, **place},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def head(path: Path) -> ModelCardData:
    data = ModelCard.load(path).data
    assert isinstance(data, ModelCardData)
    return data


def test_the_head_of_a_card_is_read_by_the_hubs_client(
    finished: Path, tmp_path: Path, ood_bench: Command
) -> None:
    path = tmp_path / "card.md"
    done = ood_bench("card", "tiny", "--results", finished / "results", "-o", path)
    assert done.status == 0, done.err
    assert done.out.strip() == str(path)
    data = head(path)
    assert data.library_name == "ood-bench"
    assert data.model_name == "tiny"
    assert data.eval_results is not None
    found = {}
    for one in data.eval_results:
        args = one.metric_args or {}
        outside = (one.dataset_config or "").removeprefix("against ")
        assert (one.dataset_name.rpartition(" against ")[1] != "") == bool(outside)
        key = (args["model"], one.dataset_type, outside, args.get("detector", ""), one.metric_name)
        assert key not in found
        found[key] = (one.metric_value, args["low"], args["high"])
    run = package.load_run(results=finished / "results")
    rows = run.metrics.query("seed == 'all' and metric in ('auroc', 'fpr95', 'bpd_inside')")
    headings = {"auroc": "AUROC", "fpr95": "FPR@95TPR", "bpd_inside": "Bits per dimension"}
    assert len(found) == len(rows) == 26
    for row in rows.to_dict("records"):
        of = f"{row['detector']} of {row['model']}" if row["detector"] else row["model"]
        name = f"{headings[row['metric']]} of {of}"
        key = (row["model"], row["inside"], row["outside"], row["detector"], name)
        assert found[key] == pytest.approx((row["value"], row["low"], row["high"]), abs=1e-6)
    text = path.read_text(encoding="utf-8")
    assert "Black images are likelier than digits" in text
    assert "| cv-glow | typicality |" in text


def check(files: dict[str, bytes], folder: Path, results: Path) -> None:
    """Check that everything that was shared can be read again."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert len(head(folder / "README.md").eval_results or []) == 26
    again, run = package.load_run(folder / "archive"), package.load_run(results=results)
    assert again.metrics.drop(columns="note").equals(run.metrics.drop(columns="note"))
    models = sorted(path.name for path in (folder / "models").iterdir())
    assert models == ["cv-glow-low-0", "glow-low-0"]
    assert read_exported(folder / "models/glow-low-0").name == "glow@low/0"


def test_a_run_is_pushed_to_a_folder(finished: Path, tmp_path: Path, ood_bench: Command) -> None:
    folder, results = tmp_path / "shared", finished / "results"
    done = ood_bench("push", "tiny", folder, "--results", results)
    assert done.status == 0, done.err
    assert done.out.strip() == str(folder)
    check({}, folder, results)
    again = ood_bench("push", "tiny", folder, "--results", results)
    assert (again.status, again.err) == (2, f"{folder} is not empty; name a new folder\n")


def test_a_run_is_pushed_to_the_hub_by_its_own_client(
    finished: Path, tmp_path: Path, server: HubServer, process: Push
) -> None:
    results = finished / "results"
    done = process("push", "tiny", "hf://somebody/tiny", "--results", results, "--private")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{server.url}/somebody/tiny"
    assert "%|" not in done.stderr
    assert server.private == {"somebody/tiny": True}
    assert any(
        name.endswith("weights.safetensors") for name in server.repositories["somebody/tiny"]
    )
    check(server.repositories["somebody/tiny"], tmp_path / "again", results)


def test_an_archive_and_a_run_without_weights_have_no_models(
    archive: Path, finished: Path, tmp_path: Path, ood_bench: Command
) -> None:
    for run, options in ((archive, ()), ("tiny", ("--no-weights",))):
        folder = tmp_path / str(len(options))
        done = ood_bench("push", run, folder, "--results", finished / "results", *options)
        assert done.status == 0, done.err
        assert sorted(path.name for path in folder.iterdir()) == ["README.md", "archive"]


@pytest.mark.parametrize(
    ("target", "token", "said"),
    [
        ("hf://tiny", TOKEN, "hf://tiny: a repository of the hub is hf://owner/name"),
        ("hf:tiny", TOKEN, "hf:tiny: a repository of the hub is hf://owner/name"),
        ("hf://a/b/c", TOKEN, "hf://a/b/c: a repository of the hub is hf://owner/name"),
        ("hf://somebody/tiny", "hf_wrong", "hf://somebody/tiny: the hub answers 401"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    finished: Path, server: HubServer, process: Push, target: str, token: str, said: str
) -> None:
    done = process("push", "tiny", target, "--results", finished / "results", token=token)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert server.repositories == {}


def test_a_hub_that_does_not_answer_is_one_line(
    finished: Path, process: Push, monkeypatch: pytest.MonkeyPatch, server: HubServer
) -> None:
    server.server_close()
    monkeypatch.setattr(HubServer, "url", "http://127.0.0.1:9")
    done = process("push", "tiny", "hf://somebody/tiny", "--results", finished / "results")
    assert done.returncode == 2
    assert "hf://somebody/tiny: cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def tampered(archive: Path, folder: Path, metric: str, part: int, by: float) -> Path:
    """Copy an archive with one number changed, and every checksum made right again."""

    def better(files: dict[str, bytes]) -> None:
        key = keys_of(files)["metric/glow@low/0/high/likelihood"]
        content = json.loads(files[f"cells/{key}/metrics.json"])
        content["measures"][metric][part] += by
        replace_file(files, key, "metrics.json", json.dumps(content).encode())

    return forge(archive, folder, cells=better)


@pytest.fixture
def four(archive: Path, tiny: Path, ood_bench: Command, tmp_path: Path) -> Path:
    """Four archives in a folder: two honest ones, one tampered with, one damaged."""
    folder = tmp_path / "board"
    shutil.copytree(archive, folder / "a-first")
    other = ("--set", "name=other", "--set", "seeds=[3, 4]", "--set", "analyses=[]")
    few = ("--set", "models={flow: {use: glow, options: {levels: 1, steps: 1, width: 8}}}")
    assert ood_bench("run", tiny, *other, *few, "--set", "claims=[]").status == 0
    assert ood_bench("archive", "other", "-o", folder / "b-second").status == 0
    tampered(archive, folder / "c-tampered", "auroc", 0, 0.01)
    shutil.copytree(archive, folder / "d-damaged")
    cells = folder / "d-damaged" / "cells.zip"
    cells.write_bytes(cells.read_bytes()[:-40] + bytes(40))
    return folder


def test_a_leaderboard_shows_what_it_computed_and_refuses_the_rest(
    four: Path, tmp_path: Path, ood_bench: Command
) -> None:
    page = tmp_path / "page.html"
    done = ood_bench("leaderboard", four, "-o", page)
    assert done.status == 1
    assert done.out.strip() == str(page)
    first, second = done.err.splitlines()
    assert re.fullmatch(
        r"refused: board/c-tampered: glow@low/0, likelihood against high: the value of auroc is "
        r"stated as 0\.\d{6}, and its scores give 0\.\d{6}",
        first,
    )
    assert second.startswith("refused: board/d-damaged")
    assert "is damaged" in second
    text = page.read_text(encoding="utf-8")
    assert "board/c-tampered" not in text.partition("<h2>Refused</h2>")[0]
    assert "board/c-tampered" in text.partition("<h2>Refused</h2>")[2]
    assert text.count("<h2>low → high</h2>") == text.count("<h2>low → black</h2>") == 1
    table = text.partition("<h2>low → high</h2>")[2].partition("</table>")[0]
    rows = [
        [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", line, re.DOTALL)]
        for line in re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]
    ]
    shown = {(run, model, detector): auroc for _, run, model, detector, auroc, *_ in rows}
    assert len(shown) == 9
    for name in ("a-first", "b-second"):
        metrics = package.load_run(four / name).metrics
        metrics = metrics.query("metric == 'auroc' and seed == 'all' and outside == 'high'")
        for row in metrics.to_dict("records"):
            said = f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
            assert shown[f"board/{name}", row["model"], row["detector"]] == said
    ranked = [(int(rank), float(auroc.split()[0])) for rank, _, _, _, auroc, *_ in rows if rank]
    assert [auroc for _, auroc in ranked] == sorted((a for _, a in ranked), reverse=True)
    assert [rank for rank, _ in ranked] == sorted(rank for rank, _ in ranked)
    assert "<script" not in text
    assert "2 trainings" in table


@pytest.mark.parametrize(
    ("metric", "part", "by", "said"),
    [
        ("auroc", 2, 1e-5, "the high of auroc"),
        ("fpr95", 1, -1e-5, "the low of fpr95"),
        ("aupr_in", 0, 1e-5, "the value of aupr_in"),
        ("detection_error", 0, 1e-5, "the value of detection_error"),
    ],
)
def test_any_number_that_does_not_recompute_is_refused(
    archive: Path, tmp_path: Path, ood_bench: Command, metric: str, part: int, by: float, said: str
) -> None:
    tampered(archive, tmp_path / "board", metric, part, by)
    done = ood_bench("leaderboard", tmp_path / "board", "-o", tmp_path / "page.html")
    assert done.status == 2
    assert f"no archive is left: board: glow@low/0, likelihood against high: {said}" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_names_in_an_archive_do_not_become_markup(
    archive: Path, tmp_path: Path, ood_bench: Command
) -> None:
    folder = tmp_path / "<script>alert(1)<"
    forge(archive, folder, record=lambda content: content | {"title": "<img src=x>"})
    done = ood_bench("leaderboard", folder, "-o", tmp_path / "page.html")
    assert done.status == 0, done.err
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text


def test_a_leaderboard_reads_what_was_pushed_to_the_hub(
    finished: Path, tmp_path: Path, server: HubServer, process: Push
) -> None:
    results, page = finished / "results", tmp_path / "page.html"
    pushed = process("push", "tiny", "hf://somebody/tiny", "--no-weights", "--results", results)
    assert pushed.returncode == 0, pushed.stderr
    done = process("leaderboard", "hf://somebody/tiny", "-o", page)
    assert done.returncode == 0, done.stderr
    assert "<td>somebody/tiny</td>" in page.read_text(encoding="utf-8")
    missing = process("leaderboard", "hf://somebody/else", "-o", page)
    assert missing.returncode == 2
    assert "hf://somebody/else: the hub answers 404" in missing.stderr
    assert len(missing.stderr.splitlines()) == 1


def test_a_folder_without_archives_is_one_line(
    finished: Path, tmp_path: Path, ood_bench: Command
) -> None:
    for source, said in ((finished / "results", "no archive lies"), (tmp_path / "x", "no such")):
        done = ood_bench("leaderboard", source, "-o", tmp_path / "page.html")
        assert done.status == 2
        assert said in done.err
        assert len(done.err.splitlines()) == 1
