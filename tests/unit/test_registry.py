"""Options come from a plugin's signature; a typo has nowhere to go."""

import re
from pathlib import Path
from typing import Any, Literal

import pytest

from ood_bench.errors import PluginError
from ood_bench.registry import OptionError, Registry, construct, resolve_options


class Plugin:
    def __init__(
        self,
        shape: object,
        *,
        width: int = 64,
        kind: Literal["a", "b"] = "a",
        rates: tuple[float, ...] = (0.5,),
    ) -> None:
        if width == 13:
            raise ValueError("13 brings bad luck")
        self.shape, self.width, self.kind, self.rates = shape, width, kind, rates


class Typed:
    def __init__(
        self,
        *,
        width: int = 8,
        rates: tuple[float, ...] = (),
        flag: bool = False,
        name: str = "",
        either: int | None = None,
        chosen: frozenset[int] = frozenset(),
        nested: dict[str, dict[str, float]] = {},  # noqa: B006  read alone
        path: Path = Path(),
        free: dict[str, Any] = {},  # noqa: B006
    ) -> None:
        pass


class Grown(Plugin):
    """A plugin with an option that came later."""

    added_options = frozenset({"sides"})

    def __init__(self, shape: str, *, width: int = 4, sides: tuple[int, ...] = (1, 2)) -> None:
        super().__init__(shape, width=width)
        self.sides = sides


class Greedy:
    def __init__(self, **options: Any) -> None:
        self.options = options


def test_defaults_are_filled_in_as_json_values() -> None:
    assert resolve_options(Plugin, "p", {"width": 8}) == {
        "width": 8,
        "kind": "a",
        "rates": [0.5],
    }


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ({}, {"width": 4}),
        ({"sides": [1, 2]}, {"width": 4}),
        ({"sides": [2]}, {"width": 4, "sides": [2]}),
    ],
)
def test_an_option_that_came_later_is_left_out_at_its_default(
    given: dict[str, Any], resolved: dict[str, Any]
) -> None:
    found = resolve_options(Grown, "g", given)
    assert found == resolved
    assert construct(Grown, "g", found, "shape").sides == tuple(given.get("sides", (1, 2)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": True}, "width: a number is wanted, got true; write 1 if that is meant"),
        ({"width": "8"}, "width: a number is wanted, got the text '8'; write 8, without quotes"),
        ({"rates": [0.1, False]}, "rates.1: a number is wanted, got false; write 0"),
        ({"flag": "yes"}, "flag: true or false is wanted, got 'yes'; write true"),
        ({"flag": 0}, "flag: true or false is wanted, got 0; write false"),
        ({"name": 1.5}, "name: Input should be a valid string, got 1.5; write it in quotes"),
        ({"either": True}, "either: "),
        ({"chosen": [1, "2"]}, "chosen.1: a number is wanted, got the text '2'"),
        ({"nested": {"inner": {"x": True}}}, "nested.inner.x: a number is wanted, got true"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_to_write(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=f"^{re.escape(message)}"):
        resolve_options(Typed, "t", given)


def test_a_number_may_be_whole_or_not_and_free_values_stay() -> None:
    given = {"width": 1e3, "rates": [1], "path": "a/b", "free": {"x": ["1", True]}}
    found = resolve_options(Typed, "t", given)
    assert (found["width"], found["rates"]) == (1000, [1.0])
    assert (found["path"], found["free"]) == ("a/b", {"x": ["1", True]})
    assert resolve_options(Typed, "t", found) == found


def test_an_unknown_option_is_answered_with_a_near_match() -> None:
    with pytest.raises(OptionError, match="'p' has no option 'widht'; did you mean 'width'?"):
        resolve_options(Plugin, "p", {"widht": 8})


@pytest.mark.parametrize("given", [{"width": "wide"}, {"kind": "c"}, {"rates": [float("nan")]}])
def test_an_option_of_the_wrong_type_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="got"):
        resolve_options(Plugin, "p", given)


def test_a_plugin_gets_python_values_back_from_json() -> None:
    built = construct(Plugin, "p", {"rates": [0.1, 0.2]}, "shape")
    assert (built.shape, built.rates) == ("shape", (0.1, 0.2))


def test_what_a_constructor_refuses_is_one_line() -> None:
    with pytest.raises(PluginError, match="^'p': 13 brings bad luck$"):
        construct(Plugin, "p", {"width": 13}, "shape")


def test_a_plugin_that_takes_anything_is_refused() -> None:
    with pytest.raises(PluginError, match="name every option"):
        resolve_options(Greedy, "g", {})


def test_an_unknown_plugin_is_answered_with_a_near_match() -> None:
    with pytest.raises(PluginError, match="unknown model 'glwo'; did you mean 'glow'?"):
        Registry().load("models", "glwo")
    with pytest.raises(PluginError, match="^unknown analysis 'rocc'; did you mean 'roc'?"):
        Registry().load("analyses", "rocc")


def test_every_plugin_that_ships_is_found() -> None:
    registry = Registry()
    assert {"likelihood", "typicality", "input_complexity"} <= set(registry.names("detectors"))
    assert "glow" in registry.names("models")
