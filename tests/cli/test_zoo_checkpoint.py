"""Models of the zoo as checkpoints of a suite: scored on what they were not trained on."""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Command, within_pytest, write_tiny
from tests.stored import key_of, members

from ood_bench.scoring import export, find_model
from ood_bench.store import Store
from ood_bench.zoo.layout import COURSE, WEIGHTS

pytestmark = pytest.mark.usefixtures("zoo")

TWO = "ensembles: {{two: {{of: ready, seeds: [0, {}]}}}}\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, digits: dict[str, np.ndarray]) -> Path:
    """A folder with trainings of the tiny Glow, exported to `zoo`: a and b on low, c on high."""
    from ood_bench.cli import main

    folder = tmp_path_factory.mktemp("trained")
    suite = write_tiny(folder, digits)
    both = "pairs=[{inside: low, outside: [high]}, {inside: high, outside: [low]}]"
    wanted = ("--only", "metric/glow@low/*/high/likelihood", "--only", "train/glow@high/0")
    asked = ("--set", "seeds=[0, 1]", "--set", both, "--set", "claims=[]", *wanted, "--jobs", "1")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("OOD_BENCH_DATA", raising=False)
        patch.setattr(sys, "argv", ["ood-bench", "run", str(suite), *asked])
        with within_pytest(), pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 0
    for seed, name in enumerate("ab"):
        model = find_model(f"glow@low/{seed}", results=folder / "results")
        export(model, folder / "zoo" / name)
    export(find_model("glow@high/0", results=folder / "results"), folder / "zoo" / "c")
    return folder


@pytest.fixture
def named(trained: Path, tiny: Path, zoo: Path) -> Path:
    """The folder of `tiny.yaml`, with the two trainings in the zoo."""
    shutil.copytree(trained / "zoo", zoo)
    return tiny.parent


def write(
    folder: Path,
    checkpoint: str,
    *,
    more: str = "",
    models: Sequence[str] = ("ready",),
    **entry: str,
) -> Path:
    """Write a suite of one model that is a checkpoint."""
    entries = ", ".join(f"{key}: {value}" for key, value in entry.items())
    path = folder / "own.yaml"
    path.write_text(
        "extends: tiny.yaml\nname: own\nclaims: []\nanalyses: [histogram]\nseeds: [0]\n"
        f"models:\n  ready: {{checkpoint: {checkpoint}{', ' * bool(entry)}{entries}}}\n"
        f"pairs:\n  - {{inside: low, outside: [high], models: [{', '.join(models)}]}}\n{more}"
    )
    return path


def measured(results: Path, name: str) -> dict[str, list[float]]:
    """Return the measures of a cell, by its name."""
    metrics = members(results, "metrics.json")[key_of(results, name)]
    found: dict[str, list[float]] = json.loads(metrics.read_text())["measures"]
    return found


def weights(folder: Path, name: str) -> bytes:
    """Return what a training's cell in the results of a folder holds, by its name."""
    results = folder / "results"
    return members(results, WEIGHTS)[key_of(results, name)].read_bytes()


def course(results: Path, name: str) -> pd.DataFrame:
    """Return the bits per dimension along a training, by its cell's name."""
    return Store(results / "store").read_frame(key_of(results, name), COURSE)


def test_a_list_of_checkpoints_gives_what_their_trainings_gave(
    named: Path, trained: Path, ood_bench: Command
) -> None:
    suite = write(named, "[zoo:a, zoo:b]", more=TWO.format(1), models=("ready", "two"))
    done = ood_bench("run", suite)
    assert done.status == 0, done.err
    for seed in (0, 1):
        ours = measured(named / "results", f"metric/ready@low/{seed}/high/likelihood")
        theirs = measured(trained / "results", f"metric/glow@low/{seed}/high/likelihood")
        assert ours["auroc"] == theirs["auroc"]
    assert measured(named / "results", "metric/two@low/0/high/likelihood")["auroc"]
    (page,) = named.glob("results/own-*/report.md")
    text = page.read_text().replace("\\", "")
    assert "glow, zoo:a" in text
    assert "glow, zoo:b" in text
    told = json.loads((named / "zoo" / "a" / "training.json").read_text())
    written = Path(ood_bench("report", "own", "--format", "json").out.strip())
    (card,) = [c for c in json.loads(written.read_text())["training"] if c["seed"] == 0]
    assert (card["steps"], card["seconds"]) == (told["steps"], told["seconds"])
    assert card["zoo"] == "a"


def both_ways(suite: Path, *, models: str = "ready") -> Path:
    """Try the models of a suite on both data sets, each trained on the other."""
    text = suite.read_text()
    pair = "  - {{inside: {}, outside: [{}], models: [" + models + "]}}\n"
    pairs = pair.format("low", "high") + pair.format("high", "low")
    before, _, after = text.partition("pairs:\n")
    suite.write_text(before + "pairs:\n" + pairs + after.partition("\n")[2])
    return suite


def test_each_data_set_takes_the_checkpoints_that_were_trained_on_it(
    named: Path, trained: Path, ood_bench: Command
) -> None:
    suite = both_ways(write(named, "[zoo:a, zoo:c, zoo:b]"))
    done = ood_bench("run", suite)
    assert done.status == 0, done.err
    ours = measured(named / "results", "metric/ready@low/1/high/likelihood")
    theirs = measured(trained / "results", "metric/glow@low/1/high/likelihood")
    assert ours["auroc"] == theirs["auroc"]
    assert measured(named / "results", "metric/ready@high/0/low/likelihood")["auroc"]
    with pytest.raises(LookupError):
        measured(named / "results", "metric/ready@high/1/low/likelihood")


@pytest.mark.parametrize("options", [{}, {"options": "{levels: 1, steps: 2, width: 8}"}])
def test_data_sets_without_a_checkpoint_train_the_model_where_the_suite_says_so(
    named: Path, trained: Path, ood_bench: Command, options: dict[str, str]
) -> None:
    suite = both_ways(write(named, "[zoo:a]", train_others="true", **options))
    done = ood_bench("run", suite, "--only", "metric/*/likelihood")
    assert done.status == 0, done.err
    ours = measured(named / "results", "metric/ready@low/0/high/likelihood")
    theirs = measured(trained / "results", "metric/glow@low/0/high/likelihood")
    assert ours["auroc"] == theirs["auroc"]
    assert measured(named / "results", "metric/ready@high/0/low/likelihood")["auroc"]
    assert weights(named, "train/ready@high/0") == weights(trained, "train/glow@high/0")


def test_other_images_under_the_name_of_a_checkpoints_do_not_train_the_model(
    named: Path, ood_bench: Command
) -> None:
    more = "datasets: {low: {npz: high.npz}, high: {npz: low.npz}}\n"
    done = ood_bench("run", write(named, "zoo:a", more=more, train_others="true"))
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert "give them another name to train the model on them" in line


def test_a_model_of_two_sizes_has_both_in_a_dry_run(named: Path, ood_bench: Command) -> None:
    options = "{levels: 1, steps: 1, width: 8}"
    suite = both_ways(write(named, "zoo:a", train_others="true", options=options))
    sizes = [
        line.partition(" parameters")[0]
        for line in ood_bench("run", suite, "--dry-run").out.splitlines()
        if line.startswith("ready on 1×8×8")
    ]
    assert [line.partition(": ")[0] for line in sizes] == [
        "ready on 1×8×8",
        "ready on 1×8×8 of high",
    ]
    assert len({line.partition(": ")[2] for line in sizes}) == 2


def test_a_background_of_one_checkpoint_is_loaded_once_for_all_seeds(
    named: Path, ood_bench: Command
) -> None:
    more = "roles: {background: {model: back, models: [ready]}}\ndetectors: [background_ratio]\n"
    suite = write(named, "[zoo:a, zoo:b]", more=more)
    suite.write_text(suite.read_text().replace("pairs:", "  back: {checkpoint: zoo:a}\npairs:"))
    done = ood_bench("run", suite, "--dry-run")
    assert done.status == 0, done.err
    loaded = re.findall(r"^ *will run +train/(\S+)", done.out, re.MULTILINE)
    assert sorted(loaded) == ["ready@low/0", "ready@low/1"], "the first is the background's too"


@pytest.mark.parametrize(
    ("checkpoint", "more", "models", "said"),
    [
        ("[zoo:a, zoo:b]", "", "ready", "models.ready.checkpoint: it was trained on 'low'"),
        ("[zoo:a, zoo:b]", "", "ready", "or set `train_others: true`"),
        ("[zoo:a, zoo:c]", TWO.format(1), "two", "one is of 'low', so that all members would be"),
    ],
)
def test_a_data_set_without_checkpoints_enough_is_one_line(
    named: Path, ood_bench: Command, checkpoint: str, more: str, models: str, said: str
) -> None:
    done = ood_bench("run", both_ways(write(named, checkpoint, more=more), models=models))
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert said in line


def test_a_model_of_the_zoo_takes_the_place_of_the_one_that_it_extends(
    named: Path, ood_bench: Command
) -> None:
    path = named / "own.yaml"
    path.write_text(
        "extends: tiny.yaml\nname: own\nmodels:\n  glow: {checkpoint: zoo:a}\n"
        "pairs:\n  - {inside: low, outside: [high, black], models: [glow]}\n"
    )
    done = ood_bench("run", path, "--only", "metric/glow@*")
    assert done.status == 0, done.err
    assert measured(named / "results", "metric/glow@low/0/high/likelihood")["auroc"]


def test_a_classifier_of_another_data_set_is_left_out_with_the_reason(
    named: Path, ood_bench: Command
) -> None:
    more = 'roles: {classifier: {checkpoint: "zoo:classifier-fashion_mnist"}}\n'
    suite = write(named, "zoo:a", more=more + "detectors: [likelihood, msp]\n")
    done = ood_bench("run", suite, "--dry-run")
    assert done.status == 0, done.err
    assert "no checkpoint of roles.classifier was trained on 'low'" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("checkpoint", "entry", "said"),
    [
        ("zoo:aa", {}, "the zoo has no model 'aa'; did you mean 'a'"),
        ("zoo:glow-fashion_mist", {}, "did you mean 'glow-fashion_mnist'"),
        ("[zoo:a, zoo:a]", {}, "'zoo:a' and 'zoo:a' are both of seed 0"),
        ("[zoo:a, zoo:pixelcnn-fashion_mnist]", {}, "they are different models: glow, pixelcnn"),
        ("[zoo:a, glow.safetensors]", {}, "checkpoint"),
        ("[]", {}, "checkpoint"),
        ("zoo:a", {"options": "{levels: 1}"}, "`options` comes with the zoo's model; leave it out"),
        ("zoo:a", {"training": "{steps: 5}"}, "`training` comes with the zoo's model; leave it"),
        ("zoo:a", {"use": "vae"}, "the zoo's model is a 'glow'; leave `use` out"),
        ("zoo:a", {"train_others": "true", "options": "{depth: 1}"}, "no option 'depth'"),
        ("glow.pt", {"train_others": "true"}, "`train_others` needs a `checkpoint` of the zoo"),
        ("zoo:vae-fashion_mnist", {}, "it was trained on 'fashion_mnist' (digest e9558368261a)"),
    ],
)
def test_a_model_of_the_zoo_that_cannot_be_taken_is_one_line(
    named: Path, ood_bench: Command, checkpoint: str, entry: dict[str, str], said: str
) -> None:
    done = ood_bench("run", write(named, checkpoint, **entry))
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert "own.yaml:7: models.ready" in line
    assert said in line


def test_a_seed_without_a_checkpoint_is_one_line(named: Path, ood_bench: Command) -> None:
    suite = write(named, "[zoo:a, zoo:b]", more=TWO.format(5), models=("ready", "two"))
    done = ood_bench("run", suite)
    assert done.status == 2
    assert "no checkpoint is of seed 5; there are those of 0, 1" in done.err


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("revision", 99, "was trained with revision 99 of 'glow', and revision 1 is installed"),
        ("plugin", "./own.py:Own", "comes with code of its own, which a suite does not run"),
        ("data", {"name": "low"}, "does not say what it was trained on"),
    ],
)
def test_a_model_that_fits_no_more_is_one_line(
    named: Path, zoo: Path, ood_bench: Command, field: str, value: object, said: str
) -> None:
    from ood_bench.hashing import digest

    path = zoo / "a" / "model.json"
    content = {**json.loads(path.read_text()), field: value}
    del content["digest"]
    path.write_text(json.dumps({**content, "digest": digest(content)}))
    done = ood_bench("run", write(named, "zoo:a"))
    assert done.status == 2
    (line,) = done.err.strip().splitlines()
    assert said in line


def test_damaged_weights_are_found_when_planning(
    named: Path, zoo: Path, ood_bench: Command
) -> None:
    (zoo / "a" / "weights.safetensors").write_bytes(b"damaged")
    done = ood_bench("run", write(named, "zoo:a"), "--dry-run")
    assert done.status == 2
    assert "is not what was exported" in done.err


def test_the_course_of_a_training_comes_with_its_model_and_is_found_by_its_images(
    named: Path, trained: Path, ood_bench: Command
) -> None:
    shutil.copy(named / "high.npz", named / "above.npz")
    suite = write(named, "[zoo:a, zoo:b]", models=("ready",))
    text = suite.read_text().replace("[histogram]", "[course]").replace("[high]", "[above, low2]")
    low2 = "low2: {npz: ./low2.npz}, above: {npz: ./above.npz}"
    np.savez(named / "low2.npz", test_images=np.load(named / "low.npz")["test_images"][:40])
    suite.write_text(text + f"datasets: {{{low2}}}\n")
    done = ood_bench("run", suite)
    assert done.status == 0, done.err
    ours = course(named / "results", "train/ready@low/0")
    theirs = course(trained / "results", "train/glow@low/0")
    assert set(theirs["data"]) == {"low/train", "low/test", "high/test"}
    assert set(ours["data"]) == {"low/train", "low/test", "above/test"}
    theirs["data"] = theirs["data"].replace({"high/test": "above/test"})
    pd.testing.assert_frame_equal(ours, theirs)
    table = pd.read_csv(next(named.glob("results/own-*/tables/findings.csv")))
    crossings = table.query("name == 'crossings' and seed.astype('str') == '0'")
    assert crossings["outside"].tolist() == ["above"]


def test_a_course_of_other_images_is_none_and_a_changed_one_is_refused(
    named: Path, ood_bench: Command
) -> None:
    suite = write(named, "zoo:a")
    text = suite.read_text().replace("[histogram]", "[course]").replace("[high]", "[noise]")
    suite.write_text(text + "datasets: {noise: {use: noise, count: 50}}\n")
    done = ood_bench("run", suite)
    assert done.status == 0, done.err
    (page,) = named.glob("results/own-*/report.md")
    assert "ready@low/0 × course" in page.read_text().replace("\\", "")
    assert not list(named.glob("results/own-*/figures/course-*"))
    file = named / "zoo" / "a" / "course.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    done = ood_bench("run", suite)
    assert (done.status, len(done.err.splitlines())) == (2, 1)
    assert "course.parquet is not what was exported" in done.err
