"""A model with weights that were trained elsewhere: loaded, scored, reported, and never trained."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.conftest import Command
from tests.stored import key_of, members

OPTIONS = "{levels: 1, steps: 2, width: 8}"


@pytest.fixture
def trained(tiny: Path, ood_bench: Command) -> Path:
    """The weights of a Glow that a run has trained, beside a suite that does not train it."""
    done = ood_bench("run", tiny, "--only", "metric/glow@low/0/high/likelihood")
    assert done.status == 0, done.err
    (weights,) = members(tiny.parent / "results", "weights.safetensors").values()
    path = tiny.parent / "glow.safetensors"
    path.write_bytes(weights.read_bytes())
    suite(tiny.parent, "glow.safetensors")
    return path


def suite(folder: Path, checkpoint: str, options: str = OPTIONS) -> None:
    (folder / "own.yaml").write_text(
        "extends: tiny.yaml\nname: own\nclaims: []\nseeds: [0, 1]\nanalyses: [histogram, course]\n"
        f"models:\n  ready: {{use: glow, options: {options}, checkpoint: {checkpoint}}}\n"
        "pairs:\n  - {inside: low, outside: [high], models: [ready]}\n"
    )


def auroc(folder: Path, name: str) -> dict[str, object]:
    results = folder / "results"
    metrics = members(results, "metrics.json")[key_of(results, name)]
    found: dict[str, object] = json.loads(metrics.read_text())
    return found


def test_given_weights_score_as_the_training_did_that_they_came_from(
    trained: Path, ood_bench: Command
) -> None:
    folder = trained.parent
    done = ood_bench("run", folder / "own.yaml")
    assert done.status == 0, done.err
    ours = auroc(folder, "metric/ready@low/0/high/likelihood")
    theirs = auroc(folder, "metric/glow@low/0/high/likelihood")
    assert ours["measures"]["auroc"] == theirs["measures"]["auroc"]  # type: ignore[index]
    (page,) = folder.glob("results/own-*/report.md")
    text = page.read_text()
    assert "glow, glow.safetensors" in text.replace("\\", "")
    assert "this model is loaded from a checkpoint" in text
    assert "will run" not in ood_bench("run", folder / "own.yaml", "--dry-run").out
    planned = ood_bench("run", folder / "own.yaml", "--dry-run", "--scale", "0.5").out
    assert "will run" not in planned, "a recipe does not matter where nothing is trained"


def test_other_weights_are_another_model(trained: Path, ood_bench: Command) -> None:
    folder = trained.parent
    assert ood_bench("run", folder / "own.yaml", "--only", "train/*").status == 0
    weights = load_file(trained)
    name = next(name for name in weights if weights[name].is_floating_point())
    save_file({**weights, name: weights[name] + 0.1}, trained)
    assert "will run  train/ready@low/0" in ood_bench("run", folder / "own.yaml", "--dry-run").out


def test_a_state_dict_of_torch_is_read_with_or_without_a_training_program_around_it(
    trained: Path, ood_bench: Command
) -> None:
    folder = trained.parent
    weights = {k: v for k, v in load_file(trained).items() if k != "initialised"}
    for file, content in (("a.pt", weights), ("b.ckpt", {"state_dict": weights, "epoch": 3})):
        torch.save(content, folder / file)
        suite(folder, file)
        done = ood_bench("run", folder / "own.yaml", "--only", "train/ready@*")
        assert done.status == 0, done.err
        assert "] load/ready@low/0 in " in done.err, "nothing is trained"
        assert "] train/ready@low/0 in " not in done.err


class Anything:
    pass


@pytest.mark.parametrize(
    ("file", "content", "options", "message"),
    [
        ("none.pt", None, OPTIONS, "none.pt: cannot be read: No such file or directory"),
        ("text.safetensors", "text", OPTIONS, "text.safetensors: cannot be read: "),
        ("text.pt", "text", OPTIONS, "text.pt: "),
        ("list.pt", [1, 2], OPTIONS, "holds a list and no state dict; save it with torch.save"),
        ("code.pt", Anything(), OPTIONS, "code in it is not run; save the state dict alone"),
        ("other.pt", {"a": torch.zeros(2)}, OPTIONS, "the model has no a; give the options"),
        ("glow.safetensors", None, "{levels: 1, steps: 2, width: 9}", "has the shape (8, "),
        ("glow.safetensors", None, "{levels: 1, steps: 3, width: 8}", "it lacks levels.0."),
    ],
)
def test_what_does_not_fit_is_one_line_before_anything_runs(
    trained: Path,
    ood_bench: Command,
    file: str,
    content: object,
    options: str,
    message: str,
) -> None:
    folder = trained.parent
    if content == "text":
        (folder / file).write_text("no weights")
    elif content is not None:
        torch.save(content, folder / file)
    suite(folder, file, options)
    done = ood_bench("run", folder / "own.yaml")
    assert done.status == 2
    assert message in done.err
    assert "own.yaml:7: models.ready.checkpoint: " in done.err
    assert len(done.err.splitlines()) == 1, done.err


def test_members_that_would_all_be_the_same_are_refused(trained: Path, ood_bench: Command) -> None:
    folder = trained.parent
    with (folder / "own.yaml").open("a") as file:
        file.write("ensembles:\n  five: {of: ready, seeds: [0, 1]}\n")
    done = ood_bench("run", folder / "own.yaml")
    assert done.status == 2
    assert "'ready' is loaded from one checkpoint, so all members would be the same" in done.err
