"""The data sets at hand, by name: what they are, and their images."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ood_bench.data.catalogue import catalogue
from ood_bench.data.division import content_hashes, divide
from ood_bench.data.entry import Entry
from ood_bench.data.images import Images, ImagesInfo, content_digest
from ood_bench.data.index import Index, Record, index_key, settled
from ood_bench.data.locate import Located, locate
from ood_bench.data.options import DataOptions, Transform
from ood_bench.data.pictures import Labels, native_shape
from ood_bench.data.provenance import provenance
from ood_bench.data.reading import quiet_decoders
from ood_bench.data.shape import Shape
from ood_bench.data.sources import Place
from ood_bench.data.sources.hub import hub_cache
from ood_bench.data.transform import cropped, fit
from ood_bench.errors import DataError
from ood_bench.hashing import digest

MEMORY = 1 << 30  # bytes of decoded images kept for the next one who asks


class Library:
    """Finds, decodes and remembers data sets; all that the rest of the program asks.

    Args:
        root: The data root, or None.
        index: Folder in which the digests of decoded sets are remembered, or None.
        remember: Whether digests of what is decoded now go there too.
        fresh: Whether all is decoded again, whatever is remembered there.
        embedded: Whether the subsets in the wheel stand in for the sets that have one.
        hub: Whether to look into the cache of the Hugging Face hub; nothing is downloaded.
        entries: The data sets known by name.
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
        self.place = Place(root, hub_cache() if hub else None)
        self.embedded = embedded
        self.entries = catalogue() if entries is None else entries
        self.remember = remember
        self.fresh = fresh
        self._index = Index(index)
        self._located: dict[str, Located] = {}
        self._memory: OrderedDict[str, tuple[Images, Record]] = OrderedDict()

    def __reduce__(self) -> tuple[Callable[[], "Library"], tuple[()]]:
        """Pickle the arguments alone: another process decodes what it asks for."""
        again = partial(
            Library,
            root=self.place.root,
            index=self._index.folder,
            remember=self.remember,
            fresh=self.fresh,
            embedded=self.embedded,
            hub=self.place.hub is not None,
            entries=dict(self.entries),
        )
        return again, ()

    def missing(self, name: str, options: DataOptions) -> str | None:
        """Return None if the data set is at hand, else one line on the ways to get it.

        Raises:
            DataError: If the name or an option is unknown, or what is there cannot be right.
        """
        return self._locate(name, options).missing

    def splits(self, name: str, options: DataOptions) -> tuple[str, ...]:
        """Return the source's splits at hand: `train`, `test` or `all`.

        `train` is left out where the suite has it scored as test.
        """
        return self._at_hand(name, options).splits

    def shape(self, name: str, options: DataOptions) -> Shape:
        """Return the shape of an image as the source has it, after the transform's crop.

        Raises:
            DataError: If images differ in size, or take any shape.
        """
        located = self._at_hand(name, options)
        if not located.sized:
            reason = "takes any shape" if located.generated else "has images of many sizes"
            raise DataError(f"'{name}' {reason}; say which with `shape` beside the pair's inside")
        split = located.sources(located.splits[0])[0]
        with quiet_decoders():
            native = native_shape(located.read(split, 1))
        channels, height, width = cropped(located.transform, native)
        fixed = {"gray": 1, "rgb": 3}.get(located.transform.channels or "")
        return Shape(fixed or channels, height, width)

    def info(
        self, name: str, options: DataOptions, split: str, shape: Shape | None = None
    ) -> ImagesInfo:
        """Return the provenance of a split; decodes it only if the index does not know it.

        Args:
            name: The data set's name in the suite.
            options: What the suite says about it.
            split: `train` or `test`, or another name that the source has.
            shape: The shape that is wanted; the source's own unless given.

        Raises:
            DataError: If the images cannot be had in that shape.
        """
        located = self._at_hand(name, options)
        target = shape or self.shape(name, options)
        source_split = located.source_split(split)
        key = self._key(located, source_split, target)
        record = self._memory[key][1] if key in self._memory else self._remembered(key)
        if record is None:
            record = self._load(located, source_split, target)[1]
        return provenance(located, split, source_split, target, record)

    def transform(self, name: str, options: DataOptions) -> Transform:
        """Return what is done to every image of a data set."""
        return self._at_hand(name, options).transform

    def load(self, name: str, options: DataOptions, split: str, shape: Shape) -> Images:
        """Return the images of a split in a shape; the arguments are those of `info`.

        The arrays are shared by all who ask; nobody writes to them.

        Raises:
            DataError: If the images cannot be had in that shape.
        """
        located = self._at_hand(name, options)
        return self._load(located, located.source_split(split), shape)[0]

    def again(self) -> "Library":
        """Return a library of the same data sets that has not read any of them yet."""
        make, _ = self.__reduce__()
        return make()

    def _remembered(self, key: str) -> Record | None:
        return None if self.fresh else self._index.get(key)

    def _locate(self, name: str, options: DataOptions) -> Located:
        key = f"{name} {options.model_dump_json()}"
        if key not in self._located:
            self._located[key] = locate(
                name, options, self.place, self.entries, embedded=self.embedded
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
            "options": located.options.model_dump(mode="json"),
            "transform": located.transform.model_dump(mode="json"),
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
        for name in sorted(loaded, key=split.__eq__):  # the one that is asked for is kept longest
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
    """Return the images of a split; of a set that is divided by content those of both splits."""
    if located.entry and located.entry.generate:
        pixels = located.entry.generate(located.options, split, target)
        images = Images(pixels, None, content_digest(pixels))
        return {split: (images, Record(len(pixels), images.digest, target))}
    limit = None if located.division else located.options.limit
    parts, fitted = [], []
    for source in located.sources(split):
        parts.append(located.read(source, limit))
        with quiet_decoders():
            fitted.append(fit(parts[-1], located.transform, target, name=located.name))
    natives = {one.native for one in fitted}
    native = natives.pop() if len(natives) == 1 else None
    if located.division is None:
        return {split: _recorded(fitted[0].pixels, parts[0].labels, native)}
    with quiet_decoders():
        transform, seed = located.transform, located.division.seed
        hashes = [one for part in parts for one in content_hashes(part, transform, seed=seed)]
    pixels = np.concatenate([one.pixels for one in fitted])
    known = [part.labels for part in parts if part.labels is not None]
    labels = np.concatenate(known) if len(known) == len(parts) else None
    order = np.zeros(len(pixels), np.int64) if labels is None else labels
    sides = divide(hashes, order.tolist(), located.division, name=located.name)
    found = {}
    for side, rows in sides.items():
        kept = rows[: located.options.limit]
        found[side] = _recorded(pixels[kept], None if labels is None else labels[kept], native)
    return found


def _recorded(
    pixels: NDArray[np.uint8], classes: Labels, native: Shape | None
) -> tuple[Images, Record]:
    images = Images(pixels, classes, content_digest(pixels))
    labels, count = "", 0
    if classes is not None and classes.min() >= 0:  # −1 where it is kept secret
        labels = digest({"labels": classes.tolist()})
        count = int(classes.max()) + 1
    return images, Record(len(pixels), images.digest, native, labels, count)
