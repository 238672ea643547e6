"""The library: available data sets by name, their provenance and images."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.catalogue import catalogue
from ood_bench.data.corruption import corrupted
from ood_bench.data.decoding import BadImageError, native_shape
from ood_bench.data.division import contents, divide
from ood_bench.data.entry import Entry
from ood_bench.data.images import Images, ImagesInfo, content_digest
from ood_bench.data.index import Index, Record, index_key, settled
from ood_bench.data.locate import Located, locate
from ood_bench.data.options import DataOptions, Division, Transform
from ood_bench.data.partition import Whole
from ood_bench.data.pictures import Labels, Pictures
from ood_bench.data.provenance import provenance
from ood_bench.data.reading import quiet_decoders
from ood_bench.data.shape import Shape
from ood_bench.data.sources import SearchRoots
from ood_bench.data.sources.hub import hub_cache
from ood_bench.data.tally import ReadingCounts
from ood_bench.data.transform import Fitted, applied, cropped, fit_shape
from ood_bench.errors import DataError
from ood_bench.hashing import digest

MEMORY = 1 << 30  # bytes of decoded images that are cached


class Library:
    """Finds, decodes and caches data sets; the interface for all other modules.

    Args:
        root: The data root, or None.
        index: Folder of the cached digests of decoded data sets, or None.
        remember: Whether to add new digests to that cache.
        fresh: Whether to decode everything again and ignore the cache.
        embedded: Whether to use the bundled subsets instead of the full data sets.
        hub: Whether to look in the cache of the Hugging Face hub; nothing is downloaded.
        entries: The catalogue.
    """

    def __init__(
        self,
        *,
        root: Path | None,
        index: Path | None,
        remember: bool = True,
        fresh: bool = False,
        embedded: bool = False,
        hub: bool = True,
        entries: Mapping[str, Entry] | None = None,
    ) -> None:
        self.roots = SearchRoots(root, hub_cache() if hub else None)
        self.embedded = embedded
        self.entries = catalogue() if entries is None else entries
        self.remember = remember
        self.fresh = fresh
        self._index = Index(index)
        self._located: dict[str, Located] = {}
        self._memory: OrderedDict[str, tuple[Images, Record]] = OrderedDict()

    def __reduce__(self) -> tuple[Callable[[], "Library"], tuple[()]]:
        """Pickle only the arguments; another process decodes its own images."""
        again = partial(
            Library,
            root=self.roots.root,
            index=self._index.folder,
            remember=self.remember,
            fresh=self.fresh,
            embedded=self.embedded,
            hub=self.roots.hub is not None,
            entries=dict(self.entries),
        )
        return again, ()

    def missing(self, name: str, options: DataOptions) -> str | None:
        """Return None if the data set is available, otherwise one line on how to get it.

        Raises:
            DataError: If the name or an option is unknown, or the files are inconsistent.
        """
        return self._locate(name, options).missing

    def splits(self, name: str, options: DataOptions) -> tuple[str, ...]:
        """Return the available splits of the source: `train`, `test` or `all`.

        `train` is left out if the suite scores it as test.
        """
        return self._at_hand(name, options).splits

    def shape(self, name: str, options: DataOptions) -> Shape:
        """Return the native shape of an image, after the transform's crop.

        Raises:
            DataError: If images differ in size, or take any shape.
        """
        located = self._at_hand(name, options)
        if not located.sized:
            reason = "takes any shape" if located.generated else "has images of many sizes"
            raise DataError(f"'{name}' {reason}; give the pair a `shape`")
        split = located.sources(located.splits[0])[0]
        with quiet_decoders():
            native = _native(located, split)
        channels, height, width = cropped(located.transform, native)
        fixed = {"gray": 1, "rgb": 3}.get(located.transform.channels or "")
        return Shape(fixed or channels, height, width)

    def info(
        self, name: str, options: DataOptions, split: str, shape: Shape | None = None
    ) -> ImagesInfo:
        """Return the provenance of a split; it is decoded only if it is not in the index.

        Args:
            name: The data set's name in the suite.
            options: Its options in the suite.
            split: `train` or `test`, or another split of the source.
            shape: The target shape; default: the native one.

        Raises:
            DataError: If the images are unavailable in that shape.
        """
        located = self._at_hand(name, options)
        target = shape or self.shape(name, options)
        source_split = located.source_split(split)
        key = self._key(located, source_split, target)
        record = self._memory[key][1] if key in self._memory else self._remembered(key)
        if record is None:
            record = self._load(located, source_split, target)[1]
        return provenance(located, split, source_split, target, record)

    def whole(self, digest: str) -> Whole | None:
        """Return the published training split that begins with the images of a digest.

        None if the catalogue knows none. Only untransformed images are recognised.
        """
        for entry in self.entries.values():
            if entry.first_of and entry.digests.get("train") == digest:
                of = self.entries[entry.first_of]
                return Whole(of.digests["train"], of.counts["train"])
        return None

    def transform(self, name: str, options: DataOptions) -> Transform:
        """Return the transform of a data set."""
        return self._at_hand(name, options).transform

    def load(self, name: str, options: DataOptions, split: str, shape: Shape) -> Images:
        """Return the images of a split in a shape; the arguments are those of `info`.

        The arrays are shared between callers, who must not write to them.

        Raises:
            DataError: If the images are unavailable in that shape.
        """
        located = self._at_hand(name, options)
        return self._load(located, located.source_split(split), shape)[0]

    def again(self) -> "Library":
        """Return a new library with the same arguments and an empty cache."""
        make, _ = self.__reduce__()
        return make()

    def _remembered(self, key: str) -> Record | None:
        return None if self.fresh else self._index.get(key)

    def _locate(self, name: str, options: DataOptions) -> Located:
        key = f"{name} {options.model_dump_json()}"
        if key not in self._located:
            self._located[key] = locate(
                name, options, self.roots, self.entries, embedded=self.embedded
            )
        return self._located[key]

    def _at_hand(self, name: str, options: DataOptions) -> Located:
        located = self._locate(name, options)
        if located.missing:
            raise DataError(located.missing)
        return located

    def _key(self, located: Located, split: str, target: Shape) -> str:
        request = {
            "entry": located.entry.name if located.entry else None,
            "options": located.options.model_dump(mode="json", exclude_defaults=True),
            "transform": located.transform.model_dump(mode="json", exclude_defaults=True),
            "split": split,
            "shape": list(target),
        }
        if located.generated:
            return digest(request)
        return index_key(located.files(split), source=located.title(split), **request)

    def _load(self, located: Located, split: str, target: Shape) -> tuple[Images, Record]:
        key = self._key(located, split, target)
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        lasting = self.remember and not located.generated and settled(located.files(split))
        loaded = _decode(located, split, target)
        for name in sorted(loaded, key=split.__eq__):  # the most recently used is evicted last
            known = self._key(located, name, target)
            if lasting:
                self._index.put(known, loaded[name][1])
            self._memory[known] = loaded[name]
        while len(self._memory) > 1 and self._bytes() > MEMORY:
            self._memory.popitem(last=False)
        return loaded[split]

    def _bytes(self) -> int:
        return sum(images.pixels.nbytes for images, _ in self._memory.values())


def _decode(located: Located, split: str, target: Shape) -> dict[str, tuple[Images, Record]]:
    """Return the images of a split; of a set divided by content, those of both splits."""
    if located.entry and located.entry.generate:
        pixels = located.entry.generate(located.options, split, target)
        images = Images(pixels, None, content_digest(pixels))
        return {split: (images, Record(len(pixels), images.digest, target))}
    if located.division:
        return _divided(located, located.division, target)
    part = _fitted(located, split, target, located.options.limit_of(split))
    tally = part.fitted.tally
    found = _recorded(part.fitted.pixels, part.labels, part.fitted.native)
    record = replace(found[1], done=tally.done, left_out=tally.left_out)
    return {split: (found[0], record)}


def _divided(
    located: Located, division: Division, target: Shape
) -> dict[str, tuple[Images, Record]]:
    """Divide all images of a source into training and test images."""
    parts = [_fitted(located, split, target, None) for split in located.sources("train")]
    with quiet_decoders():
        known = [
            content
            for part in parts
            for content in contents(part.pictures, located.transform, seed=division.seed)
        ]
    pixels = np.concatenate([part.fitted.pixels for part in parts])
    classes = [part.labels for part in parts if part.labels is not None]
    labels = np.concatenate(classes) if len(classes) == len(parts) else None
    natives = {part.fitted.native for part in parts}
    native = natives.pop() if len(natives) == 1 else None
    left_out = sum((Counter(part.fitted.tally.left_out) for part in parts), Counter[str]())
    order = [0] * len(pixels) if labels is None else labels.tolist()
    hashes = [content.hash for content in known]
    found = {}
    for side, rows in divide(hashes, order, division, name=located.name).items():
        kept = rows[: located.options.limit_of(side)]
        done = Counter(text for row in kept for text in known[row].done)
        images, record = _recorded(pixels[kept], None if labels is None else labels[kept], native)
        found[side] = images, replace(record, done=done, left_out=left_out)
    return found


class _Part(NamedTuple):
    """A split of a source: its raw images, the transformed ones, and their classes."""

    pictures: Pictures
    fitted: Fitted
    labels: Labels


def _fitted(located: Located, split: str, target: Shape, limit: int | None) -> _Part:
    pictures = located.read(split, limit)
    on_bad = located.options.on_bad
    with quiet_decoders():
        fitted = fit_shape(pictures, located.transform, target, name=located.name, on_bad=on_bad)
    if located.options.corruption:
        fitted = fitted._replace(pixels=corrupted(fitted.pixels, located.options.corruption))
    labels = pictures.labels
    if labels is not None and fitted.tally.bad:
        labels = np.delete(labels, list(fitted.tally.bad))
    return _Part(pictures, fitted, labels)


def _recorded(
    pixels: NDArray[np.uint8], classes: Labels, native: Shape | None
) -> tuple[Images, Record]:
    images = Images(pixels, classes, content_digest(pixels))
    labels, count = "", 0
    if classes is not None and classes.min() >= 0:  # −1 marks unpublished labels
        labels = digest({"labels": classes.tolist()})
        count = int(classes.max()) + 1
    return images, Record(len(pixels), images.digest, native, labels, count)


def _native(located: Located, split: str) -> Shape:
    """Return the shape of the first readable image."""
    sixteen_bit = located.transform.sixteen_bit
    with suppress(BadImageError):
        return native_shape(located.read(split, 1), sixteen_bit)
    pictures = located.read(split, located.options.limit_of(split))
    tally = ReadingCounts(located.name, pictures.count, located.options.on_bad)
    as_is = Transform(sixteen_bit=sixteen_bit)
    for row, image in enumerate(applied(pictures, as_is, Shape(1, 1, 1))):
        if not isinstance(image, BadImageError):
            return image.native
        tally.leave_out(row, image)
    raise tally.error()
