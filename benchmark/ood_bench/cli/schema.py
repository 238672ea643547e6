"""`ood-bench schema`: what a suite may say, for editors."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ood_bench.errors import OodBenchError


def schema(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write it; standard output unless said.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the JSON Schema of suites, with which an editor checks and completes them.

    A suite names it in its first line: `# yaml-language-server: $schema=schema.json`.
    """
    from ood_bench.suite.json_schema import json_schema

    text = json.dumps(json_schema(), indent=1, ensure_ascii=False)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise OodBenchError(f"{output}: cannot be written: {error.strerror}") from error
    typer.echo(output)
