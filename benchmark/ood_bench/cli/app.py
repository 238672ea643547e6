"""The `ood-bench` command: its subcommands."""

from typing import Annotated, cast, get_args

import typer

from ood_bench import __version__
from ood_bench.cli.cluster import cluster_app
from ood_bench.cli.compare import compare
from ood_bench.cli.console import log_to_terminal, say
from ood_bench.cli.data import data_app
from ood_bench.cli.datasets import datasets_app
from ood_bench.cli.new_suite import new_app
from ood_bench.cli.plugins import plugin_app
from ood_bench.cli.report import archive, report
from ood_bench.cli.run import run
from ood_bench.cli.runs import runs
from ood_bench.cli.schema import schema
from ood_bench.cli.score import export, score
from ood_bench.cli.sharing import card, leaderboard, push
from ood_bench.cli.status import status
from ood_bench.cli.store import store_app
from ood_bench.cli.suite import suite_app
from ood_bench.errors import OodBenchError
from ood_bench.registry import Kind

# typer's own or the click package's, whichever typer was built on
(_UsageMistake,) = (
    base
    for base in typer.BadParameter.__mro__
    if issubclass(base, Exception) and base.__name__ == "ClickException"
)
_INTERRUPTED = 130  # what typer makes of a KeyboardInterrupt

app = typer.Typer(
    help="Measure whether a generative model tells in-distribution from out-of-distribution "
    "images.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        say(f"ood-bench {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


app.command()(run)
app.command()(report)
app.command()(runs)
app.command()(compare)
app.command()(archive)
app.command()(card)
app.command()(push)
app.command()(leaderboard)
app.command()(score)
app.command()(schema)
app.command()(status)
app.add_typer(cluster_app, name="cluster")
app.add_typer(data_app, name="data")
app.add_typer(datasets_app, name="datasets")
app.add_typer(store_app, name="store")
app.add_typer(suite_app, name="suite")
app.add_typer(new_app, name="new")
for kind in get_args(Kind):
    plugins = plugin_app(kind)
    if kind == "models":
        plugins.command()(export)
    app.add_typer(plugins, name=kind)


def run_app() -> int | None:
    """Run what the command line says.

    Returns:
        The exit status of a command that has one of its own, else None.

    Raises:
        OodBenchError: If there is no such command or option, and where the command raises it.
        KeyboardInterrupt: If it was interrupted.
    """
    log_to_terminal()
    try:
        status = app(prog_name="ood-bench", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except _UsageMistake as error:
        said = cast("typer.BadParameter", error).format_message()
        raise OodBenchError(" ".join(said.split())) from error
    if status == _INTERRUPTED:
        raise KeyboardInterrupt
    return status if isinstance(status, int) else None
