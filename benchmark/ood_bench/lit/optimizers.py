"""Optimizers of recipes: three by name, any other by the path of its class."""

import importlib
import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_type_hints

import torch
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from torch.nn import Parameter
from torch.optim import Optimizer

from ood_bench.errors import PluginError, did_you_mean, raised
from ood_bench.recipe import OPTIMIZERS, Recipe

_ELSEWHERE = {"lr": "learning_rate", "weight_decay": "weight_decay"}
"""Optimizer arguments that recipes set by options of their own."""


def optimizer_class(name: str) -> type[Optimizer]:
    """Return the class of an optimizer by its name in a recipe.

    Args:
        name: A name such as `adam`, or a path such as `torch.optim.AdamW`.

    Raises:
        PluginError: If there is no such subclass of `torch.optim.Optimizer`.
    """
    module, _, attribute = OPTIMIZERS.get(name, name).rpartition(".")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        known = [f"torch.optim.{key}" for key in _optimizers(torch.optim)]
        near = get_close_matches(name, known, n=1, cutoff=0.8)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise PluginError(f"optimizer '{name}' does not import: {_reason(error)}{hint}") from error
    known = _optimizers(found)
    if attribute not in known:
        reason = "is no optimizer" if hasattr(found, attribute) else "does not exist"
        near_match = did_you_mean(attribute, known) or f"; {module} has no optimizers"
        raise PluginError(f"optimizer '{name}' {reason}{near_match}")
    optimizer: type[Optimizer] = getattr(found, attribute)
    return optimizer


def optimizer_for(recipe: Recipe, parameters: Iterable[Parameter]) -> Optimizer:
    """Return a recipe's optimizer, in its fastest implementation.

    Raises:
        PluginError: If the optimizer rejects the recipe's options.
    """
    kind = optimizer_class(recipe.optimizer)
    arguments = _arguments(kind, recipe)
    try:
        return kind(parameters, **arguments)
    except Exception as error:
        raise PluginError(f"optimizer '{recipe.optimizer}': {_reason(error)}") from error


def check_optimizer(recipe: Recipe) -> None:
    """Check a recipe's optimizer by one step on a few parameters.

    Raises:
        PluginError: If there is no such optimizer, it rejects its options, or it cannot step.
    """
    parameters = [Parameter(torch.ones([2] * dims)) for dims in (1, 2, 4)]

    def closure() -> float:
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        return 0.0

    with torch.random.fork_rng(devices=[]):
        optimizer = optimizer_for(recipe, parameters)
        try:
            optimizer.step(closure)
        except Exception as error:
            raise PluginError(
                f"optimizer '{recipe.optimizer}' cannot take a step: {_reason(error)}"
            ) from error


def _reason(error: Exception) -> str:
    """Return an error in one line; with its location, if it is unexpected."""
    if isinstance(error, ValueError | ModuleNotFoundError):
        return " ".join(str(error).split())
    return raised(error)


def _optimizers(module: object) -> list[str]:
    """Return the names of the public optimizers in a module."""
    return [
        key
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Optimizer)
        and value is not Optimizer
        and not key.startswith("_")
    ]


def _arguments(kind: type[Optimizer], recipe: Recipe) -> dict[str, Any]:
    """Return the arguments of the optimizer's class beside the parameters."""
    name = recipe.optimizer
    (first, *_), named = _signature(kind)
    if "lr" not in named:
        raise PluginError(f"optimizer '{name}' takes no learning rate 'lr'")
    for option in recipe.optimizer_options:
        if option in _ELSEWHERE:
            field = _ELSEWHERE[option]
            raise PluginError(f"optimizer '{name}': give '{option}' as training option '{field}'")
        if option not in named or option == first:
            near = did_you_mean(option, set(named) - {first, *_ELSEWHERE})
            raise PluginError(f"optimizer '{name}' has no option '{option}'{near}")
    if "weight_decay" not in named and recipe.weight_decay:
        raise PluginError(f"optimizer '{name}' has no weight_decay; leave it at 0")
    missing = [
        option
        for option, parameter in named.items()
        if parameter.default is parameter.empty
        and option not in (first, "lr", "weight_decay", *recipe.optimizer_options)
    ]
    if missing:
        raise PluginError(f"optimizer '{name}' needs the option '{missing[0]}'")
    found: dict[str, Any] = {"lr": recipe.learning_rate, **_fastest(kind, named, recipe)}
    if "weight_decay" in named:
        found["weight_decay"] = recipe.weight_decay
    hints = _hints(kind)
    for option, value in recipe.optimizer_options.items():
        found[option] = _typed(f"optimizer '{name}': {option}", hints.get(option, Any), value)
    return found


def _signature(kind: type[Optimizer]) -> tuple[list[str], dict[str, inspect.Parameter]]:
    """Return the names of all parameters, and those that can be given by name."""
    parameters = inspect.signature(kind).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {key: value for key, value in parameters.items() if value.kind in kinds}
    return [*parameters, ""], named


def _fastest(
    kind: type[Optimizer], named: dict[str, inspect.Parameter], recipe: Recipe
) -> dict[str, bool]:
    """Return the argument for PyTorch's fused implementation, otherwise for the foreach one."""
    chosen = {"fused", "foreach"} & recipe.optimizer_options.keys()
    if chosen or not kind.__module__.startswith("torch.optim."):
        return {}
    for implementation in ("fused", "foreach"):
        if implementation in named:
            return {implementation: True}
    return {}


def _hints(kind: type[Optimizer]) -> dict[str, Any]:
    """Return the annotated types of an optimizer's arguments."""
    try:
        return get_type_hints(kind.__init__)
    except (NameError, TypeError):  # annotations with names that were not imported
        return {}


def _typed(what: str, hint: Any, value: object) -> Any:
    """Convert an option to the type that the optimizer takes."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(
            hint, config=ConfigDict(arbitrary_types_allowed=True)
        )
    except PydanticSchemaGenerationError:
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        raise PluginError(f"{what}: {problem['msg']}, got {value!r}") from error
