"""A user's own images by their path, where a data set of the catalogue could be named."""

from pathlib import Path

from ood_bench.data.library import Library
from ood_bench.data.options import DataOptions, OnBad, Transform
from ood_bench.data.shape import Shape
from ood_bench.errors import DataError, did_you_mean

FITTED = Transform(crop="square", resize="bicubic", channels="match")
"""Brings any images to one shape, and leaves those alone that have it."""

LARGEST = 64
"""Height and width to which larger images of a folder are brought."""


def options_of(name: str, library: Library, *, on_bad: OnBad = "error") -> DataOptions:
    """Return the options of a folder, an `.npz` archive or a data set of the catalogue.

    Images of one's own are fitted to the shape that is asked for: cropped to a square, resized.

    Raises:
        DataError: If there is no such, or its data is missing.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        options = DataOptions(folder=path, transform=FITTED, on_bad=on_bad)
    elif path.suffix == ".npz":
        options = DataOptions(npz=path, transform=FITTED)
    elif path.exists() or name not in library.entries:
        near = did_you_mean(name, library.entries)
        raise DataError(f"'{name}' is neither a folder, an .npz archive nor a data set{near}")
    else:
        options = DataOptions()
    if missing := library.missing(name, options):
        raise DataError(missing)
    return options


def shape_of(name: str, options: DataOptions, library: Library) -> Shape:
    """Return the shape in which images are looked at: a folder's are at most `LARGEST` high."""
    shape = library.shape(name, options)
    if options.folder is None or max(shape.height, shape.width) <= LARGEST:
        return shape
    return Shape(shape.channels, LARGEST, LARGEST)
