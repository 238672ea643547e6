"""Check a data set at hand against what was published."""

from dataclasses import dataclass

from ood_bench.data.library import Library
from ood_bench.data.options import DataOptions, Transform
from ood_bench.data.shape import Shape
from ood_bench.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Verification:
    """What checking one split has shown.

    Attributes:
        split: The split.
        count: How many images it holds; 0 if they do not decode.
        digest: Their content digest; empty if they do not decode or differ in size.
        expected: The digest of the published split, if it is known.
        ok: Whether the split decodes and is, as far as is known, what was published.
        message: The finding in words.
    """

    split: str
    count: int
    digest: str
    expected: str | None
    ok: bool
    message: str


def verify(name: str, library: Library) -> tuple[Verification, ...]:
    """Decode every image of a catalogued data set, and compare counts and content.

    All files are read, whatever the library remembers of them.

    Raises:
        DataError: If the name is unknown, or the data set is generated or not at hand.
    """
    if name not in library.entries:
        raise DataError(f"unknown data set '{name}'{did_you_mean(name, library.entries)}")
    if library.entries[name].generate:
        raise DataError(f"'{name}' is generated; there is nothing to verify")
    library = library.again()
    return tuple(_check(name, split, library) for split in library.splits(name, DataOptions()))


def _check(name: str, split: str, library: Library) -> Verification:
    entry = library.entries[name]
    expected = entry.digests.get(split)
    try:
        if entry.shape:
            as_is = DataOptions(transform=Transform())
            images = library.load(name, as_is, split, library.shape(name, as_is))
        else:
            images = library.load(name, DataOptions(), split, Shape(3, 32, 32))
    except DataError as error:
        return Verification(split, 0, "", expected, ok=False, message=str(error))
    count, published = len(images.pixels), entry.counts.get(split)
    digest = images.digest if entry.shape else ""
    if published is not None and count != published:
        ok, message = False, f"{count:,} of {published:,} published images; all decode"
    elif expected is None:
        ok, message = True, f"{count:,} images; all decode; no published digest is known"
    elif digest == expected:
        ok, message = True, f"{count:,} images, equal to the published ones"
    else:
        ok, message = False, f"{count:,} images, not equal to the published ones"
    return Verification(split, count, digest, expected, ok, message)
