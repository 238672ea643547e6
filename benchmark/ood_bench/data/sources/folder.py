"""Folders of image files: a user's own, and those that published archives unpack to."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from ood_bench.data.options import OnBad
from ood_bench.data.pictures import Encoded, Labels
from ood_bench.data.sources import Found, SearchRoots
from ood_bench.data.sources.listing import LOST, SUFFIXES, aside, holds_files, image_files
from ood_bench.errors import DataError

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
    **{name: name for name in ("val", "valid", "validation", "dev")},
}
"""What folders of splits are called, in any case, and the splits that they are."""


class Listing(NamedTuple):
    """Image files of one split in order, their classes if they have any, and what is not read.

    `left_out` counts other files by reason, `remark` is what a reader must know, `beside` are
    other files that the classes are read from.
    """

    paths: tuple[Path, ...]
    labels: Labels
    left_out: Mapping[str, int] = {}
    remark: str = ""
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

    def find(self, name: str, roots: SearchRoots) -> Found | None:
        """Return the splits whose images are there."""
        del name
        for folder in roots.below((self.folder,)):
            listings = self.layout(folder) if folder.is_dir() else {}
            if listings:
                return from_listings("data root, image files", listings)
        return None


def from_listings(title: str, listings: Mapping[str, Listing]) -> Found:
    """Return a data set whose images are files, listed by split."""

    def read(split: str, limit: int | None) -> Encoded:
        paths, labels = listings[split].paths[:limit], listings[split].labels

        def blobs() -> Iterator[tuple[str, Path]]:
            return ((str(path), path) for path in paths)

        return Encoded(len(paths), None if labels is None else labels[:limit], blobs)

    return Found(
        title,
        {split: listing.paths + listing.beside for split, listing in listings.items()},
        read,
        {split: listing.left_out for split, listing in listings.items()},
        {split: listing.remark for split, listing in listings.items()},
    )


def own_folder(folder: Path, *, on_bad: OnBad = "error") -> Found:
    """Return a user's folder: images, or one folder a class, perhaps below `train` and `test`.

    Args:
        folder: The folder.
        on_bad: Whether files that are no images and links that lead nowhere are an error that
            lists them, or are left out and counted.

    Raises:
        DataError: If the folder is not there, holds such files, or has other folders or images
            beside those of its splits.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    below, beside = _splits(folder, on_bad)
    if not below:
        return from_listings("folder", {"all": _classes(folder, on_bad=on_bad)})
    listings = {split: _classes(path, on_bad=on_bad) for split, path in below.items()}
    for split, listing in listings.items():
        listings[split] = listing._replace(left_out=Counter(listing.left_out) + beside)
    return from_listings("folder", listings)


def _splits(folder: Path, on_bad: OnBad) -> tuple[dict[str, Path], Counter[str]]:
    """Return the folders of splits, and how many others lie beside them, by reason."""
    below: dict[str, Path] = {}
    others: list[Path] = []
    beside: Counter[str] = Counter()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            split = SPLITS.get(entry.name.lower()) if path.is_dir() else None
            if reason := aside(entry):
                beside[reason] += 1
            elif split is None:
                others.append(path)
            elif split in below:
                raise DataError(
                    f"{folder}: '{below[split].name}' and '{entry.name}' are both of the split "
                    f"'{split}'; move one away"
                )
            else:
                below[split] = path
    if not below:
        return {}, beside
    strangers = []
    for path in others:
        if not path.exists():
            beside[LOST] += 1
            if on_bad == "error":
                strangers.append(f"'{path.name}' (a link that leads nowhere)")
        elif path.is_dir() and not holds_files(path):
            beside["empty folder"] += 1
        elif path.is_dir() or path.suffix.lower() in SUFFIXES:
            strangers.append(f"'{path.name}'")
        else:
            beside["beside the splits"] += 1
    if strangers:
        names = ", ".join(f"'{path.name}'" for path in below.values())
        raise DataError(
            f"{folder}: {', '.join(strangers[:10])} beside the folders of splits {names}; move it "
            "away, or all that are classes into a folder 'train' or 'test'"
        )
    return below, beside


def _classes(folder: Path, *, on_bad: OnBad = "error") -> Listing:
    """List all images below a folder, a class for each folder."""
    paths, left_out = image_files(folder, on_bad=on_bad)
    beside = [path for path in paths if path.parent == folder]
    if beside:
        remark = "images lie beside class folders, so there are no labels"
        return Listing(paths, None, left_out, remark if len(beside) < len(paths) else "")
    classes = [str(path.parent.relative_to(folder)) for path in paths]
    return _labelled(paths, classes)._replace(left_out=left_out)


def _labelled(
    paths: Sequence[Path], classes: list[str], *, beside: tuple[Path, ...] = ()
) -> Listing:
    _, labels = np.unique(np.asarray(classes, np.str_), return_inverse=True)
    return Listing(tuple(paths), labels.astype(np.int64), beside=beside)


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


def places365(folder: Path) -> dict[str, Listing]:
    """List the small images of Places365; its validation images are the ones to test on."""
    parts = {
        "train": ("places365_train_standard.txt", "data_256_standard"),
        "test": ("places365_val.txt", "val_256"),
    }
    found = {}
    for split, (name, images) in parts.items():
        listed = folder / name
        if listed.is_file() and (folder / images).is_dir():
            rows = [line.rpartition(" ") for line in _lines(listed)]
            paths = [folder / images / path.lstrip("/") for path, _, _ in rows]
            found[split] = _labelled(paths, [label for _, _, label in rows], beside=(listed,))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
