"""`ood-bench schema`: what a suite may say, for editors."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ood_bench.cli.console import say
from ood_bench.cli.options import output_file
from ood_bench.files import write_whole


def schema(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            callback=output_file,
            help="Where to write it; default: standard output.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the JSON Schema of suites, so that editors check and complete them.

    A suite names it in its first line: `# yaml-language-server: $schema=schema.json`.
    """
    from ood_bench.suite.json_schema import json_schema

    text = json.dumps(json_schema(), indent=1, ensure_ascii=False)
    if output is None:
        say(text)
        return
    say(write_whole(output, f"{text}\n"))
