"""The `ood-bench` command: its subcommands, and what it does with mistakes."""

import logging
import sys
from typing import cast, get_args

import typer
from rich.console import Console
from rich.logging import RichHandler

from ood_bench.cli.compare import compare
from ood_bench.cli.data import data_app
from ood_bench.cli.datasets import datasets_app
from ood_bench.cli.plugins import plugin_app
from ood_bench.cli.report import archive, report
from ood_bench.cli.run import run
from ood_bench.cli.schema import schema
from ood_bench.cli.score import export, score
from ood_bench.errors import OodBenchError
from ood_bench.registry import Kind

# typer's own or the click package's, whichever typer was built on
(UsageMistake,) = (
    base
    for base in typer.BadParameter.__mro__
    if issubclass(base, Exception) and base.__name__ == "ClickException"
)

app = typer.Typer(
    help="Can a generative model's likelihood tell in-distribution from "
    "out-of-distribution images?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(report)
app.command()(compare)
app.command()(archive)
app.command()(score)
app.command()(schema)
app.add_typer(data_app, name="data")
app.add_typer(datasets_app, name="datasets")
for kind in get_args(Kind):
    plugins = plugin_app(kind)
    if kind == "models":
        plugins.command()(export)
    app.add_typer(plugins, name=kind)


def main() -> None:
    """Run the command line; a mistake of the user's is one line and exit status 2."""
    errors = Console(stderr=True)
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=errors, show_time=False, show_path=False)]
        if errors.is_terminal
        else None,
        force=True,
    )
    try:
        status = app(standalone_mode=False)
    except OodBenchError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("stopped; the same command goes on from here\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except UsageMistake as error:
        said = cast("typer.BadParameter", error).format_message()
        sys.stderr.write(f"{' '.join(said.split())}\n")
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)
