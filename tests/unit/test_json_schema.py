"""The JSON Schema of suites: what an editor accepts and underlines."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import SUITE, Command

from ood_bench.runs import run_folder
from ood_bench.suite import load_suite
from ood_bench.suite.json_schema import json_schema

SUITES = Path(__file__).parents[2] / "suites"
SHIPPED = sorted(path for path in SUITES.rglob("*.yaml") if path.parent.name != "published")


def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def test_the_schema_beside_the_suites_is_current(tmp_path: Path, ood_bench: Command) -> None:
    done = ood_bench("schema", "-o", tmp_path / "schema.json")
    assert done.out.strip() == str(tmp_path / "schema.json")
    current = (tmp_path / "schema.json").read_text()
    kept = (SUITES / "schema.json").read_text()
    assert kept == current, "run `ood-bench schema -o suites/schema.json`"
    assert json.loads(ood_bench("schema").out) == json.loads(current)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites_name_the_schema_and_fit_it(path: Path) -> None:
    schema = "schema.json" if path.parent == SUITES else "../schema.json"
    assert path.read_text().splitlines()[0] == f"# yaml-language-server: $schema={schema}"
    load_suite(path)
    validator().validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("glow: {", "glow: {class_path: ood_bench_models.glow.Glow, init_args: {levels: 1}} #"),
        ("  glow: {", "  mine: {use: './mine.py:Mine'}\n  glow: {"),
        ("detectors: [likelihood,", "detectors: [waic,"),
        ("analyses: [histogram, roc, extremes, course]", "analyses: {histogram: , roc: {}}"),
        ("evaluation: {", "roles: {members: {seeds: [0, 1]}}\nevaluation: {"),
        ("name: tiny", "name: tiny\nensembles: {two: {of: glow, seeds: [0, 1]}}"),
        ("low: {npz: low.npz}", "low: {folder: low, transform: {crop: 148, channels: match}}"),
        ("- id: T1", "- id: 1\n    quoted: 0.5"),
        ("name: tiny", "name: tiny\nquoted: published"),
    ],
)
def test_what_the_loader_accepts_fits_the_schema(tmp_path: Path, old: str, new: str) -> None:
    text = SUITE.replace(old, new, 1)
    assert text != SUITE
    (tmp_path / "tiny.yaml").write_text(text)
    load_suite(tmp_path / "tiny.yaml")
    validator().validate(yaml.safe_load(text))


def test_a_suite_that_extends_another_needs_no_more_than_its_changes() -> None:
    validator().validate({"extends": "paper.yaml"})
    validator().validate({"extends": "paper.yaml", "ensembles": {"five": {"seeds": [5, 6]}}})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: tiny\n", ""),
        ("models:", "modles:"),
        ("levels: 1, steps: 2, width: 8}}", "levels: 1}, trainnig: {steps: 1}}"),
        ("training: {steps: 20", "training: {stesp: 20"),
        ("training: {steps: 20", "training: {steps: many"),
        ("level: 0", "level: 300"),
        ("npz: low.npz", "npz: low.npz, transform: {resize: nearest}"),
        ("outside: [high, black]", "outside: []"),
        ("glow: {options", "gl ow: {options"),
        ("glow: {options", "glow: {class_path: a.B, options"),
    ],
)
def test_what_the_schema_refuses_the_loader_refuses(tmp_path: Path, old: str, new: str) -> None:
    from ood_bench.errors import SuiteError

    text = SUITE.replace(old, new, 1)
    (tmp_path / "tiny.yaml").write_text(text)
    assert not validator().is_valid(yaml.safe_load(text))
    with pytest.raises(SuiteError):
        load_suite(tmp_path / "tiny.yaml")


def test_every_key_is_explained() -> None:
    schema = json_schema()
    for name, part in {"Suite": schema, **schema["$defs"]}.items():
        for key, field in part["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_comments_of_a_suite_change_nothing_that_results_depend_on(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(SUITE)
    plain = load_suite(path).suite
    path.write_text(f"# yaml-language-server: $schema=schema.json\n{SUITE}# the end\n")
    commented = load_suite(path).suite
    assert commented == plain
    assert run_folder(tmp_path, commented, {}) == run_folder(tmp_path, plain, {})
