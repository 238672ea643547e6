"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DataRoot: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="OOD_BENCH_DATA",
        metavar="DIR",
        help="Where data sets lie: DIR/<name>/<split>-*.parquet, or torchvision's files.",
        show_default=False,
    ),
]

ResultsRoot: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--results",
        envvar="OOD_BENCH_RESULTS",
        metavar="DIR",
        help="Where the store and the reports lie.",
    ),
]

TrustCode: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Run code that the input names and no installed package registers. Read it first.",
    ),
]
