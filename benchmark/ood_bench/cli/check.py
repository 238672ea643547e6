"""`ood-bench models check` and its like: a verdict for every law of a plugin's contract."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ood_bench.cli.console import terminal
from ood_bench.errors import PluginError

if TYPE_CHECKING:
    from ood_bench import api

COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow", "measured": "cyan"}

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="OPTION=VALUE", help="Set one of its options.", show_default=False
    ),
]


def plugin_argument(metavar: str) -> Any:
    """Return the argument that names the plugin to check."""
    return typer.Argument(
        metavar=metavar, help="A registered name, package.module:Class, or ./file.py:Class."
    )


def model_check(
    model: Annotated[
        str,
        plugin_argument("MODEL"),
    ],
    settings: Settings = None,
    tiny: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION=VALUE",
            help="Set an option for the images of two pixels only.",
            show_default=False,
        ),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(
            metavar="C,H,W",
            help="Shape of the images; default: the first small shape that the model accepts.",
            show_default=False,
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Require that probabilities add up to exactly one, as of models of 8-bit images.",
        ),
    ] = False,
) -> int:
    """Test a density or a classifier against its contract on tiny images, law by law.

    Exit status: 0 if it passes, 1 if a law is broken, 2 if the model cannot be loaded.
    """
    from ood_bench import api

    return _report(
        api.check(
            model,
            options=_options(settings, "--set"),
            tiny=_options(tiny, "--tiny"),
            shape=_shape(shape) if shape else None,
            exact=exact,
        )
    )


def detector_check(
    detector: Annotated[
        str,
        plugin_argument("DETECTOR"),
    ],
    settings: Settings = None,
) -> int:
    """Test a detector against its contract on random columns, law by law.

    Exit status: 0 if it passes, 1 if a law is broken, 2 if the detector cannot be loaded.
    """
    from ood_bench import api

    return _report(api.check(detector, "detector", options=_options(settings, "--set")))


def metric_check(
    metric: Annotated[
        str,
        plugin_argument("METRIC"),
    ],
    settings: Settings = None,
) -> int:
    """Test a metric against its contract on random scores, law by law.

    Exit status: 0 if it passes, 1 if a law is broken, 2 if the metric cannot be loaded.
    """
    from ood_bench import api

    return _report(api.check(metric, "metric", options=_options(settings, "--set")))


def _report(check: "api.Check") -> int:
    """Print verdicts as they come, and their number; return the exit status."""
    console = terminal(highlight=False, soft_wrap=True)
    console.print(check.subject, markup=False)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for verdict in check.verdicts:
        line = Text(f"{verdict.outcome:<9}", style=COLOURS[verdict.outcome])
        line.append(verdict.law.replace("_", " "), style="default")
        if verdict.says:
            line.append(f": {verdict.says}", style="default")
        console.print(line)
        if verdict.advice:
            console.print(f"{'':<9}{verdict.advice}", markup=False)
        if verdict.outcome in counts:
            counts[verdict.outcome] += 1
    console.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] else 0


def _options(settings: Sequence[str] | None, flag: str) -> Mapping[str, Any]:
    """Return options given as `name=value`, the values read as a suite's are."""
    from ood_bench.core_yaml import YamlError, read_text

    found: dict[str, Any] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise PluginError(f"{flag} {setting}: write it as option=value")
        try:
            found[name] = read_text(value).data
        except YamlError as error:
            raise PluginError(f"{flag} {setting}: {error}") from error
    return found


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.replace("x", ",").replace("×", ",").split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise PluginError(f"--shape {text}: write channels, height and width as in 3,32,32")
    channels, height, width = map(int, parts)
    return channels, height, width
