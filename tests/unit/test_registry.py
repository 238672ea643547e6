"""Options come from a plugin's signature; a typo has nowhere to go."""

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


class Greedy:
    def __init__(self, **options: Any) -> None:
        self.options = options


def test_defaults_are_filled_in_as_json_values() -> None:
    assert resolve_options(Plugin, "p", {"width": "8"}) == {
        "width": 8,
        "kind": "a",
        "rates": [0.5],
    }


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


def test_every_plugin_that_ships_is_found() -> None:
    registry = Registry()
    assert {"likelihood", "typicality", "input_complexity"} <= set(registry.names("detectors"))
    assert "glow" in registry.names("models")
