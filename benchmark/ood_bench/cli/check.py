"""`ood-bench models check` and its like: a verdict for every law of a plugin's contract."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ood_bench.cli.console import terminal
from ood_bench.errors import PluginError

if TYPE_CHECKING:
    from ood_bench.testing import Verdict

COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow", "measured": "cyan"}

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="OPTION=VALUE", help="Set one of its options.", show_default=False
    ),
]


def model_check(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A registered name, package.module:Class, or ./file.py:Class.",
        ),
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
    options, small = _options(settings, "--set"), _options(tiny, "--tiny")
    images = _shape(shape) if shape else None

    from ood_bench.data import Shape
    from ood_bench.lit import ClassifierModule
    from ood_bench.registry import Registry
    from ood_bench.testing import ClassifierSubject, ModelSubject, check_classifier, check_model

    tried = Shape(*images) if images else None
    if issubclass(Registry().load("models", model), ClassifierModule):
        if small or exact:
            flag = "--tiny" if small else "--exact"
            raise PluginError(f"'{model}' is a classifier; {flag} is for densities")
        classifier = ClassifierSubject.of(model, options, shape=tried)
        return _told(f"{model} on images of {classifier.shape}", check_classifier(classifier))
    subject = ModelSubject.of(model, options, tiny_options=small, exact=exact, shape=tried)
    return _told(f"{model} on images of two pixels and of {subject.shape}", check_model(subject))


def detector_check(
    detector: Annotated[
        str,
        typer.Argument(
            metavar="DETECTOR",
            help="A registered name, package.module:Class, or ./file.py:Class.",
        ),
    ],
    settings: Settings = None,
) -> int:
    """Test a detector against its contract on random columns, law by law.

    Exit status: 0 if it passes, 1 if a law is broken, 2 if the detector cannot be loaded.
    """
    options = _options(settings, "--set")

    from ood_bench.testing import DetectorSubject, check_detector

    subject = DetectorSubject.of(detector, options)
    return _told(f"{detector} on random columns", check_detector(subject))


def metric_check(
    metric: Annotated[
        str,
        typer.Argument(
            metavar="METRIC",
            help="A registered name, package.module:Class, or ./file.py:Class.",
        ),
    ],
    settings: Settings = None,
) -> int:
    """Test a metric against its contract on random scores, law by law.

    Exit status: 0 if it passes, 1 if a law is broken, 2 if the metric cannot be loaded.
    """
    options = _options(settings, "--set")

    from ood_bench.testing import MetricSubject, check_metric

    subject = MetricSubject.of(metric, options)
    return _told(f"{metric} on random scores", check_metric(subject))


def _told(title: str, verdicts: Iterable["Verdict"]) -> int:
    """Print verdicts as they come, and their number; return the exit status."""
    console = terminal(highlight=False, soft_wrap=True)
    console.print(title, markup=False)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for verdict in verdicts:
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
