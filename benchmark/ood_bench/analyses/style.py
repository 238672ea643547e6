"""The style of figures: one font size, one palette, one colour per data set."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from ood_bench.units import legible

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


_FAINT = 3
"""Colours at the end of the palette that are used only where no other is free."""
_REPORT: ContextVar[Mapping[str, str]] = ContextVar("_REPORT")


@contextmanager
def colours_of_report(figures: Sequence[Sequence[str]]) -> Iterator[None]:
    """Give each outside data set its own colour in all figures drawn within the context.

    Args:
        figures: The outside data sets that appear together, those of each inside. Two that never do
            may have one colour, if there are more than strong colours.
    """
    token = _REPORT.set(_assigned(figures))
    try:
        yield
    finally:
        _REPORT.reset(token)


def _assigned(figures: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return a colour for each data set: strong ones first, those used least often first."""
    found: dict[str, str] = {}
    others = _PALETTE[1:]
    for name in dict.fromkeys(name for figure in figures for name in figure):
        beside = {other for figure in figures if name in figure for other in figure}
        taken = {found[other] for other in beside if other in found}
        used = list(found.values())
        free = [colour for colour in others if colour not in taken] or others
        found[name] = min(free, key=lambda c: (c in others[-_FAINT:], used.count(c)))
    return found


def data_colours(names: Sequence[str]) -> dict[str, Colour]:
    """Return a colour for each data set, given the inside first and the outside in order.

    The inside is always blue. Others have their colour in the report, see `colours_of_report`, or
    without one, or where it is taken, the first that is free.
    """
    if len(names) > len(_PALETTE):
        return in_order(names)
    found = dict.fromkeys(names[:1], _PALETTE[0])
    known = _REPORT.get({})
    for name in names[1:]:
        if known.get(name, _PALETTE[0]) not in found.values():
            found[name] = known[name]
    for name in names[1:]:
        free = (colour for colour in _PALETTE if colour not in found.values())
        found.setdefault(name, next(free, _PALETTE[0]))
    return {name: _colour(found[name]) for name in names}


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


_MODELS = {
    "cv-glow": "CV-Glow",
    "glow": "Glow",
    "pixelcnn": "PixelCNN",
    "diffusion": "Diffusion model",
    "flow_matching": "Flow matching",
    "tarflow": "TarFlow",
    "hvae": "HVAE",
    "vae": "VAE",
}
_DATA = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhn": "SVHN",
    "celeba": "CelebA",
    "imagenet32": "ImageNet 32×32",
}


def in_words(model: str, inside: str) -> str:
    """Return a figure's title from the names of a model and its training set.

    Example:
        >>> in_words("glow", "fashion_mnist"), in_words("cv-glow-gray", "my_photos")
        ('Glow, trained on FashionMNIST', 'CV-Glow (gray), trained on my_photos')
    """
    for name, word in _MODELS.items():
        if model == name or model.startswith(f"{name}-"):
            rest = model.removeprefix(name).removeprefix("-")
            model = f"{word} ({rest})" if rest else word
            break
    return f"{model}, trained on {_DATA.get(inside, inside)}"


def trained_on(row: "pd.Series[Any]") -> str:
    """Return a figure's title from a row of its table."""
    return plain(in_words(str(row["model"]), str(row["inside"])))


def signed(value: float, digits: int) -> str:
    """Return a number with a true minus sign; from 1,000 on in three significant digits.

    Example:
        >>> signed(-1.25, 2), signed(-6123.292, 3)
        ('−1.25', '−6,120')
    """
    if abs(value) >= 1000:
        return legible(value)
    return f"{value:.{digits}f}".replace("-", "−")
