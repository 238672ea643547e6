"""Images of a data set that stand out, as the page shows them."""

import base64
import re
from collections.abc import Sequence
from typing import NamedTuple

from ood_bench.report import document


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


class GalleryGroup(NamedTuple):
    """The galleries of one analysis."""

    id: str
    title: str
    menu: str
    galleries: list[Gallery]


def gallery_groups(groups: Sequence[document.Group[document.Gallery]]) -> list[GalleryGroup]:
    """Return the galleries of a page by the analysis that they come from."""
    return [
        GalleryGroup(
            re.sub(r"[^A-Za-z0-9]+", "-", group.analysis),
            group.title,
            group.menu,
            [_gallery(figure) for figure in group.figures],
        )
        for group in groups
    ]


def _gallery(figure: document.Figure[document.Gallery]) -> Gallery:
    """Return the images of one model, of several seeds those of the first."""
    first, (_, shown) = figure.first, figure.seeds[0]
    strips = [
        Strip(row.data, row.told, [_image(row.data, image) for image in row.images])
        for row in shown.rows
    ]
    return Gallery(first.model, first.inside, first.caption, strips)


def data_uri(png: bytes) -> str:
    """Return a PNG file as a URI that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _image(data: str, image: document.Image) -> Image:
    what = f"{data}, test image {image.row}: {image.bits:.3f} bits per dimension"
    return Image(data_uri(image.png), f"{image.bits:.2f}", what)
