"""The keys of a suite, as `ood-bench suite show` and the reference tell of them."""

import re

import pytest
import yaml
from pydantic import BaseModel
from tests.conftest import Command

from ood_bench.claims import Claim
from ood_bench.data import DataOptions
from ood_bench.recipe import Recipe
from ood_bench.suite import Evaluation, ModelEntry, Pair, Quoted, Suite
from ood_bench.suite.keys import suite_keys

KEYS = {key.path: key for key in suite_keys()}


@pytest.mark.parametrize(
    ("above", "model"),
    [
        ("", Suite),
        ("training.", Recipe),
        ("datasets.NAME.", DataOptions),
        ("models.NAME.", ModelEntry),
        ("pairs[].", Pair),
        ("evaluation.", Evaluation),
        ("claims[].", Claim),
        ("quoted[].", Quoted),
    ],
)
def test_every_key_is_there_with_a_sentence_and_the_default_that_a_suite_gets(
    above: str, model: type[BaseModel]
) -> None:
    for name, field in model.model_fields.items():
        key = KEYS[f"{above}{name}"]
        assert re.fullmatch(r"[A-Z`<][^\n]+\.", key.sentence), key
        if field.is_required():
            assert key.default == "required"
        elif key.default:
            given = field.get_default(call_default_factory=True, validated_data={})
            plain = model.model_construct(**{name: given}).model_dump(mode="json")[name]
            assert yaml.safe_load(key.default) == plain
        else:
            assert "default" in key.says or any(path.startswith(f"{key.path}.") for path in KEYS)


def test_types_are_said_in_words() -> None:
    assert KEYS["seeds"].type == "list of whole numbers ≥ 0, at least 1"
    assert KEYS["pairs[].shape"].type == "list of 3 whole numbers or null"
    assert KEYS["models"].type == "mapping of names to keys below"
    assert KEYS["evaluation.level"].type == "number > 0.5 and < 1"
    assert KEYS["training.optimizer"].type == "adam or adamax or rmsprop or text"
    assert KEYS["evaluation.audit"].type == "true or false"


def test_the_command_shows_all_keys_a_part_or_the_whole_text_of_one(ood_bench: Command) -> None:
    lines = ood_bench("suite", "show").out.splitlines()
    assert {line.split()[0] for line in lines if line[0] != " "} == {"key", *KEYS}
    lines = ood_bench("suite", "show", "pairs").out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["key", "pairs", "pairs[].inside"]
    assert len([line for line in lines if line[0] != " "]) == 10
    for name in ("steps", "training.steps"):
        said = "training.steps: whole number ≥ 0; default: 10000\n" + KEYS["training.steps"].says
        assert ood_bench("suite", "show", name).out == f"{said}\n"
    done = ood_bench("suite", "show", "pairs.outside")
    assert done.out.startswith("pairs[].outside: list of texts")
    done = ood_bench("suite", "show", "stps")
    assert (done.status, done.err) == (2, "a suite has no key 'stps'; did you mean 'steps'?\n")
