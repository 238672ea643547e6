"""Models with a name: what the index says, and bringing one from elsewhere whole or not at all."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest

from ood_bench.cli.zoo import zoo
from ood_bench.errors import OodBenchError
from ood_bench.scoring import find_model
from ood_bench.zoo import ZooModel, fetch_model, fetched_models, find_zoo, read_index, summary
from ood_bench.zoo.index import shipped_root
from ood_bench.zoo.layout import CARD, DESCRIPTION, TRAINING, WEIGHTS

ZOO = Path(__file__).parents[2] / "results" / "zoo"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where fetched models lie, of this test alone."""
    monkeypatch.setenv("OOD_BENCH_ZOO", str(tmp_path / "zoo"))
    return tmp_path / "zoo"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A model that somebody exported, and put into a folder."""
    return shutil.copytree(ZOO / "pixelcnn-fashion_mnist", tmp_path / "theirs")


class Hub(SimpleHTTPRequestHandler):
    """A server of a folder, under plain paths and under those of a hub repository."""

    protocol_version = "HTTP/1.1"  # the hub's client keeps connections

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.replace("/somebody/model/resolve/main", ""))

    def end_headers(self) -> None:
        file = Path(self.translate_path(self.path))
        if file.is_file():
            self.send_header("ETag", f'"{hashlib.sha256(file.read_bytes()).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        if "/resolve/" not in self.path:
            super().send_error(code, message, explain)
            return
        self.send_response(code)
        self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(theirs: Path) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), partial(Hub, directory=str(theirs))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_index_is_what_the_models_say() -> None:
    """Written anew by `benchmark/make_zoo_index.py`."""
    folders = sorted(path.parent for path in ZOO.glob(f"*/{DESCRIPTION}"))
    sources = {name: model.source for name, model in read_index().items()}
    said = {folder.name: summary(folder) for folder in folders}
    assert read_index() == {
        name: model.model_copy(update={"source": sources.get(name, "")})
        for name, model in said.items()
    }
    assert all(model.source or (shipped_root() / name).is_dir() for name, model in said.items())


def test_a_model_that_comes_along_is_found_by_its_name() -> None:
    assert find_model("zoo:glow-fashion_mnist", results=Path()).name == "glow@fashion_mnist/0"
    with pytest.raises(OodBenchError, match="is bundled; it needs no fetching"):
        fetch_model("glow-fashion_mnist")
    with pytest.raises(OodBenchError, match="no model 'glow-fashion'; did you mean 'glow-"):
        find_zoo("glow-fashion")
    for name in ("../theirs", "..", "/tmp", ""):
        with pytest.raises(OodBenchError, match="no model"):
            find_zoo(name)


def test_a_model_is_brought_from_a_folder(theirs: Path, root: Path) -> None:
    assert fetch_model("mine", str(theirs)) == root / "mine"
    assert files(root / "mine") == files(theirs)
    assert fetched_models() == ["mine"]
    assert find_model("zoo:mine", results=Path()).weights.path == root / "mine" / WEIGHTS
    assert summary(root / "mine").measured == summary(theirs).measured


def test_a_model_is_brought_from_a_web_server(server: str, theirs: Path, root: Path) -> None:
    (theirs / "circumstances.json").unlink()
    assert fetch_model("mine", f"{server}/") == root / "mine"
    assert files(root / "mine") == files(theirs)


def test_a_model_is_brought_from_the_hub(server: str, theirs: Path, root: Path) -> None:
    """By the hub's own client, which reads where the hub is when it is imported."""
    (theirs / "circumstances.json").unlink()
    command = "from ood_bench.cli import main; main()"
    place = {"HF_ENDPOINT": server, "HF_HOME": str(root.parent / "cache"), "NO_PROXY": "127.0.0.1"}
    fetched = subprocess.run(
        [sys.executable, "-c", command, "models", "fetch", "mine", "--from", "hf:somebody/model"],
        env={**os.environ, **place, "HF_HUB_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert fetched.returncode == 0, fetched.stderr
    assert files(root / "mine") == files(theirs)


def test_a_model_without_a_card_or_training_is_brought_too(theirs: Path, root: Path) -> None:
    (theirs / CARD).unlink()
    (theirs / TRAINING).unlink()
    fetch_model("mine", str(theirs))
    assert find_model("zoo:mine", results=Path()).name == "pixelcnn@fashion_mnist/0"


@pytest.mark.parametrize("file", [WEIGHTS, "held_out.parquet", DESCRIPTION])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_model_is_refused_and_leaves_nothing(
    theirs: Path, root: Path, server: str, file: str, damage: str
) -> None:
    content = (theirs / file).read_bytes()
    if damage == "gone":
        (theirs / file).unlink()
    else:
        half = len(content) // 2
        changed = bytes([content[half] ^ 1])
        rest = content[half + 1 :] if damage == "changed" else b""
        (theirs / file).write_bytes(content[:half] + (changed if rest else b"") + rest)
    for source in (str(theirs), server):
        with pytest.raises(OodBenchError) as caught:
            fetch_model("mine", source)
        assert file in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not list(root.iterdir())


def test_another_training_does_not_take_the_name_of_one_in_the_index(
    theirs: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    known = summary(ZOO / "glow-fashion_mnist")
    other = known.model_copy(update={"name": "other", "source": str(theirs)})
    monkeypatch.setattr("ood_bench.zoo.fetch.read_index", lambda: {"other": other})
    with pytest.raises(OodBenchError, match="not that of 'other' in the index"):
        fetch_model("other")
    assert not (root / "other").exists()
    right = other.model_copy(update={"digest": summary(theirs).digest})
    monkeypatch.setattr("ood_bench.zoo.fetch.read_index", lambda: {"other": right})
    assert fetch_model("other") == root / "other"


def test_what_cannot_be_fetched_is_one_line(tmp_path: Path, root: Path, server: str) -> None:
    with pytest.raises(OodBenchError, match="no model 'glow-kmnist'; did you mean"):
        fetch_model("glow-kmnist")
    for source in (str(tmp_path / "nowhere"), f"{server}/nowhere"):
        with pytest.raises(OodBenchError, match=r"nowhere: no exported model lies there: no file"):
            fetch_model("mine", source)
    with pytest.raises(OodBenchError, match="cannot be reached"):
        fetch_model("mine", "http://127.0.0.1:9/")
    with pytest.raises(OodBenchError, match="cannot be reached"):
        fetch_model("mine", "http://127.0.0.1/a b")
    for name in ("../mine", "a/b", ".", "", ".hidden", "a b\n"):
        with pytest.raises(OodBenchError, match="is no name of a model"):
            fetch_model(name, str(ZOO / "pixelcnn-fashion_mnist"))
    assert not root.exists() or not list(root.iterdir())


def test_a_hub_that_does_not_answer_is_not_one_without_the_model(root: Path) -> None:
    place = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(root.parent / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "ood_bench", "models", "fetch", "mine", "--from", "hf:some/model"],
        env={**os.environ, **place, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "hf:some/model: cannot be reached" in done.stderr.splitlines()[-1]
    assert not list(root.iterdir())


def test_models_without_a_card_are_listed_too(
    theirs: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, gone in (("bare", CARD), ("silent", TRAINING), ("cut", DESCRIPTION)):
        fetch_model(name, str(theirs))
        if gone == DESCRIPTION:
            (root / name / gone).write_text("{")
        else:
            (root / name / gone).unlink()
    zoo()
    told = capsys.readouterr().out
    assert "glow-fashion_mnist" in told
    for name in ("bare", "silent", "cut"):
        assert f"{name}: fetched, but" in told


def test_a_card_that_does_not_say_it_is_one_line(theirs: Path) -> None:
    card = theirs / CARD
    for text in ("no head", "---\n: [\n---\n", "---\ntitle: a\n---\n", "---\n[1]\n---\n"):
        card.write_text(text)
        with pytest.raises(OodBenchError) as caught:
            summary(theirs)
        assert "\n" not in str(caught.value)
    shutil.copyfile(ZOO / theirs.name.replace("theirs", "pixelcnn-fashion_mnist") / CARD, card)
    (theirs / TRAINING).write_text(json.dumps({"seconds": 1.0}))
    with pytest.raises(OodBenchError, match="parameters"):
        summary(theirs)
    assert isinstance(summary(ZOO / "glow-fashion_mnist"), ZooModel)
