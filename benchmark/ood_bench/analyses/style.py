"""The style of figures: one font size, one palette, one colour per data set."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Colour: TypeAlias = tuple[float, float, float]

_PALETTE = [
    "0173b2",
    "de8f05",
    "029e73",
    "cc78bc",
    "d55e00",
    "56b4e9",
    "ca9161",
    "949494",
    "fbafe4",
    "ece133",
]
"""Seaborn's colour-blind palette, its faint colours last."""

_STYLE = {"axes.spines.top": False, "axes.spines.right": False}

_SIZES = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "axes.linewidth": 0.8,
}


@contextmanager
def look() -> Iterator[None]:
    """Apply the common style within the context, and restore the settings afterwards."""
    import seaborn as sns

    with sns.axes_style("ticks", rc=_STYLE), sns.plotting_context("paper", rc=_SIZES):
        yield


def data_colours(names: Sequence[str]) -> dict[str, Colour]:
    """Return a colour for each data set, given the inside first and the outside in order.

    The same names give the same colours in every figure, and the inside is always blue.
    """
    if len(names) > len(_PALETTE):
        import seaborn as sns

        return dict(zip(names, sns.color_palette("husl", len(names)), strict=True))
    return {name: _colour(text) for name, text in zip(names, _PALETTE, strict=False)}


def in_order(names: Sequence[str]) -> dict[str, Colour]:
    """Return a colour for each of some names, such as models, by their order."""
    if len(names) > len(_PALETTE):
        import seaborn as sns

        return dict(zip(names, sns.color_palette("husl", len(names)), strict=True))
    return {name: _colour(text) for name, text in zip(names, _PALETTE, strict=False)}


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red / 255, green / 255, blue / 255


def plain(name: str) -> str:
    r"""Return a name as matplotlib writes it without reading it as mathematics.

    Example:
        >>> print(plain("a$b"))
        a\$b
    """
    return name.replace("$", r"\$")


def trained_on(row: "pd.Series[Any]") -> str:
    """Return "MODEL trained on INSIDE", a figure's title, from a row of its table."""
    return plain(f"{row['model']} trained on {row['inside']}")


def signed(value: float, digits: int) -> str:
    """Return a number with a true minus sign.

    Example:
        >>> signed(-1.25, 2)
        '−1.25'
    """
    return f"{value:.{digits}f}".replace("-", "−")
