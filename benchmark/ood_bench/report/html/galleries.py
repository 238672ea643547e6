"""Images of a data set that stand out, from the stored tables that hold them."""

import base64
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ood_bench.results import AnalysisTable

if TYPE_CHECKING:
    import pandas as pd


class Image(NamedTuple):
    """One image: its PNG file as a data URI, its caption, and what it is in words."""

    source: str
    bits: str
    what: str


class Strip(NamedTuple):
    """Images of one data set under one heading."""

    data: str
    heading: str
    images: list[Image]


class Gallery(NamedTuple):
    """The strips of one model trained on one inside."""

    model: str
    inside: str
    caption: str
    strips: list[Strip]


def extremes(tables: Iterable[tuple[AnalysisTable, str]]) -> list[Gallery]:
    """Return the images of highest and lowest likelihood; tables come with their captions."""
    return [
        Gallery(
            table.model,
            table.inside,
            caption,
            [
                Strip(str(data), f"{end} likelihood", _images(part))
                for (data, end), part in table.table.groupby(["data", "likelihood"], sort=False)
            ],
        )
        for table, caption in _first_seeds(tables)
    ]


def errors(tables: Iterable[tuple[AnalysisTable, str]]) -> list[Gallery]:
    """Return the images on the wrong side of the 95 % threshold; tables with their captions."""
    from ood_bench.analyses.errors import told

    return [
        Gallery(
            table.model,
            table.inside,
            caption,
            [
                Strip(
                    str(data),
                    told(part).replace("\n", ", "),
                    _images(part[part["part"] == "image"]),
                )
                for data, part in table.table.groupby("data", sort=False)
            ],
        )
        for table, caption in _first_seeds(tables)
    ]


def data_uri(png: bytes) -> str:
    """Return a PNG file as a URI that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _first_seeds(
    tables: Iterable[tuple[AnalysisTable, str]],
) -> Iterator[tuple[AnalysisTable, str]]:
    """Yield the first table of each analysis, model and inside."""
    seen = set[tuple[str, str, str]]()
    for table, caption in tables:
        address = (table.analysis, table.model, table.inside)
        if address not in seen:
            seen.add(address)
            yield table, caption


def _images(part: "pd.DataFrame") -> list[Image]:
    return [
        Image(
            data_uri(png),
            f"{bits:.2f}",
            f"{data}, test image {row}: {bits:.3f} bits per dimension",
        )
        for data, row, bits, png in zip(
            part["data"], part["row"], part["bits_per_dim"], part["png"], strict=True
        )
    ]
