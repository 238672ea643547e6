"""`ood-bench suite`: the keys of a suite."""

from typing import Annotated

import typer
from rich.table import Table

from ood_bench.cli.console import say, terminal

suite_app = typer.Typer(help="Show what a suite can say.", no_args_is_help=True)


@suite_app.callback()
def _group() -> None:
    """Show what a suite can say."""


@suite_app.command()
def show(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY]",
            help="A key by its path, such as training.steps, or by its last part; default: all.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show every key of a suite with type, default and meaning; of one key the whole text.

    NAME in a path stands for a name of your choice, [] for an item of a list.
    """
    from ood_bench.suite.keys import suite_keys, suite_keys_at

    keys = suite_keys() if key is None else suite_keys_at(key)
    if len(keys) == 1:
        (one,) = keys
        say(f"{one.path}: {one.type}; default: {one.default or 'see below'}")
        say(one.says)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("key", "type", "default", "meaning"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "key")
    for one in keys:
        table.add_row(one.path, one.type, one.default, one.sentence)
    terminal(markup=False, highlight=False).print(table)
