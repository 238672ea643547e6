"""`ood-bench models new` and `detectors new`: a plugin package to begin with."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ood_bench.cli.console import say
from ood_bench.cli.options import output_option

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The plugin's name in suites, such as my-flow.")
]
Output = Annotated[
    Path | None,
    output_option("Where the package goes; default: ood-bench-NAME."),
]


def model_new(name: Name, output: Output = None) -> None:
    """Write a package with a small flow, its tests, and a suite that runs it beside Glow.

    It installs, passes its tests and trains unchanged. Edit src/NAME/plugin.py.
    """
    _write("model", name, output)


def detector_new(name: Name, output: Output = None) -> None:
    """Write a package with a small detector, its tests, and a suite.

    It installs, passes its tests and scores unchanged. Edit src/NAME/plugin.py.
    """
    _write("detector", name, output)


def _write(kind: Literal["model", "detector"], name: str, output: Path | None) -> None:
    from ood_bench.errors import PluginError
    from ood_bench.registry import Registry
    from ood_bench.scaffold import new_package

    if name in Registry().names("models" if kind == "model" else "detectors"):
        raise PluginError(f"a {kind} '{name}' is installed already; take another name")
    folder = output or Path(f"ood-bench-{name}")
    for path in new_package(kind, name, folder):
        say(path)
    say(
        f"next: cd {folder} && pip install -e '.[test]' && ood-bench {kind}s check {name} && "
        "ood-bench run suite.yaml --scale 0.1"
    )
