"""Images to score: a folder, an archive, a data set of the catalogue, or an array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ood_bench.data import DataOptions, Shape, Transform, catalogue
from ood_bench.data.locate import locate
from ood_bench.data.pictures import Decoded, Encoded, Pictures
from ood_bench.data.reading import quiet_decoders
from ood_bench.data.sources import Place
from ood_bench.data.sources.folder import image_files
from ood_bench.data.sources.hub import hub_cache
from ood_bench.data.sources.npz import own_npz
from ood_bench.data.transform import applied, describe
from ood_bench.errors import DataError, did_you_mean
from ood_bench.spreadsheet import unicode_text


@dataclass(frozen=True)
class Gathered:
    """Images of one shape, what each is called, and what was done to them in words.

    What is not Unicode in the name of a file is escaped.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.uint8]
    transform: str


def gather(
    data: str | Path,
    shape: Shape,
    *,
    usual: Transform,
    transform: Transform | None = None,
    split: str | None = None,
    root: Path | None = None,
) -> Gathered:
    """Read images and bring them to a model's shape.

    Args:
        data: A folder, all images below which are read; an `.npz` archive; or the name of a
            data set of the catalogue.
        shape: The model's shape.
        usual: What was done to the model's training images; done to a folder's and an
            archive's images too.
        transform: What is done in its place, or in that of the catalogue's way.
        split: Which images of an archive or of a data set; `test` unless said, or all where
            there is no such split.
        root: The data root, for the catalogue.

    Raises:
        DataError: If there are none, one does not decode, or one does not have the shape.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        files = image_files(path)
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
        raise DataError(f"{path}: neither a folder of images nor an .npz archive")
    else:
        return _of_catalogue(str(data), shape, transform, split or "test", root)
    return _fitted(names, pictures, transform or usual, shape, what=str(path))


def _of_catalogue(
    name: str, shape: Shape, transform: Transform | None, split: str, root: Path | None
) -> Gathered:
    known = catalogue()
    if name not in known:
        near = did_you_mean(name, known)
        raise DataError(f"'{name}' is neither a folder, an .npz archive nor a data set{near}")
    entry, place = known[name], Place(root, hub_cache())
    options = DataOptions(transform=None if entry.generate else transform)
    located = locate(name, options, place, known, embedded=False)
    if located.missing:
        raise DataError(located.missing)
    if entry.generate:
        pixels = entry.generate(options, split, shape)
        return Gathered(_numbered(split, len(pixels)), pixels, "none")
    source_split = located.source_split(split)
    pictures = located.read(source_split, None)
    names = _numbered(source_split, pictures.count)
    return _fitted(names, pictures, located.transform, shape, what=name)


def _fitted(
    names: tuple[str, ...], pictures: Pictures, transform: Transform, shape: Shape, *, what: str
) -> Gathered:
    if not names:
        raise DataError(f"{what} holds no images")
    pixels = np.empty((len(names), *shape), np.uint8)
    natives: set[Shape] = set()
    with quiet_decoders():
        for i, (where, native, result) in enumerate(applied(pictures, transform, shape)):
            if result.shape != shape:
                place = f"{what}: {where}" if isinstance(pictures, Decoded) else where
                same = result.shape == native
                after = "" if same else f", after its transform {Shape(*result.shape)},"
                raise DataError(
                    f"{place} is {native}{after} but the model takes {shape}; give a transform "
                    "such as {crop: square, resize: bicubic, channels: match}"
                )
            natives.add(native)
            pixels[i] = result
    common = natives.pop() if len(natives) == 1 else None
    return Gathered(names, pixels, describe(transform, common, shape))


def _numbered(split: str, count: int) -> tuple[str, ...]:
    return tuple(f"{split}[{i}]" for i in range(count))
