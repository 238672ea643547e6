"""Data sets: their sources, transforms and names."""

from ood_bench.data.catalogue import catalogue
from ood_bench.data.entry import Entry
from ood_bench.data.fetch import fetch
from ood_bench.data.images import Images, ImagesInfo
from ood_bench.data.library import Library
from ood_bench.data.options import DataOptions, Division, Transform
from ood_bench.data.shape import Shape
from ood_bench.data.sheet import contact_sheet
from ood_bench.data.verify import Verification, verify

__all__ = [
    "DataOptions",
    "Division",
    "Entry",
    "Images",
    "ImagesInfo",
    "Library",
    "Shape",
    "Transform",
    "Verification",
    "catalogue",
    "contact_sheet",
    "fetch",
    "verify",
]
