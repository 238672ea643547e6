"""Options that several commands share, and what a path must be that is written to."""

import errno
import os
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from ood_bench.errors import SuiteError


def folder(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Return a path that is a folder or can become one.

    Raises:
        SuiteError: If a file stands there, or in the place of a folder above it.
    """
    if path is not None:
        place = _there(path)
        if place.exists() and not place.is_dir():
            raise SuiteError(f"{_name(option)} {path}: {place} is a file; name a folder")
    return path


def output_folder(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Return a path that is a folder which can be written to, or can become one.

    Raises:
        SuiteError: If a file stands there, or in the place of a folder above it.
        OSError: If the machine does not let this process write there.
    """
    if folder(option, path) is not None:
        _require_writable(Path(path or ""))
    return path


def output_option(help: str) -> Any:
    """Return the option `--output DIR`; `help` says where the files go without it."""
    return typer.Option(
        "--output", "-o", metavar="DIR", callback=output_folder, help=help, show_default=False
    )


def output_file(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Return a path that is a file or can become one.

    Raises:
        SuiteError: If a folder stands there, or a file in the place of a folder above it.
        OSError: If the machine does not let this process write there.
    """
    if path is not None:
        if path.is_dir():
            raise SuiteError(f"{_name(option)} {path}: is a folder; name a file")
        folder(option, path.parent)
        _require_writable(path)
    return path


def output_file_option(help: str) -> Any:
    """Return the option `--output FILE`; `help` says what is written without it."""
    return typer.Option(
        "--output", "-o", metavar="FILE", callback=output_file, help=help, show_default=False
    )


def _name(option: typer.CallbackParam) -> str:
    return max(option.opts, key=len)


def _there(path: Path) -> Path:
    """Return what is there of a path: itself, or the nearest of what is above it."""
    return next((part for part in (path, *path.parents) if part.exists()), Path())


def _require_writable(path: Path) -> None:
    """Refuse before anything is computed what would be refused after."""
    place = _there(path) if path.is_dir() else _there(path.parent)
    if not os.access(place, os.W_OK | os.X_OK):
        fixed = os.statvfs(place).f_flag & os.ST_RDONLY
        number = errno.EROFS if fixed else errno.EACCES
        raise OSError(number, os.strerror(number), str(path))


DataRoot: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="OOD_BENCH_DATA",
        metavar="DIR",
        callback=folder,
        help="Data root: DIR/<name>/<split>-*.parquet, or the files of torchvision.",
        show_default=False,
    ),
]

ResultsRoot: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--results",
        envvar="OOD_BENCH_RESULTS",
        metavar="DIR",
        callback=folder,
        help="Folder of the store and the reports.",
    ),
]

TrustCode: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Run code that the input names and that no installed package registers. Read it "
        "first.",
    ),
]

SkipFigures: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Leave out figures, such as those with images that you may not pass on.",
        show_default=False,
    ),
]


def _known_format(name: str | None) -> str | None:
    """Return the name of a format that is installed or that can be imported."""
    if name is not None:
        from ood_bench.report import load_format

        load_format(name)
    return name


ReportFormat: TypeAlias = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        callback=_known_format,
        help="markdown, html, latex, csv, json, or a format of your own.",
    ),
]

ComparisonFormat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        callback=_known_format,
        help="Write a report instead of printing tables: markdown, html, latex, csv, json, or a "
        "format of your own. Default with --output: markdown.",
        show_default=False,
    ),
]

RUN = (
    "A run's folder, its id as in `ood-bench runs`, or its suite's name, which stands for the "
    "newest run of the whole suite; NAME@latest for the newest of all."
)

Globs = list[str]

SuiteFile: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="SUITE",
        help="A suite's YAML file, or the name of a bundled one, such as quickstart; - for "
        "standard input.",
    ),
]

Embedded: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--embedded",
        help="Use the bundled subsets of data sets, and skip pairs whose data is missing.",
    ),
]

Estimated: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--estimate/--no-estimate",
        help="With a dry run: time a few steps of each model, a second or two for each, and say "
        "what a run costs.",
    ),
]

Scale: TypeAlias = Annotated[
    float, typer.Option(help="Factor on training steps; 0.05 for a quick try.")
]

Assignments: TypeAlias = Annotated[
    Globs | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a value of the suite. Put a new key that contains a dot in double quotes.",
        show_default=False,
    ),
]

Only: TypeAlias = Annotated[
    Globs | None,
    typer.Option(
        metavar="GLOB", help="Run only these cells and what they need.", show_default=False
    ),
]

Skip: TypeAlias = Annotated[
    Globs | None,
    typer.Option(metavar="GLOB", help="Skip these cells and what needs them.", show_default=False),
]
