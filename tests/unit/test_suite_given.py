"""A suite as a mapping: what a YAML file would hold, with the same mistakes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.unit.test_suite import GOOD, write

from ood_bench.errors import SuiteError
from ood_bench.suite import load_suite
from ood_bench.suite.given import assignments_of


def given() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(GOOD.replace("1e-3", "0.001"))
    return found


def refused(suite: Any, *assignments: str) -> str:
    with pytest.raises(SuiteError) as refusal:
        load_suite(suite, assignments=assignments)
    return str(refusal.value)


def test_a_mapping_is_the_suite_that_its_yaml_is(tmp_path: Path) -> None:
    data = given()
    taken = load_suite(data)
    assert taken.suite == load_suite(write(tmp_path, GOOD)).suite
    assert taken.folder == Path()
    data["training"]["steps"] = 99
    assert taken.source.data["training"]["steps"] == 10


def test_numbers_tuples_and_paths_of_python_are_those_of_yaml() -> None:
    data = given() | {
        "seeds": (np.int64(0), 1),
        "datasets": {"black": {"folder": Path("images")}},
        "training": {"learning_rate": np.float32(0.5)},
    }
    suite = load_suite(data).suite
    assert suite.seeds == (0, 1)
    assert suite.recipe("glow").learning_rate == 0.5
    assert str(suite.data_options("black").folder) == "images"


def test_a_mistake_in_a_mapping_says_where_it_is() -> None:
    data = given()
    data["models"]["glow"]["optoins"] = {}
    said = refused(data)
    assert said.startswith("suite given as a mapping: models.glow.optoins: unknown key")
    assert "--set seeds=x: " in refused(given(), "seeds=x")


def test_a_mapping_extends_a_file_and_its_mistakes_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    data = {"extends": str(path), "name": "more", "models": {"glow": {"options": {"width": 4}}}}
    suite = load_suite(data).suite
    assert (suite.name, suite.models["glow"].options) == ("more", {"width": 4})
    assert refused({**data, "seeds": "x"}).startswith("suite given as a mapping: seeds: ")
    path.write_text(GOOD.replace("detectors:", "detecters:"))
    assert refused(data).startswith(f"{path}:7: detecters: ")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (object(), "title: "),
        (float("nan"), "title: "),
        (b"bytes", "title: "),
        ({1: 2}, "title: "),
    ],
)
def test_a_value_that_yaml_has_not_is_one_line(value: object, named: str) -> None:
    said = refused(given() | {"title": value})
    assert said.startswith(f"suite given as a mapping: {named}YAML holds")
    assert len(said.splitlines()) == 1


def test_a_mapping_that_holds_itself_is_one_line() -> None:
    data = given()
    data["models"]["glow"]["options"] = data
    assert len(refused(data).splitlines()) == 1


def test_settings_by_path_are_what_the_command_line_takes() -> None:
    settings = {"title": "a: b", "datasets.black.folder": Path("x"), "training.ema": None}
    loaded = load_suite(
        given() | {"datasets": {}}, assignments=assignments_of({"seeds": (3,), **settings})
    )
    assert (loaded.suite.title, loaded.suite.seeds) == ("a: b", (3,))
    with pytest.raises(SuiteError, match="--set seeds: "):
        assignments_of({"seeds": object()})
