"""What a command imports: nobody waits for PyTorch where nothing is trained or scored."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "torch", "pytorch_lightning", "torchmetrics", "scipy", "sklearn", "pandas", "matplotlib",
    "seaborn", "datasets",
}  # fmt: skip
CODE = """\
import sys
from ood_bench.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(*sorted(set(sys.modules)))
"""


def imported(folder: Path, *arguments: object) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_a_plan_draws_nothing_and_fits_nothing(finished: Path) -> None:
    found = imported(finished, "run", "tiny.yaml", "--dry-run", "--no-estimate")
    assert "ood_bench.plan.build" in found
    assert not found & {"datasets", "seaborn", "sklearn"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("--version",),
        ("data", "list"),
        ("runs",),
        ("models", "list"),
        ("models", "show", "glow"),
        ("models", "show", "density"),
        ("report", "tiny", "--format", "csv"),
    ],
    ids=" ".join,
)
def test_a_command_that_trains_and_scores_nothing_imports_nothing_heavy(
    arguments: tuple[str, ...], finished: Path, tmp_path: Path
) -> None:
    output = ("-o", tmp_path) if arguments[0] == "report" else ()
    found = imported(finished, *arguments, *output)
    assert "ood_bench.cli.app" in found
    assert not found & HEAVY
