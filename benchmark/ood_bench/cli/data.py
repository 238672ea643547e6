"""`ood-bench data`: which data sets there are, get them, check them, look at them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ood_bench.cli.audit import audit
from ood_bench.cli.console import say, terminal
from ood_bench.cli.options import DataRoot, output_file
from ood_bench.errors import SuiteError
from ood_bench.files import unfinished

data_app = typer.Typer(help="List, fetch, verify, audit and show data sets.", no_args_is_help=True)
data_app.command("audit")(audit)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set of the catalogue.")]


@data_app.command("list")
def list_(data: DataRoot = None) -> None:
    """List the catalogue: shape, counts, licence, and whether the data is available."""
    from ood_bench.data import DataOptions, Library, catalogue
    from ood_bench.errors import DataError

    library, known = Library(root=data, index=None), catalogue()
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "available", "shape", "images", "licence"):
        table.add_column(heading, overflow="fold")
    for name in sorted(known):
        try:
            entry = known[name]
        except DataError as error:
            table.add_row(name, "broken", "", "", str(error))
            continue
        missing = library.missing(name, DataOptions())
        table.add_row(
            name,
            "no" if missing else "yes",
            str(entry.shape) if entry.shape else "any",
            ", ".join(f"{split} {count:,}" for split, count in entry.counts.items()) or "any",
            entry.licence,
        )
    terminal().print(table)


@data_app.command("fetch")
def fetch_(name: Name, data: DataRoot = None) -> None:
    """Download a data set from the Hugging Face hub into the data root, as Parquet."""
    from ood_bench.data import fetch

    for path in fetch(name, _root(data)):
        say(path)


@data_app.command("verify")
def verify_(name: Name, data: DataRoot = None) -> int:
    """Decode a data set and check its counts and content against the catalogue."""
    from ood_bench.data import Library, verify

    checks = verify(name, Library(root=data, index=None))
    for check in checks:
        say(f"{name} {check.split}: {check.message}")
    return 0 if all(check.ok for check in checks) else 2


@data_app.command("show")
def show_(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A data set of the catalogue, a folder of images, or an .npz archive.",
        ),
    ],
    data: DataRoot = None,
    split: Annotated[str, typer.Option(help="The split to show.")] = "test",
    count: Annotated[int, typer.Option(min=1, help="Number of images.")] = 100,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PNG", callback=output_file, help="Default: NAME.png."
        ),
    ] = None,
) -> None:
    """Write a contact sheet of a data set's first images."""
    from ood_bench.data import Library, Shape, contact_sheet
    from ood_bench.data.own import options_of, shape_of

    path = output or Path(f"{Path(name).resolve().stem}.png")
    if path.suffix.lower() != ".png":
        raise SuiteError(f"--output {path}: write to a file that ends in .png")
    library = Library(root=data, index=None)
    options = options_of(name, library)
    if options.own is None:
        shape = library.entries[name].shape or Shape(3, 32, 32)
    else:
        shape = shape_of(name, options, library)
    images = library.load(name, options, split, shape)
    with unfinished(path) as temporary:
        contact_sheet(images.pixels[:count]).save(temporary, format="PNG")
    say(path)


def _root(data: Path | None) -> Path:
    if data is None:
        raise typer.BadParameter("name a data root: --data DIR, or set OOD_BENCH_DATA")
    return data
