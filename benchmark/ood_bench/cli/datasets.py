"""`ood-bench datasets`: the data sets known by name, with the verbs that all plugins have."""

from typing import TYPE_CHECKING

import typer

from ood_bench.cli.console import terminal
from ood_bench.cli.data import Name, list_
from ood_bench.cli.options import DataRoot

if TYPE_CHECKING:
    from ood_bench.data import Entry

datasets_app = typer.Typer(
    help="List and show the data sets that suites can name.", no_args_is_help=True
)
datasets_app.command("list")(list_)


@datasets_app.command("show")
def show(name: Name, data: DataRoot = None) -> None:
    """Show a data set: source, licence, transform, options, and where it is found."""
    from ood_bench.data import DataOptions, Library, catalogue
    from ood_bench.errors import DataError, did_you_mean

    known = catalogue()
    if name not in known:
        raise DataError(f"unknown data set '{name}'{did_you_mean(name, known)}")
    entry = known[name]
    missing = Library(root=data, index=None).missing(name, DataOptions())
    facts = {
        "From": known.package(name),
        "Images": ", ".join(f"{split} {count:,}" for split, count in entry.counts.items())
        or "as many as the suite asks for",
        "Shape": str(entry.shape) if entry.shape else "any",
        "Transform": _transform(entry),
        "Licence": entry.licence,
        "Cite": entry.citation or "none",
        "Options": ", ".join(entry.takes) or "the options of every data set",
        "Available": f"no: {missing}" if missing else "yes",
    }
    lines = [f"{name}: {entry.title}", "", *(f"{key}: {text}" for key, text in facts.items())]
    terminal(soft_wrap=True).print("\n".join(lines), highlight=False, markup=False)


def _transform(entry: "Entry") -> str:
    """Return what is done to images that do not have the shape asked for, as a suite says it."""
    given = entry.transform.model_dump(exclude_defaults=True)
    return ", ".join(f"{key}: {value}" for key, value in given.items()) or "none"
