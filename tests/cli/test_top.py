"""The command itself: its version, its help, and what a shell completes."""

from collections.abc import Iterator

import pytest
import typer
from tests.conftest import Command

import ood_bench as package
from ood_bench.cli.app import app


def commands(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield all commands and groups of commands by the words that name them."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


def test_the_version_is_that_of_the_package(ood_bench: Command) -> None:
    assert ood_bench("--version") == (0, f"ood-bench {package.__version__}\n", "")


def test_every_command_has_its_help_under_the_short_option_too(ood_bench: Command) -> None:
    found = list(commands(typer.main.get_command(app)))
    assert {(), ("run",), ("models", "show"), ("runs",)} <= {*found}
    for path in found:
        done = ood_bench(*path, "-h")
        assert (done.status, done.err) == (0, "")
        assert " ".join(("Usage: ood-bench", *path)) in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("typed", "completed"), [("ood-bench ru", ["run", "runs"]), ("ood-bench data ver", ["verify"])]
)
def test_a_shell_completes_commands(
    typed: str, completed: list[str], ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_OOD_BENCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    done = ood_bench()
    assert (done.status, done.out.split(), done.err) == (0, completed, "")


def test_the_script_that_sets_completion_up_is_printed(
    ood_bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = ood_bench("--show-completion", "bash")
    assert done.status == 0
    assert "_OOD_BENCH_COMPLETE=complete_bash" in done.out
