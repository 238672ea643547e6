"""Suites are YAML 1.2: a value is what its core schema says, or refused in one line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Command

import ood_bench
import ood_bench_models
from ood_bench.core_yaml import YamlError, read_text
from ood_bench.errors import SuiteError
from ood_bench.suite import load_suite
from ood_bench.suite.source import override, read_yaml

SUITE = """\
name: tiny
training: {steps: 10, learning_rate: 1e-3}
models:
  glow: {options: {width: 8}}
  glow.v2: {use: glow, options: {width: 8}}
detectors: [likelihood]
pairs:
  - inside: fashion_mnist
    outside: [mnist]
claims:
  - {id: T1, says: a, source: b, measure: "auroc(model='glow')", expect: < 0.5}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, None) for text in ("", "~", "null", "Null", "NULL")],
        *[(text, True) for text in ("true", "True", "TRUE")],
        *[(text, False) for text in ("false", "False", "FALSE")],
        *[("12", 12), ("-12", -12), ("+12", 12), ("0", 0), ("0x1F", 31), ("0o17", 15), ("08", 8)],
        *[("1e-3", 1e-3), ("1E3", 1e3), ("-1.5e+3", -1500.0), (".5", 0.5), ("1.", 1.0)],
        *[("0.1", 0.1), ("-.5e1", -5.0), ("12e03", 12e3), ("1.10", 1.1)],
        *[(text, text) for text in ("y", "N", "tRue", "nULL", "0x", "1e", "e3", "+-1", "1.2.3")],
        *[(text, text) for text in ("2019-05-06", "2019-05-06 10:11:12", "10.0.0.1", "=", "0o8")],
        *[(f"'{text}'", text) for text in ("1", "true", "null", "1e-3", "yes", "0100", "1:30")],
        *[
            ("!!str 1.10", "1.10"),
            ("!!str yes", "yes"),
            ("!!int '12'", 12),
            ("!!float 1", 1.0),
            ("!!bool 'true'", True),
        ],
    ],
)
def test_a_scalar_is_what_the_core_schema_says(text: str, value: object) -> None:
    found = read_text(f"[{text}]" if text else "a:").data
    scalar = found[0] if text else found["a"]
    assert (scalar, type(scalar)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yes", 'yes is true in YAML 1.1 and text in YAML 1.2; write true, or "yes" in quotes'),
        ("No", 'No is false in YAML 1.1 and text in YAML 1.2; write false, or "No" in quotes'),
        ("on", "write true"),
        ("OFF", "write false"),
        ("0100", "0100 is 64 in YAML 1.1 and 100 in YAML 1.2; write 64 or 100"),
        ("-017", "-017 is -15 in YAML 1.1 and -17 in YAML 1.2"),
        ("1:30", '1:30 is 90 in YAML 1.1 and text in YAML 1.2; write 90, or "1:30" in quotes'),
        ("190:20:30.15", "write 685230.15"),
        ("1_000", "write 1000"),
        ("0b11", "write 3"),
        ("0x_F", "write 15"),
        ("1_0.5", "write 10.5"),
        (".nan", "a finite number is wanted, got .nan"),
        ("-.inf", "a finite number is wanted, got -.inf"),
        ("1e999", "a finite number is wanted, got 1e999"),
        ("!!int a", "'a' is no int"),
        ("!!bool yes", "'yes' is no bool"),
        ("!!timestamp 2019-05-06", "could not determine a constructor for the tag"),
        ("!!set {a: }", "its tag is tag:yaml.org,2002:set"),
        ("!mine [1]", "its tag is !mine"),
        ("1" * 5000, "is no int"),
    ],
)
def test_what_two_versions_of_yaml_take_for_two_numbers_is_refused(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        read_text(f"a:\n  b: {text}")
    said = str(caught.value)
    assert said.startswith("a.b: ")
    assert message in said
    assert len(said) < 200
    assert caught.value.line == 2


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(NUMBERS)
def test_a_number_as_python_writes_it_is_that_number(number: float) -> None:
    assert read_text(repr(number)).data == number


@given(st.text("0123456789_:.+-eExob", max_size=8))
def test_a_number_is_never_another_one(text: str) -> None:
    """What Python takes for a number is that number, text as it stands, or refused."""
    try:
        found = read_text(f"[{text}]").data
    except YamlError:
        return
    for value in found:
        if isinstance(value, int | float):
            assert value == (float(text) if text[:2] not in ("0x", "0o") else int(text, 0))


def test_nothing_else_reads_yaml_in_another_way() -> None:
    for root in (ood_bench, ood_bench_models):
        for path in Path(str(root.__file__)).parent.rglob("*.py"):
            assert path.name == "core_yaml.py" or "import yaml" not in path.read_text(), path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: &x {p: 1, q: 2}, b: {<<: *x, q: 3}}", {"p": 1, "q": 3}),
        ("{a: &x {p: 1, q: 2}, b: {q: 3, <<: *x}}", {"q": 3, "p": 1}),
        ("{a: [&x {p: 1}, &y {p: 2, q: 4}], b: {<<: [*x, *y], r: 5}}", {"r": 5, "p": 1, "q": 4}),
        ("{a: &x {p: 1}, c: &y {<<: *x, q: 2}, b: {<<: *y}}", {"q": 2, "p": 1}),
        ("{b: {<<: {p: 1}}}", {"p": 1}),
        ('{b: {"<<": 1}}', {"<<": 1}),
    ],
)
def test_mappings_merge(text: str, value: dict[str, Any]) -> None:
    assert read_text(text).data["b"] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{b: {<<: 1}}", "b.<<: a mapping is wanted, or a list of such: write <<: *anchor"),
        ("{b: {<<: [1]}}", "b.<<: a mapping is wanted"),
        ("{b: &x {<<: *x}}", "b.<<: leads back to the mapping that it is in"),
        ("{a: &x {p: 1}, b: {<<: *x, <<: *x}}", "duplicate key, first given in line 1"),
        ("{b: {<<: {p: yes}}}", "b.p: yes is true in YAML 1.1"),
    ],
)
def test_a_merge_that_cannot_be_is_one_line(text: str, message: str) -> None:
    with pytest.raises(YamlError, match=message.replace("*", r"\*")):
        read_text(text)


def test_merges_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 {p: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 9)]
    with pytest.raises(YamlError, match="too often"):
        read_text("\n".join(lines))


def test_a_merged_value_is_said_with_its_own_line(tmp_path: Path) -> None:
    text = SUITE.replace("{width: 8}}", "&o {width: many}}", 1)
    source = read_yaml(write(tmp_path, text.replace("{width: 8}", "{<<: *o}")))
    assert source.where(("models", "glow.v2", "options", "width")).startswith(
        f"{tmp_path / 'suite.yaml'}:4: "
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps: 10", "steps: true", "training.steps: a number is wanted, got true; write 1"),
        ("steps: 10", "steps: '10'", "got the text '10'; write 10, without quotes"),
        ("steps: 10", "steps: 1.5", "training.steps: Input should be a valid integer"),
        ("1e-3", "false", "training.learning_rate: Input should be greater than 0"),
        ("1e-3", "1e-3, weight_decay: true", "training.weight_decay: a number is wanted, got true"),
        ("1e-3", "1e-3, schedule: 1", "training.schedule: Input should be"),
        ("models:", "seeds: [false, true]\nmodels:", "seeds[0]: a number is wanted, got false"),
        ("models:", "title: 1.10\nmodels:", 'got 1.10; write "1.10", in quotes'),
        ("models:", "title: true\nmodels:", 'got true; write "true", in quotes'),
        ("models:", "evaluation: {audit: 1}\nmodels:", "audit: true or false is wanted, got 1"),
        ("models:", "evaluation: {audit: 'no'}\nmodels:", "got 'no'; write false"),
        ("models:", "datasets: {m: {use: mnist, limit: true}}\nmodels:", "limit: a number is"),
        ("id: T1", "id: 1.10", 'claims[0].id: a text is wanted, got 1.10; write "1.10", in quotes'),
        ("id: T1", "id: 0x10", 'got 0x10; write "0x10", in quotes'),
        ("id: T1", "id: true", "claims[0].id: Input should be a valid string, got true"),
        ("expect:", "quoted: 0.50, expect:", 'quoted: a text is wanted, got 0.50; write "0.50"'),
    ],
)
def test_a_value_of_another_kind_is_one_line_with_what_to_write(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(write(tmp_path, SUITE.replace(old, new, 1)))
    (said,) = [line for line in str(caught.value).splitlines() if message in line]
    assert said.startswith(f"{tmp_path / 'suite.yaml'}:")


def test_a_number_whose_writing_is_kept_may_stand_for_a_text(tmp_path: Path) -> None:
    text = SUITE.replace("id: T1", "id: 11").replace("expect:", "quoted: 0.5, expect:")
    (claim,) = load_suite(write(tmp_path, text)).suite.claims
    assert (claim.id, claim.quoted) == ("11", "0.5")
    extended = tmp_path / "more.yaml"
    extended.write_text("extends: suite.yaml\n")
    assert load_suite(extended).suite.claims[0].id == "11"


@pytest.mark.parametrize(
    ("assignment", "place", "value"),
    [
        ("models.glow.options.width=1e3", ("models", "glow", "options", "width"), 1000.0),
        ('models."glow.v2".options.width=4', ("models", "glow.v2", "options", "width"), 4),
        ('models."new.one"={use: glow}', ("models", "new.one"), {"use": "glow"}),
        ("pairs[0].outside[0]=kmnist", ("pairs", 0, "outside", 0), "kmnist"),
        ('models.glow.options."a=b"=x=y', ("models", "glow", "options", "a=b"), "x=y"),
        ("title='1.10'", ("title",), "1.10"),
    ],
)
def test_a_setting_reaches_keys_with_dots(
    tmp_path: Path, assignment: str, place: tuple[str | int, ...], value: object
) -> None:
    found = override(read_yaml(write(tmp_path, SUITE)), assignment)
    data: Any = found.data
    for step in place:
        data = data[step]
    assert data == value
    assert found.where(place) == f"--set {assignment}: "


def test_a_dotted_key_that_is_there_needs_no_quotes(tmp_path: Path) -> None:
    text = SUITE.replace("  glow: {options: {width: 8}}\n", "").replace("model='glow'", "")
    path = write(tmp_path, text)
    loaded = load_suite(path, assignments=["models.glow.v2.options.width=4"])
    assert loaded.suite.models["glow.v2"].options == {"width": 4}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("models.glow.v2.options.width=4", 'may mean the key "glow" or "glow.v2"; write the one'),
        ("a..b=1", "write the path as keys with dots between them"),
        (".a=1", "write the path as keys"),
        ("a]=1", "write the path as keys"),
        ("title=yes", 'yes is true in YAML 1.1 and text in YAML 1.2; write true, or "yes"'),
        ("seeds=[1:30]", "write 90"),
        ("models={a: 1, a: 2}", "duplicate key"),
        ("training.steps=.inf", "a finite number is wanted, got .inf"),
    ],
)
def test_a_setting_that_may_mean_two_things_says_what_to_write(
    tmp_path: Path, assignment: str, message: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        override(read_yaml(write(tmp_path, SUITE)), assignment)
    assert str(caught.value).startswith(f"--set {assignment}: ")
    assert message in str(caught.value)


def test_a_setting_is_checked_as_the_file_is(tmp_path: Path) -> None:
    path = write(tmp_path, SUITE)
    for assignment, message in (
        ("training.steps=true", "a number is wanted, got true"),
        ("claims[0].id=1.10", 'a text is wanted, got 1.10; write "1.10", in quotes'),
    ):
        with pytest.raises(SuiteError) as caught:
            load_suite(path, assignments=[assignment])
        assert str(caught.value).startswith(f"--set {assignment}: ")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("models", "check", "glow", "--set", "width=yes"), "width=yes: yes is true in YAML 1.1"),
        (("models", "check", "glow", "--set", "width=true"), "width: a number is wanted, got true"),
        (("detectors", "check", "knn", "--set", "k=1:30"), "k=1:30: 1:30 is 90 in YAML 1.1"),
        (
            ("score", "--model", "m", "--images", "d", "--transform", "{invert: on}"),
            "invert: on is true",
        ),
        (
            ("score", "--model", "m", "--images", "d", "--transform", "{invert: 1}"),
            "--transform {invert: 1}: invert: true or false is wanted, got 1; write true",
        ),
        (
            ("score", "--model", "m", "--images", "d", "--transform", "{crop: true}"),
            "crop: a number is wanted, got true",
        ),
    ],
)
def test_values_on_the_command_line_are_read_alike(
    tiny: Path, ood_bench: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = ood_bench(*arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
