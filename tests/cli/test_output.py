"""No output ends a command: whatever the encoding, the reader and the names that it prints."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import SUITE, Command

from ood_bench.streams import plain_characters, visible

COMMAND = [sys.executable, "-m", "ood_bench"]
PRINTERS = [
    *("models list", "models show vae", "statistics list", "data list", "schema", "--help"),
    *("report", "compare {run} {copy}", "run tiny.yaml --dry-run", "run tiny.yaml"),
]
MISTAKEN = ["models list --nonsense", "report absent"]
HOSTILE = "a\x1b[31mb\x9b2Jc\x07d\u202ee\u2066f"
"""Would colour a terminal, clear it, ring its bell and turn the direction of writing."""
full = pytest.mark.skipif(
    not Path("/dev/full").is_char_device(), reason="has no device that is always full"
)


@pytest.fixture(scope="module")
def beside(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in a folder that may be written to, and a second one."""
    folder = tmp_path_factory.mktemp("beside")
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    (run,) = (folder / "results").glob("tiny-*")
    shutil.copytree(run, folder / "results" / "copy")
    return folder


def command(beside: Path, line: str) -> list[str]:
    (run,) = (beside / "results").glob("tiny-*")
    return [*COMMAND, *line.format(run=run, copy=run.with_name("copy")).split()]


def ran(beside: Path, line: str, **settings: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command(beside, line),
        cwd=beside,
        capture_output=True,
        env={**os.environ, "OOD_BENCH_JOBS": "1", "PYTHONUTF8": "0", **settings},
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        *((line, "ascii") for line in PRINTERS + MISTAKEN),
        *((line, "cp1252") for line in PRINTERS[:6:5]),
    ],
)
def test_what_an_encoding_lacks_is_replaced_and_ends_nothing(
    beside: Path, line: str, encoding: str
) -> None:
    got = ran(beside, line, PYTHONIOENCODING=encoding, LC_ALL="C")
    assert got.returncode == (2 if line in MISTAKEN else 0)
    assert got.stdout or got.stderr
    assert "Traceback" not in got.stdout.decode(encoding) + got.stderr.decode(encoding)


def test_the_signs_of_tables_have_plain_ones() -> None:
    signs = "−–×→←↦≤≥±∫∞²₂½σΣé…“”"
    assert (
        "".join(map(plain_characters, signs)) == '--x-><-|-><=>=+-integralinf221/2sigmaSigmae...""'
    )
    assert "".join(map(plain_characters, "中🂡")) == "??"
    assert plain_characters("\udce9") == r"\xe9"


@full
@pytest.mark.parametrize("line", PRINTERS)
def test_a_full_standard_output_is_one_line_and_status_1(beside: Path, line: str) -> None:
    with Path("/dev/full").open("w") as out:
        got = subprocess.run(
            command(beside, line),
            cwd=beside,
            stdout=out,
            stderr=subprocess.PIPE,
            env={**os.environ, "OOD_BENCH_JOBS": "1"},
            check=False,
        )
    said = got.stderr.decode().splitlines()
    assert got.returncode == 1
    assert said[-1].startswith("standard output: No space left on device; ")
    assert sum("standard output" in text for text in said) == 1
    assert not any("Traceback" in text for text in said)


@full
def test_a_full_standard_error_does_not_end_a_run(beside: Path) -> None:
    with Path("/dev/full").open("w") as err:
        got = subprocess.run(
            command(beside, "run tiny.yaml"),
            cwd=beside,
            stdout=subprocess.PIPE,
            stderr=err,
            env={**os.environ, "OOD_BENCH_JOBS": "1"},
            check=False,
        )
    assert got.returncode == 0
    assert b"report.md" in got.stdout


@pytest.mark.parametrize(
    ("line", "status"), [("run tiny.yaml", 0), ("models list", 141), ("schema", 141)]
)
def test_a_reader_that_leaves_is_no_failed_cell(beside: Path, line: str, status: int) -> None:
    process = subprocess.Popen(
        command(beside, line), cwd=beside, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == status, said
    assert "Traceback" not in said
    assert "Broken pipe" not in said


def test_closed_streams_end_nothing(beside: Path) -> None:
    line = " ".join(command(beside, "run tiny.yaml"))
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        assert (
            subprocess.run(f"{line} {closed}", shell=True, cwd=beside, check=False).returncode == 0
        )


def assert_harmless(text: str) -> None:
    assert "a" in text
    for sign in ("\x1b", "\x9b", "\x07", "\u202e", "\u2066"):
        assert sign not in text


def test_control_characters_of_a_suite_do_not_reach_the_terminal(
    tiny: Path, ood_bench: Command
) -> None:
    name = r'"a\e[31mb\x9b2Jc\ad\u202ee\u2066f"'
    tiny.write_text(SUITE.replace("claims:\n", f"claims:\n  - id: {name}\n    says: x\n", 1))
    got = ood_bench("run", tiny)
    assert got.status == 2
    assert_harmless(got.out + got.err)
    tiny.write_text(SUITE.replace("Black images are likelier than digits", "X").replace("X", name))
    got = ood_bench("run", tiny, "--only", "train/glow*")
    assert got.status == 0, got.err
    assert r"reproduced: a\x1b[31mb" in got.out or r": a\x1b[31mb" in got.out
    assert_harmless(got.out + got.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", HOSTILE],
        ["report", HOSTILE],
        ["models", "show", HOSTILE],
        ["models", "check", HOSTILE],
        ["models", HOSTILE],
        [HOSTILE],
        ["run", "tiny.yaml", "--device", HOSTILE],
        ["run", "tiny.yaml", f"--{HOSTILE}"],
        ["data", "audit", HOSTILE],
        ["score", "--model", HOSTILE, "--images", HOSTILE],
    ],
    ids=str,
)
def test_control_characters_of_an_argument_do_not_reach_the_terminal(
    tiny: Path, ood_bench: Command, arguments: list[str]
) -> None:
    got = ood_bench(*arguments)
    assert got.status == 2
    assert_harmless(got.out + got.err)


def test_tables_logs_and_lines_write_control_characters_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.table import Table
    from rich.text import Text

    from ood_bench.cli.console import log_to_terminal, say, terminal

    console = terminal()
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console.print(table, HOSTILE, Text(HOSTILE))
    console.print(HOSTILE, soft_wrap=True, markup=False)
    say(HOSTILE)
    say(HOSTILE, err=True)
    log_to_terminal()
    logging.getLogger("ood_bench").warning("%s is damaged", HOSTILE)
    logging.basicConfig(force=True)
    got = capsys.readouterr()
    assert got.out.count(visible(HOSTILE)) == 7 or got.out.count(r"\x1b[31mb") >= 6
    assert got.err.count(visible(HOSTILE)) == 2
    assert_harmless(got.out)
    assert_harmless(got.err)


def test_the_package_runs_as_a_module() -> None:
    got = subprocess.run([*COMMAND, "--help"], capture_output=True, check=False, text=True)
    assert got.returncode == 0
    assert "ood-bench" in got.stdout or "ood_bench" in got.stdout
