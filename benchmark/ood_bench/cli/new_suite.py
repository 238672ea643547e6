"""`ood-bench new suite`: a suite for one's own images."""

from pathlib import Path
from typing import Annotated

import typer

from ood_bench.cli.console import say
from ood_bench.cli.options import output_file_option

new_app = typer.Typer(help="Write files to begin with.", no_args_is_help=True)


@new_app.callback()
def _group() -> None:
    """Write files to begin with."""


@new_app.command()
def suite(
    inside: Annotated[
        str,
        typer.Option(
            "--inside",
            metavar="FOLDER",
            help="The ID images: a folder, an .npz archive, or a data set of the catalogue.",
        ),
    ],
    outside: Annotated[
        list[str] | None,
        typer.Option(
            "--outside",
            metavar="FOLDER",
            help="OOD images, likewise; can be given several times. Black images and noise are "
            "added.",
            show_default=False,
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            metavar="NAME",
            help="A model to train; can be given several times. Default: glow and vae.",
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Time that the run may take on this machine's CPU.")
    ] = 10.0,
    output: Annotated[
        Path | None, output_file_option("The file to write; default: NAME.yaml, as the folder.")
    ] = None,
) -> None:
    """Write a commented suite for your own images that runs as it is.

    It crops and resizes the images, splits them into training and test images, and trains for as
    many steps as fit the time, which is measured here for a second a model.
    """
    from ood_bench.scaffold.suite import new_suite
    from ood_bench.suite import load_suite

    named = [name for given in models or ["glow", "vae"] for name in given.split(",")]
    path = new_suite(inside, outside or (), models=named, minutes=minutes, path=output)
    load_suite(path)
    say(path)
    say(f"next: ood-bench run {path}")
