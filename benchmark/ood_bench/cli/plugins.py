"""`ood-bench models list` and its like: the installed plugins, what they need, their options."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast, get_args

import typer
from rich.table import Table

from ood_bench.capabilities import CAPABILITIES, IN_WORDS, DensityModel, LogProbKind, has
from ood_bench.cli.check import detector_check, metric_check, model_check
from ood_bench.cli.console import terminal
from ood_bench.cli.new import detector_new, model_new
from ood_bench.cli.zoo import fetch, zoo
from ood_bench.declared import declared
from ood_bench.errors import PluginError
from ood_bench.registry import ONE, Kind, Registry, option_fields

_NONE = "(no description)"


def plugin_app(kind: Kind) -> typer.Typer:
    """Return the commands over the plugins of a kind."""
    one = ONE[kind]
    app = typer.Typer(help=f"List and show the installed {kind}.", no_args_is_help=True)

    @app.command("list", help=f"List the installed {kind}.")
    def list_() -> None:
        _list(kind)

    @app.command(
        "show", help=f"Describe one of the {kind}: what it does, what it needs, its options."
    )
    def show(name: Annotated[str, typer.Argument(help=f"The {one}'s name.")]) -> None:
        _show(kind, name)

    if kind == "models":
        app.command("check")(model_check)
        app.command("new")(model_new)
        app.command("zoo")(zoo)
        app.command("fetch")(fetch)
    if kind == "detectors":
        app.command("check")(detector_check)
        app.command("new")(detector_new)
    if kind == "metrics":
        app.command("check")(metric_check)
    return app


@dataclass(frozen=True)
class _Described:
    """What is shown of a plugin.

    Attributes:
        where: Its module and name.
        description: Its docstring.
        facts: What it can do or needs, a line each.
        options: Type and default of each option; `...` for a required one.
    """

    where: str
    description: str
    facts: Sequence[str]
    options: Mapping[str, tuple[Any, Any]]

    @classmethod
    def of(cls, kind: Kind, name: str, registry: Registry) -> Self:
        """Return a plugin's description; that of a bundled model is read from its source.

        To import a model takes seconds, for PyTorch and Lightning.
        """
        path = registry.bundled(kind, name) if kind == "models" else None
        found = declared(path) if path else None
        if found is not None:
            facts = _model_facts(found.capabilities, found.log_prob_is)
            where = f"{found.module}:{found.name}"
            return cls(where, found.description or _NONE, facts, found.options)
        plugin = registry.load(kind, name)
        where = f"{plugin.__module__}:{plugin.__qualname__}"
        return cls(where, _description(plugin), _facts(kind, plugin), option_fields(plugin))


def _list(kind: Kind) -> None:
    registry = Registry()
    table = Table(box=None)
    for heading in ("name", "what it is", "from"):
        table.add_column(heading, overflow="fold")
    for name in registry.names(kind):
        try:
            found = _Described.of(kind, name, registry)
        except PluginError as error:
            table.add_row(name, f"broken: {error}", "")
            continue
        summary = found.description.partition("\n")[0]
        table.add_row(name, summary, found.where.partition(":")[0].partition(".")[0])
    terminal().print(table, highlight=False, markup=False)


def _show(kind: Kind, name: str) -> None:
    found = _Described.of(kind, name, Registry())
    lines = [f"{name} ({found.where})", "", found.description]
    if found.facts:
        lines += ["", *found.facts]
    lines += ["", "Options:" if found.options else "No options."]
    for option, (annotation, default) in found.options.items():
        given = "required" if default is ... else f"default {default!r}"
        lines.append(f"  {option}: {_type(annotation)}, {given}")
    terminal().print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _facts(kind: Kind, plugin: type[Any]) -> list[str]:
    """Return what a plugin can do or needs, a line each."""
    if kind == "models":
        found = [item for item in CAPABILITIES if has(plugin, item)]
        return _model_facts(found, plugin.log_prob_is if DensityModel in found else "")
    requires = getattr(plugin, "requires", None)
    facts = [f"Needs a model with: {requires.__name__}"] if requires is not None else []
    if kind == "statistics":
        facts.append(f"Columns: {', '.join(plugin.columns)}")
    needs = getattr(plugin, "needs", ())
    if needs:
        facts.append(f"Reads the columns: {', '.join(needs)}")
    return facts


def _model_facts(capabilities: Collection[type[Any]], log_prob_is: str) -> list[str]:
    found = [item.__name__ for item in CAPABILITIES if item in capabilities]
    facts = [f"Capabilities: {', '.join(found)}"]
    if log_prob_is:
        facts.append(f"Its log_prob is {IN_WORDS[cast(LogProbKind, log_prob_is)]}.")
    return facts


def _description(plugin: type[Any]) -> str:
    """Return a plugin's own docstring: that of a base class would tell of something else."""
    return inspect.cleandoc(plugin.__dict__.get("__doc__") or _NONE)


def _type(annotation: Any) -> str:
    """Return a type as a suite's author reads it."""
    if annotation is type(None):
        return "null"
    choices = get_args(annotation)
    if getattr(annotation, "__origin__", None) is not None and choices:
        origin = annotation.__origin__
        if str(origin) == "typing.Literal":
            return " or ".join(map(str, choices))
        inner = ", ".join("..." if item is Ellipsis else _type(item) for item in choices)
        return f"{origin.__name__}[{inner}]"
    if choices:
        return " or ".join(map(_type, choices))
    return getattr(annotation, "__name__", str(annotation))
