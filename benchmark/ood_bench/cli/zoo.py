"""`ood-bench models zoo` and `ood-bench models fetch`: trained models with a name."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ood_bench.cli.console import say, terminal

if TYPE_CHECKING:
    from ood_bench.zoo import ZooModel


def zoo() -> None:
    """List the reference models: bits per dimension, size, training time.

    Name a bundled or fetched model as `zoo:NAME`, in suites and in `ood-bench score --model`.
    """
    from ood_bench.errors import OodBenchError
    from ood_bench.zoo import fetched_models, read_index, summary
    from ood_bench.zoo.index import fetched_root, shipped_root
    from ood_bench.zoo.layout import DESCRIPTION

    index = read_index()
    rows, untold = dict(index), []
    for name in fetched_models():
        if name not in index:
            try:
                rows[name] = summary(fetched_root() / name)
            except OodBenchError as error:  # fetched without a card, or damaged since
                untold.append(f"{name}: fetched, but {error}")
    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    table.add_column("measured on test images", overflow="fold")
    table.add_column("published", justify="right")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("training", justify="right", no_wrap=True)
    table.add_column("available", no_wrap=True)
    for name, model in sorted(rows.items()):
        shipped = (shipped_root() / name / DESCRIPTION).is_file()
        here = "bundled" if shipped else "fetched" if name in fetched_models() else "no"
        published = "" if model.published is None else _figure(model, model.published)
        table.add_row(
            name,
            model.title,
            f"{_figure(model, model.measured)} {model.measure}",
            published,
            f"{model.bytes / 1e6:.1f} MB",
            f"{model.seconds / 3600:.1f} h",
            here,
        )
    terminal(log_width=160).print(table, highlight=False, markup=False)
    for name, model in sorted(rows.items()):
        if model.published_in:
            say(f"{name}: published in {model.published_in}")
    for line in untold:
        say(line)


def _figure(model: "ZooModel", value: float) -> str:
    return f"{100 * value:.1f} %" if model.measure == "accuracy" else f"{value:.3f}"


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="A folder, the URL of a folder, or hf:owner/repository; default: the source in "
            "the index.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fetch a trained model by name, and check the checksum of every file.

    It goes to `OOD_BENCH_ZOO`; default: the user's data folder. Any folder that `ood-bench models
    export` wrote can be fetched. Code in it is not run.
    """
    from ood_bench.zoo import fetch_model

    say(fetch_model(name, source))
