"""`ood-bench schema`: what a suite or a cluster's file may say, for editors."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ood_bench.cli.console import say
from ood_bench.cli.options import output_file_option
from ood_bench.files import write_whole


class File(StrEnum):
    """The files that have a schema."""

    suite = "suite"
    cluster = "cluster"


def schema(
    file: Annotated[
        File, typer.Argument(metavar="[suite|cluster]", help="The file that it describes.")
    ] = File.suite,
    output: Annotated[
        Path | None, output_file_option("Where to write it; default: standard output.")
    ] = None,
) -> None:
    """Write the JSON Schema of suites, or of a cluster's file, so that editors check them.

    A suite names it in its first line: `# yaml-language-server: $schema=schema.json`.
    """
    if file is File.cluster:
        from ood_bench.execute.cluster import cluster_schema

        found = cluster_schema()
    else:
        from ood_bench.suite.json_schema import json_schema

        found = json_schema()
    text = json.dumps(found, indent=1, ensure_ascii=False)
    if output is None:
        say(text)
        return
    say(write_whole(output, f"{text}\n"))
