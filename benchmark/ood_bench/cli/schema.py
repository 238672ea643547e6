"""`ood-bench schema`: what a suite may say, for editors."""

import json
from pathlib import Path
from typing import Annotated

from ood_bench.cli.console import say
from ood_bench.cli.options import output_file_option
from ood_bench.files import write_whole


def schema(
    output: Annotated[
        Path | None, output_file_option("Where to write it; default: standard output.")
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
