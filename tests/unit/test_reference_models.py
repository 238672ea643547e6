"""The reference models that are kept: whole, small, and as their cards say."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ood_bench.lit import build, load_pretrained
from ood_bench.registry import Registry
from ood_bench.scoring.exported import read_exported
from ood_bench.suite import load_suite

ZOO = Path(__file__).parents[2] / "results" / "zoo"
MODELS = sorted(path.parent for path in ZOO.glob("*/model.json"))


def head_of(card: str) -> dict[str, Any]:
    """Return a model card's YAML head."""
    _, head, _ = card.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def test_there_are_reference_models_and_they_are_small() -> None:
    assert MODELS
    sizes = {folder.name: _size(folder) for folder in MODELS}
    assert sum(size for name, size in sizes.items() if name not in in_wheel()) < 60e6


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def in_wheel() -> set[str]:
    """Return the models that the wheel carries, whose size has a limit of its own."""
    with (ZOO.parents[1] / "pyproject.toml").open("rb") as file:
        build = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    paths = [Path(path) for path in build["force-include"]]
    return {path.name for path in paths if path.parent.name == ZOO.name}


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_a_reference_model_loads_and_is_what_its_suite_trains(folder: Path) -> None:
    model = read_exported(folder)
    entry = model.name.partition("@")[0]
    suite = load_suite(folder / "suite.yaml").suite
    recipe = suite.classifier_recipe() if entry == "classifier" else suite.recipe(entry)
    data = json.loads((folder / "data.json").read_text())
    assert recipe.sized(data["count"]).hashed() == model.recipe
    assert model.seed in suite.seeds
    trained = json.loads((folder / "training.json").read_text())
    plugin = Registry().load("models", model.plugin)
    assert plugin.revision == model.revision
    module = build(plugin, model.shape, model.options, 0)
    load_pretrained(module, model.weights.path)
    assert sum(p.numel() for p in module.parameters()) == trained["parameters"]
    assert data["digest"] == model.data["digest"]


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_a_card_says_what_was_measured(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    trained = json.loads((folder / "training.json").read_text())
    head = head_of(card)
    assert {"license", "library_name", "tags", "datasets", "model-index"} <= head.keys()
    assert f"# {folder.name}\n" in card
    for part in ("## Training", "## Use", "## Limits", "## Licence", "| Seed |", "| Time |"):
        assert part in card
    assert f"{trained['parameters']:,} parameters" in card
    assert f"{trained['steps']:,} steps" in card
    if trained["bpd_validation"] is None:
        assert f"{100 * trained['accuracy_validation']:.1f} %" in card
    else:
        assert f"{trained['bpd_validation']:.3f}" in card
