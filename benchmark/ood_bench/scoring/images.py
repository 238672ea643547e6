"""Images to score: files, folders, archives, data sets of the catalogue."""

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ood_bench.data import DataOptions, Shape, Transform, catalogue
from ood_bench.data.decoding import native_shape
from ood_bench.data.locate import locate
from ood_bench.data.options import OnBad
from ood_bench.data.pictures import Decoded, Encoded, Pictures
from ood_bench.data.reading import quiet_decoders
from ood_bench.data.sources import SearchRoots
from ood_bench.data.sources.hub import hub_cache
from ood_bench.data.sources.listing import SUFFIXES, image_files
from ood_bench.data.sources.npz import own_npz
from ood_bench.data.tally import counts_in_words
from ood_bench.data.transform import describe, fit_shape
from ood_bench.errors import DataError, did_you_mean
from ood_bench.spreadsheet import unicode_text


@dataclass(frozen=True)
class Gathered:
    """Images of one shape with their names and a description of their transform.

    Non-Unicode parts of file names are escaped. `note` states how many images were left out and
    what was done to some beyond decoding; otherwise it is empty.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    transform: str
    note: str = ""


def gather(
    data: str | Path | Sequence[str | Path],
    shape: Shape,
    *,
    usual: Transform,
    transform: Transform | None = None,
    split: str | None = None,
    root: Path | None = None,
    on_bad: OnBad = "error",
) -> Gathered:
    """Read images and transform them to a model's shape.

    Args:
        data: A folder, read with its subfolders; an `.npz` archive; an image file; a pattern of
            paths such as `photos/*.png`; the name of a data set of the catalogue; or several of
            these, scored in their order.
        shape: The model's shape.
        usual: The transform of the model's training images, applied to those of a folder or an
            archive too.
        transform: A transform to apply instead of `usual` or of the catalogue's.
        split: The split of an archive or a data set; default: `test`, or all images if there
            is no such split.
        root: The data root, for the catalogue.
        on_bad: Whether unreadable files and images raise an error that lists them, or are left
            out.

    Raises:
        DataError: If there are none, or one does not decode or has the wrong shape.
    """
    given = [data] if isinstance(data, str | Path) else data
    sources = [path for one in given for path in _matching(str(one))]
    if not sources:
        raise DataError("no images are named")

    def one(source: str | tuple[Path, ...]) -> Gathered:
        return _gathered(
            source, shape, usual=usual, transform=transform, split=split, root=root, on_bad=on_bad
        )

    groups = _grouped(sources)
    parts = [one(source) for source in groups]
    if len(parts) == 1:
        return parts[0]
    return Gathered(
        tuple(
            name if isinstance(source, tuple) else unicode_text(f"{source}/{name}")
            for source, part in zip(groups, parts, strict=True)
            for name in part.names
        ),
        np.concatenate([part.pixels for part in parts]),
        ", ".join(dict.fromkeys(part.transform for part in parts)),
        "; ".join(filter(None, (part.note for part in parts))),
    )


def _matching(given: str) -> list[str]:
    """Return what a pattern of paths matches, sorted; what is no pattern stands for itself."""
    path = Path(given).expanduser()
    if path.exists() or not glob.has_magic(given):
        return [given]
    found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - takes absolute patterns
    if not found:
        raise DataError(f"'{given}': nothing matches")
    return found


def _grouped(sources: Sequence[str]) -> list[str | tuple[Path, ...]]:
    """Return the sources with image files that follow each other put together."""
    groups: list[str | tuple[Path, ...]] = []
    for source in sources:
        path = Path(source).expanduser()
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            groups.append(source)
            continue
        last = groups[-1] if groups else ""
        if isinstance(last, tuple):
            groups[-1] = (*last, path)
        else:
            groups.append((path,))
    return groups


def _gathered(
    data: str | tuple[Path, ...],
    shape: Shape,
    *,
    usual: Transform,
    transform: Transform | None,
    split: str | None,
    root: Path | None,
    on_bad: OnBad,
) -> Gathered:
    if isinstance(data, tuple):
        names = tuple(unicode_text(str(file)) for file in data)
        listed = Encoded(len(data), None, lambda: ((str(file), file) for file in data))
        chosen = transform or usual
        what = "the images" if len(data) > 1 else names[0]
        return _fitted(names, listed, chosen, shape, what=what, on_bad=on_bad, beside={})
    path, left_out = Path(data).expanduser(), Counter[str]()
    if path.is_dir():
        files, left_out = image_files(path, on_bad=on_bad)
        names = tuple(unicode_text(str(file.relative_to(path))) for file in files)
        pictures: Pictures = Encoded(
            len(files), None, lambda: ((str(file), file) for file in files)
        )
    elif path.suffix == ".npz":
        found = own_npz(path)
        split = split or next((name for name in ("test", "all") if name in found.files), "test")
        if split not in found.files:
            raise DataError(f"{path} has no split '{split}'{did_you_mean(split, found.files)}")
        pictures = found.read(split, None)
        names = _numbered(split, pictures.count)
    elif path.exists():
        raise DataError(f"{path}: neither an image, a folder of images nor an .npz archive")
    else:
        return _of_catalogue(str(data), shape, transform, split or "test", root, on_bad)
    return _fitted(
        names, pictures, transform or usual, shape, what=str(path), on_bad=on_bad, beside=left_out
    )


def _of_catalogue(
    name: str,
    shape: Shape,
    transform: Transform | None,
    split: str,
    root: Path | None,
    on_bad: OnBad,
) -> Gathered:
    known = catalogue()
    if name not in known:
        near = did_you_mean(name, known)
        raise DataError(f"'{name}' is neither a file, a folder nor a data set{near}")
    entry, roots = known[name], SearchRoots(root, hub_cache())
    options = DataOptions(transform=None if entry.generate else transform)
    located = locate(name, options, roots, known, embedded=False)
    if located.missing:
        raise DataError(located.missing)
    if entry.generate:
        pixels = entry.generate(options, split, shape)
        return Gathered(_numbered(split, len(pixels)), pixels, "none")
    source_split = located.source_split(split)
    pictures = located.read(source_split, None)
    names = _numbered(source_split, pictures.count)
    left_out = located.left_out(source_split)
    transform = located.transform
    return _fitted(names, pictures, transform, shape, what=name, on_bad=on_bad, beside=left_out)


def _fitted(
    names: tuple[str, ...],
    pictures: Pictures,
    transform: Transform,
    shape: Shape,
    *,
    what: str,
    on_bad: OnBad,
    beside: Mapping[str, int],
) -> Gathered:
    if not names:
        raise DataError(f"{what} holds no images")
    if isinstance(pictures, Decoded) and not pictures.pixels.size:
        raise DataError(f"{what}: its images are {native_shape(pictures)} and have no pixels")

    def misfit(where: str, native: Shape, result: Shape, _: Shape) -> DataError:
        place = f"{what}: {where}" if isinstance(pictures, Decoded) else where
        after = "" if result == native else f", after its transform {result},"
        return DataError(
            f"{place} is {native}{after} but the model takes {shape}; give a transform "
            "such as {crop: square, resize: bicubic, channels: match}"
        )

    with quiet_decoders():
        fitted = fit_shape(pictures, transform, shape, name=what, on_bad=on_bad, misfit=misfit)
    tally = fitted.tally
    kept = tuple(name for row, name in enumerate(names) if row not in tally.bad)
    left_out = Counter(beside) + Counter(tally.left_out)
    notes = (
        [f"{sum(left_out.values()):,} left out: {counts_in_words(left_out)}"] if left_out else []
    )
    read = f"of {len(kept):,} images"
    notes += [f"{count:,} {read} {done}" for done, count in sorted(tally.done.items())]
    return Gathered(
        kept, fitted.pixels, describe(transform, fitted.native, shape), "; ".join(notes)
    )


def _numbered(split: str, count: int) -> tuple[str, ...]:
    return tuple(f"{split}[{i}]" for i in range(count))
