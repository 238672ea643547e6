"""The suite loader: every mistake in one line, with its place, and never a traceback."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ood_bench.errors import SuiteError
from ood_bench.suite import ModelEntry, load_suite, suite_named
from ood_bench.suite.json_schema import json_schema
from ood_bench.suite.source import override, read_yaml

GOOD = """\
name: tiny
training: {steps: 10, learning_rate: 1e-3}
datasets:
  black: {use: constant, level: 0}
models:
  glow: {options: {width: 8}, training: {steps: 20}}
detectors: [likelihood]
pairs:
  - inside: fashion_mnist
    outside: [mnist, black]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text)
    return path


def mistake(folder: Path, text: str) -> str:
    with pytest.raises(SuiteError) as caught:
        load_suite(write(folder, text))
    return str(caught.value)


def mistakes(path: Path) -> list[str]:
    """Load a suite that may be good; return the lines of what it got wrong."""
    try:
        load_suite(path)
    except SuiteError as error:
        return str(error).split("\n")
    return []


def test_a_models_training_options_go_on_top_of_the_suites(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, GOOD)).suite
    recipe = suite.recipe("glow")
    assert (recipe.steps, recipe.learning_rate, recipe.batch_size) == (20, 1e-3, 64)


def test_scale_multiplies_training_steps_and_warm_up(tmp_path: Path) -> None:
    text = GOOD.replace("steps: 20", "steps: 200, warmup: 40")
    recipe = load_suite(write(tmp_path, text), scale=0.05).suite.recipe("glow")
    assert (recipe.steps, recipe.warmup) == (10, 2)


def test_set_replaces_a_value_and_is_checked_like_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    suite = load_suite(path, assignments=["models.glow.training.steps=7", "seeds=[3, 4]"]).suite
    assert suite.recipe("glow").steps == 7
    assert suite.seeds == (3, 4)
    assert load_suite(path, assignments=["pairs[0].outside=[black]"]).suite.pairs[0].outside == (
        "black",
    )
    with pytest.raises(SuiteError, match=r"^--set seeds=x: .*got 'x'$"):
        load_suite(path, assignments=["seeds=x"])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("steps", "write it as path=value"),
        ("pairs[4].inside=x", r"there is no item \[4\]"),
        ("name.x=1", "'x' leads into a value"),
        ("pairs[a]=1", "is not a number in brackets"),
        ("name=[", "the value is not YAML"),
    ],
)
def test_a_setting_that_cannot_be_followed_is_refused(
    tmp_path: Path, assignment: str, message: str
) -> None:
    source = read_yaml(write(tmp_path, GOOD))
    with pytest.raises(SuiteError, match=message):
        override(source, assignment)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("detectors:", "detektors:", 7, "unknown key 'detektors'; did you mean 'detectors'?"),
        ("options: {width", "optoins: {width", 6, "unknown key 'optoins'; did you mean 'options'?"),
        ("steps: 20", "'[': 20", 6, "training.[: unknown key '['"),
        ("steps: 20", "stepz: 20", 6, "unknown key 'stepz'; did you mean 'steps'?"),
        ("steps: 10,", "stepz: 10,", 2, "unknown key 'stepz'; did you mean 'steps'?"),
        ("level: 0", "levle: 0", 4, "unknown key 'levle'; did you mean 'level'?"),
        ("steps: 20", "steps: -1", 6, "greater than or equal to 0, got -1"),
        ("steps: 20", "steps: many", 6, "valid integer"),
        ("level: 0", "level: 256", 4, "255"),
        ("[mnist, black]", "[]", 10, "at least 1 item"),
        ("[mnist, black]", "[mnist, mnist]", 10, "'mnist' is named twice"),
        ("[mnist, black]", "[fashion_mnist]", 10, "is the ID data set"),
        ("name: tiny", "name: tiny\nname: again", 2, "duplicate key, first given in line 1"),
        ("name: tiny", "name: a/b", 1, "pattern"),
        ("name: tiny", "name: tiny\nseeds: [1, 1]", 2, "given twice"),
        ("    outside", "    models: [glwo]\n    outside", 10, "did you mean 'glow'?"),
        ("name: tiny", "name: !!python/object:os.system x", 1, "cannot read this value"),
    ],
)
def test_a_mistake_is_one_line_with_its_line_number(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in GOOD
    said = mistake(tmp_path, GOOD.replace(old, new, 1))
    assert "\n" not in said
    assert said.startswith(f"{tmp_path / 'suite.yaml'}:{line}: ")
    assert message in said


def test_every_mistake_is_reported_not_only_the_first(tmp_path: Path) -> None:
    said = mistake(
        tmp_path, GOOD.replace("width", "width", 1).replace("seeds", "seeds") + "x: 1\ny: 2\n"
    )
    assert len(said.splitlines()) == 2


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert "the key 'pairs' is missing" in mistake(tmp_path, GOOD.split("pairs:")[0])


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "\t", "- 1", "a: &a [*a]", "[" * 5000, "? [1]\n: 2", "2001-99-99", "'" * 3],
)
def test_what_is_no_suite_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    assert "\n" not in mistake(tmp_path, text)


def test_a_file_that_is_not_there_or_not_text_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="No such file"):
        load_suite(tmp_path / "absent.yaml")
    with pytest.raises(SuiteError, match="cannot read the suite"):
        load_suite(tmp_path)
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SuiteError, match="UTF-8"):
        load_suite(path)


def test_aliases_that_multiply_are_stopped(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "too often" in mistake(tmp_path, "\n".join(lines))


SLOW_INPUT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
trees = st.recursive(
    leaves,
    lambda kids: (
        st.lists(kids, max_size=3) | st.dictionaries(st.text(max_size=12), kids, max_size=3)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from([*yaml.safe_load(GOOD), "seeds", "claims", "analyses", "evaluation"])


@settings(max_examples=300, suppress_health_check=SLOW_INPUT)
@given(st.dictionaries(KEYS, trees, max_size=3))
def test_no_suite_of_odd_values_gives_a_traceback(tmp_path: Path, odd: dict[str, object]) -> None:
    path = write(tmp_path, yaml.safe_dump({**yaml.safe_load(GOOD), **odd}))
    for line in mistakes(path):
        assert line.startswith(str(path))


@settings(max_examples=300, suppress_health_check=SLOW_INPUT)
@given(st.integers(0, len(GOOD)), st.integers(0, 20), st.text(max_size=8))
def test_no_edit_of_a_suites_text_gives_a_traceback(
    tmp_path: Path, start: int, length: int, text: str
) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(GOOD[:start] + text + GOOD[start + length :], encoding="utf-8", newline="")
    assert all(mistakes(path))


@settings(max_examples=200, suppress_health_check=SLOW_INPUT)
@given(st.binary(max_size=60))
def test_no_bytes_give_a_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "suite.yaml"
    path.write_bytes(content)
    with pytest.raises(SuiteError):
        load_suite(path)


def extended(folder: Path, text: str) -> Path:
    """Write a suite beside GOOD, which is `suite.yaml`."""
    write(folder, GOOD)
    path = folder / "more.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("models", ["[vae, glow]", "{vae: , glow: {}}"])
def test_models_may_be_named_without_options(tmp_path: Path, models: str) -> None:
    path = extended(
        tmp_path,
        f"name: few\nmodels: {models}\ndetectors: [likelihood]\n"
        "pairs: [{inside: mnist, outside: [black]}]\ndatasets: {black: {use: constant}}\n",
    )
    suite = load_suite(path).suite
    assert list(suite.models) == ["vae", "glow"]
    assert suite.models["vae"] == ModelEntry()
    Draft202012Validator(json_schema()).validate(yaml.safe_load(path.read_text()))


def test_a_suite_extends_another_key_by_key(tmp_path: Path) -> None:
    path = extended(
        tmp_path,
        "extends: suite.yaml\nname: more\n"
        "models: {glow: {training: {steps: 5}}, cv: {use: glow}}\n"
        "pairs: [{inside: mnist, outside: [black]}]\n",
    )
    suite = load_suite(path).suite
    assert suite.name == "more"
    assert list(suite.models) == ["glow", "cv"]
    assert suite.models["glow"].options == {"width": 8}
    assert (suite.recipe("glow").steps, suite.recipe("glow").learning_rate) == (5, 1e-3)
    assert [pair.inside for pair in suite.pairs] == ["mnist"]


def test_a_suite_extends_a_bundled_one_by_its_name_or_a_file_beside_it_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = extended(tmp_path, "extends: quickstart\nname: more\n")
    (tmp_path / "quickstart").mkdir()
    monkeypatch.chdir(tmp_path)
    assert suite_named(Path("quickstart")).name == "quickstart.yaml"
    assert {"glow", "vae"} < {*load_suite(path).suite.models}
    (tmp_path / "quickstart").rmdir()
    (tmp_path / "quickstart").write_bytes((tmp_path / "suite.yaml").read_bytes())
    assert list(load_suite(path).suite.models) == ["glow"]


def test_a_mistake_is_said_with_the_file_that_holds_it(tmp_path: Path) -> None:
    path = extended(tmp_path, "extends: suite.yaml\nmodels: {glow: {optoins: {}}}\n")
    (said,) = mistakes(path)
    assert said.startswith(f"{path}:2: models.glow.optoins: unknown key")
    (tmp_path / "suite.yaml").write_text(GOOD.replace("name: ", "nmae: "))
    path.write_text("extends: suite.yaml\nname: more\n")
    (said,) = mistakes(path)
    assert said.startswith(f"{tmp_path / 'suite.yaml'}:1: nmae: unknown key")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: gone.yaml\n", "gone.yaml: cannot read the suite"),
        ("extends: quickstat\n", "bundled suite; did you mean 'quickstart'?"),
        ("extends: more.yaml\n", "leads back to a suite that extends it"),
        ("extends: [suite.yaml]\n", "must be the path of a suite"),
        ("extends: ''\n", "must be the path of a suite"),
    ],
)
def test_a_suite_that_cannot_be_extended_is_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = extended(tmp_path, text)
    (said,) = mistakes(path)
    assert said.startswith(f"{path}:1: extends: ")
    assert message in said


def test_two_suites_that_extend_each_other_are_one_line(tmp_path: Path) -> None:
    path = extended(tmp_path, "extends: suite.yaml\n")
    (tmp_path / "suite.yaml").write_text("extends: more.yaml\n")
    (said,) = mistakes(path)
    assert "leads back" in said
