"""`list` and `show` tell of every installed plugin what a suite's author must know."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from tests.conftest import NORMAL, Command

KINDS = ("models", "detectors", "statistics", "analyses")


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_is_listed_with_what_it_is(kind: str, ood_bench: Command) -> None:
    done = ood_bench(kind, "list")
    assert done.status == 0
    lines = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.split()}
    for point in entry_points(group=f"ood_bench.{kind}"):
        assert len(lines[point.name]) > 2, f"{point.name} says what it is"
    assert "broken" not in done.out


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_can_be_shown(kind: str, ood_bench: Command) -> None:
    for point in entry_points(group=f"ood_bench.{kind}"):
        if point.name in ("pyod", "pytorch_ood"):
            continue  # extras, whose default estimators are checked where they are installed
        done = ood_bench(kind, "show", point.name)
        assert done.status == 0, done.err
        assert done.out.startswith(f"{point.name} (ood_bench")
        assert "ptions" in done.out


def test_options_are_shown_with_types_and_defaults(ood_bench: Command) -> None:
    page = ood_bench("models", "show", "vae").out
    assert "  channels: tuple[int, ...], default (32, 64, 64, 64, 64)" in page
    assert "  likelihood: categorical or logistic_mixture or bernoulli, default" in page
    assert "Capabilities: DensityModel, Samples, Infers, InfersGaussian" in page
    assert "Its log_prob is a lower bound." in page
    assert "Reference:" in page
    assert "  dims: int or null, default None" in ood_bench("detectors", "show", "vim").out
    assert "No options." in ood_bench("detectors", "show", "waic").out
    assert "Reads the columns: member.*.log_prob" in ood_bench("detectors", "show", "waic").out
    assert "Needs a model with: Differentiable" in ood_bench("analyses", "show", "second_order").out


def test_an_unknown_plugin_is_answered_with_a_near_match(ood_bench: Command) -> None:
    done = ood_bench("detectors", "show", "dosee")
    assert done.status == 2
    assert done.err.strip() == "unknown detector 'dosee'; did you mean 'dose'?"


def test_a_plugin_that_says_nothing_does_not_speak_with_its_base_class(
    tmp_path: Path, ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    docstring = '    """Independent normal pixels."""\n\n'
    assert docstring in NORMAL
    (tmp_path / "normal.py").write_text(NORMAL.replace(docstring, ""))
    page = ood_bench("models", "show", "./normal.py:Normal").out.splitlines()
    assert page[1:4] == ["", "(no description)", ""]


def test_without_docstrings_no_plugin_speaks_with_its_base_class() -> None:
    for kind in KINDS:
        listed = subprocess.run(
            [sys.executable, "-OO", "-m", "ood_bench", kind, "list"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        rows = [line for line in listed.splitlines()[1:] if line.strip() and "broken" not in line]
        assert rows
        for row in rows:  # a bundled model's description is read from its source
            assert ("(no description)" in row) == (kind != "models")
