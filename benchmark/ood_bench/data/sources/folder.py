"""Folders of image files: a user's own, and those that published archives unpack to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from ood_bench.data.pictures import Encoded, Labels
from ood_bench.data.sources import Found, Place
from ood_bench.errors import DataError

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff")
)
SPLITS = ("train", "test", "val", "valid", "validation")


class Listing(NamedTuple):
    """Image files of one split in order, their classes if any, and other files that say those."""

    paths: tuple[Path, ...]
    labels: Labels
    beside: tuple[Path, ...] = ()


Layout: TypeAlias = Callable[[Path], Mapping[str, Listing]]


@dataclass(frozen=True)
class Unpacked:
    """An archive of image files, unpacked where torchvision or its authors unpack it.

    Attributes:
        folder: Folder below the data root.
        layout: Lists its images by split.
    """

    folder: str
    layout: Layout

    def find(self, name: str, place: Place) -> Found | None:
        """Return the splits whose images are there."""
        del name
        for folder in place.below((self.folder,)):
            listings = self.layout(folder) if folder.is_dir() else {}
            if listings:
                return listed("data root, image files", listings)
        return None


def listed(title: str, listings: Mapping[str, Listing]) -> Found:
    """Return a data set whose images are files, listed by split."""

    def read(split: str, limit: int | None) -> Encoded:
        paths, labels, _ = listings[split]
        paths = paths[:limit]

        def blobs() -> Iterator[tuple[str, Path]]:
            return ((str(path), path) for path in paths)

        return Encoded(len(paths), None if labels is None else labels[:limit], blobs)

    files = {split: listing.paths + listing.beside for split, listing in listings.items()}
    return Found(title, files, read)


def own_folder(folder: Path) -> Found:
    """Return a user's folder: images, or one folder a class, perhaps below `train` and `test`.

    Raises:
        DataError: If the folder is not there, or holds a file that is no image by its name.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    below = {split: folder / split for split in SPLITS if (folder / split).is_dir()}
    strangers = [path for path in folder.iterdir() if path not in below.values()]
    if not below or any(path.is_dir() for path in strangers):
        below = {"all": folder}
    return listed("folder", {split: _classes(path) for split, path in below.items()})


def image_files(folder: Path) -> tuple[Path, ...]:
    """Return all images below a folder in the order of their paths; hidden files are passed over.

    Raises:
        DataError: If a file is no image by its name.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path}: not an image; an image folder may hold nothing else")
    return tuple(paths)


def _classes(folder: Path) -> Listing:
    """List all images below a folder, a class for each folder."""
    paths = image_files(folder)
    if any(path.parent == folder for path in paths):
        if any(path.parent != folder for path in paths):
            raise DataError(f"{folder}: images beside class folders; move them into one")
        return Listing(paths, None)
    return _labelled(paths, [str(path.parent.relative_to(folder)) for path in paths])


def _labelled(
    paths: Sequence[Path], classes: list[str], *, beside: tuple[Path, ...] = ()
) -> Listing:
    _, labels = np.unique(np.asarray(classes, np.str_), return_inverse=True)
    return Listing(tuple(paths), labels.astype(np.int64), beside)


def omniglot(folder: Path) -> dict[str, Listing]:
    """List Omniglot: the background alphabets to train on, the evaluation ones to test on."""
    parts = {"train": folder / "images_background", "test": folder / "images_evaluation"}
    return {split: _classes(path) for split, path in parts.items() if path.is_dir()}


def textures(folder: Path) -> dict[str, Listing]:
    """List the first of DTD's ten published divisions, its validation part added to training."""
    parts = {"train": ("train1.txt", "val1.txt"), "test": ("test1.txt",)}
    found = {}
    for split, names in parts.items():
        lists = [folder / "labels" / name for name in names]
        if all(path.is_file() for path in lists):
            lines = sorted(line for path in lists for line in _lines(path))
            paths = [folder / "images" / line for line in lines]
            found[split] = _labelled(paths, [line.partition("/")[0] for line in lines])
    return found


def celeba(folder: Path) -> dict[str, Listing]:
    """List CelebA's aligned faces by its published partition, without the validation part."""
    partition = folder / "list_eval_partition.txt"
    if not partition.is_file() or not (folder / "img_align_celeba").is_dir():
        return {}
    names: dict[str, list[Path]] = {"0": [], "1": [], "2": []}
    for line in _lines(partition):
        name, _, part = line.partition(" ")
        if part.strip() not in names:
            raise DataError(f"{partition}: cannot read the line '{line}'")
        names[part.strip()].append(folder / "img_align_celeba" / name)
    return {
        "train": Listing(tuple(names["0"]), None),
        "test": Listing(tuple(names["2"]), None),
    }


def tiny_imagenet(folder: Path) -> dict[str, Listing]:
    """List Tiny ImageNet; its validation images, the last with labels, are the ones to test on."""
    train = sorted((folder / "train").glob("*/images/*.JPEG"))
    found = {"train": _labelled(train, [path.parts[-3] for path in train])} if train else {}
    annotations = folder / "val" / "val_annotations.txt"
    if annotations.is_file():
        rows = [line.split("\t") for line in _lines(annotations)]
        paths = [folder / "val" / "images" / row[0] for row in rows]
        found["test"] = _labelled(
            paths, [row[min(1, len(row) - 1)] for row in rows], beside=(annotations,)
        )
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
