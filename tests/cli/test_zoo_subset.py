"""Models of the zoo on the first images of the data that they were trained on."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.conftest import Command
from tests.stored import members

from ood_bench.data import Library
from ood_bench.data.options import DataOptions
from ood_bench.data.partition import Whole, partition
from ood_bench.scoring import find_model

pytestmark = pytest.mark.usefixtures("zoo")

FULL = 60_000
SUBSET = 20_000


def run_bundled(
    folder: Path,
    ood_bench: Command,
    monkeypatch: pytest.MonkeyPatch,
    *,
    detector: str,
    **models: str,
) -> None:
    """Run a suite of the zoo's Glow, `theirs`, and some models on few of the bundled images."""
    monkeypatch.delenv("OOD_BENCH_DATA", raising=False)
    monkeypatch.setenv("OOD_BENCH_JOBS", "1")
    theirs = '{checkpoint: "zoo:glow-fashion_mnist"}'
    entries = ", ".join(f"{name}: {entry}" for name, entry in {"theirs": theirs, **models}.items())
    suite = folder / "bundled.yaml"
    suite.write_text(
        "name: bundled\ndatasets:\n  digits: {use: mnist_20k, limit: {test: 50}}\n"
        "  clothes: {use: fashion_mnist_20k, limit: {test: 50}}\n"
        f"models: {{{entries}}}\ndetectors: [{detector}]\n"
        "pairs: [{inside: clothes, outside: [digits]}]\n"
        "evaluation: {audit: false, train_images: 50}\n"
    )
    done = ood_bench("run", suite, "--results", folder / "results")
    assert done.status == 0, done.err


def test_the_held_out_images_of_a_subset_are_those_that_were_never_trained_on(
    tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_bundled(tmp_path, ood_bench, monkeypatch, detector="likelihood")
    columns = {}
    for key, path in members(tmp_path / "results").items():
        name = json.loads(path.read_text())["name"]
        if name.endswith("/clothes/held_out/decomposition"):
            columns = pq.read_table(
                members(tmp_path / "results", "columns.parquet")[key].open("rb")
            ).to_pydict()
    (exported,) = Path(__file__).parents[2].glob("results/zoo/glow-fashion_mnist/held_out.parquet")
    theirs = pq.read_table(exported).to_pydict()["log_prob"]
    digest = "e9558368261a11c41749d72b0343b1c8"
    parts = partition(FULL, digest=digest, validation=1000, held_out=2000)
    wanted = np.array(theirs)[parts.held_out < SUBSET]
    np.testing.assert_allclose(columns["log_prob"], wanted, rtol=1e-5)
    text = next(tmp_path.glob("results/*/report.md")).read_text()
    assert "first 50 images only" in text
    assert re.search(r"bits per dimension of clothes, and 2\.958 are published \(Nalis", text)
    assert re.search(r"\| 3\.\d{3} \| 2\.958", text), (
        "its bits per dimension, and the published ones"
    )


def test_a_subset_is_the_first_images_of_its_whole(tmp_path: Path) -> None:
    library = Library(root=None, index=tmp_path, hub=False)
    info = library.info("fashion_mnist_20k", DataOptions(), "train")
    assert library.whole(info.digest) == Whole("e9558368261a11c41749d72b0343b1c8", FULL)
    assert library.whole("e9558368261a11c41749d72b0343b1c8") is None


def test_the_catalogue_tells_the_truth_of_first_images(tmp_path: Path) -> None:
    name = "fashion_mnist"
    library = Library(root=None, index=tmp_path, hub=False)
    root = os.environ.get("OOD_BENCH_DATA")
    if root is None:
        pytest.skip("no data root")
    full = Library(root=Path(root), index=tmp_path, hub=False)
    if full.missing(name, DataOptions()) or "train" not in full.splits(name, DataOptions()):
        pytest.skip(f"no training images of {name}")
    shape = library.shape(f"{name}_20k", DataOptions())
    whole = full.load(name, DataOptions(), "train", shape)
    subset = library.load(f"{name}_20k", DataOptions(), "train", shape)
    np.testing.assert_array_equal(whole.pixels[:SUBSET], subset.pixels)
    assert library.whole(subset.digest) == Whole(whole.digest, len(whole.pixels))


def test_two_divisions_of_the_same_images_are_kept_apart(
    tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = "{use: glow, options: {levels: 1, steps: 1, width: 4}, training: {steps: 1}}"
    run_bundled(tmp_path, ood_bench, monkeypatch, detector="input_complexity", ours=ours)
    for name, count in (("theirs", 678), ("ours", 2000)):
        held_out = find_model(name, results=tmp_path / "results").held_out
        lengths = {column: len(found.values) for column, found in held_out.items()}
        assert {"log_prob", "complexity_png"} <= lengths.keys()
        assert {*lengths.values()} == {count}, name
