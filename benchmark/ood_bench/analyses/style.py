"""The look of the figures: one type size, one palette, one colour for a data set."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

Colour: TypeAlias = tuple[float, float, float]

_ORDER = (0, 1, 2, 4, 3, 9, 5, 7, 6, 8)
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
    """Draw in the house look inside the context; the settings are put back after it."""
    import seaborn as sns

    with sns.axes_style("ticks", rc=_STYLE), sns.plotting_context("paper", rc=_SIZES):
        yield


def data_colours(names: Sequence[str]) -> dict[str, Colour]:
    """Return a colour for each data set, given the inside first and the outside in order.

    The same names give the same colours in every figure, and the inside is always blue.
    """
    import seaborn as sns

    if len(names) > len(_ORDER):
        return dict(zip(names, sns.color_palette("husl", len(names)), strict=True))
    palette = sns.color_palette("colorblind")
    return {name: palette[i] for name, i in zip(names, _ORDER, strict=False)}


def plain(name: str) -> str:
    r"""Return a name as matplotlib writes it without reading it as mathematics.

    Example:
        >>> print(plain("a$b"))
        a\$b
    """
    return name.replace("$", r"\$")


def signed(value: float, digits: int) -> str:
    """Return a number with a true minus sign.

    Example:
        >>> signed(-1.25, 2)
        '−1.25'
    """
    return f"{value:.{digits}f}".replace("-", "−")
