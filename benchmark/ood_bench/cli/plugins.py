"""`ood-bench models list` and its like: the installed plugins, what they need, their options."""

import inspect
from typing import Annotated, Any, get_args

import typer
from rich.table import Table

from ood_bench.cli.check import detector_check, metric_check, model_check
from ood_bench.cli.console import terminal
from ood_bench.cli.new import detector_new, model_new
from ood_bench.cli.zoo import fetch, zoo
from ood_bench.registry import ONE, Kind


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


def _list(kind: Kind) -> None:
    from ood_bench.errors import PluginError
    from ood_bench.registry import Registry

    registry = Registry()
    table = Table(box=None)
    for heading in ("name", "what it is", "from"):
        table.add_column(heading, overflow="fold")
    for name in registry.names(kind):
        try:
            plugin = registry.load(kind, name)
        except PluginError as error:
            table.add_row(name, f"broken: {error}", "")
            continue
        table.add_row(name, _summary(plugin), plugin.__module__.partition(".")[0])
    terminal(log_width=160).print(table, highlight=False, markup=False)


def _show(kind: Kind, name: str) -> None:
    from ood_bench.registry import Registry, option_fields

    plugin = Registry().load(kind, name)
    lines = [
        f"{name} ({plugin.__module__}:{plugin.__qualname__})",
        "",
        _description(plugin),
    ]
    facts = list(_facts(kind, plugin))
    if facts:
        lines += ["", *facts]
    lines += ["", "Options:" if option_fields(plugin) else "No options."]
    for option, (annotation, default) in option_fields(plugin).items():
        given = "required" if default is ... else f"default {default!r}"
        lines.append(f"  {option}: {_type(annotation)}, {given}")
    terminal(log_width=160).print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _facts(kind: Kind, plugin: type[Any]) -> list[str]:
    """Return what a plugin can do or needs, a line each."""
    from ood_bench.capabilities import CAPABILITIES, IN_WORDS, DensityModel, has

    if kind == "models":
        named = [item.__name__ for item in CAPABILITIES if has(plugin, item)]
        facts = [f"Capabilities: {', '.join(named)}"]
        if has(plugin, DensityModel):
            facts.append(f"Its log_prob is {IN_WORDS[plugin.log_prob_is]}.")
        return facts
    requires = getattr(plugin, "requires", None)
    facts = [f"Needs a model with: {requires.__name__}"] if requires is not None else []
    if kind == "statistics":
        facts.append(f"Columns: {', '.join(plugin.columns)}")
    needs = getattr(plugin, "needs", ())
    if needs:
        facts.append(f"Reads the columns: {', '.join(needs)}")
    return facts


def _summary(plugin: type[Any]) -> str:
    return _description(plugin).partition("\n")[0]


def _description(plugin: type[Any]) -> str:
    """Return a plugin's own docstring: that of a base class would tell of something else."""
    return inspect.cleandoc(plugin.__dict__.get("__doc__") or "(no description)")


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
