"""The data sets at hand, by name: what they are, and their images."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from ood_bench.data.catalogue import catalogue
from ood_bench.data.decoding import BadImageError, native_shape
from ood_bench.data.entry import Entry
from ood_bench.data.images import Images, ImagesInfo, content_digest
from ood_bench.data.index import Index, Record, index_key
from ood_bench.data.locate import Located, locate
from ood_bench.data.options import DataOptions, Transform
from ood_bench.data.provenance import provenance
from ood_bench.data.reading import quiet_decoders
from ood_bench.data.shape import Shape
from ood_bench.data.sources import Place
from ood_bench.data.sources.hub import hub_cache
from ood_bench.data.tally import Tally
from ood_bench.data.transform import applied, cropped, fit
from ood_bench.errors import DataError
from ood_bench.hashing import digest

MEMORY = 1 << 30  # bytes of decoded images kept for the next one who asks


class Library:
    """Finds, decodes and remembers data sets; all that the rest of the program asks.

    Args:
        root: The data root, or None.
        index: Folder in which the digests of decoded sets are remembered, or None.
        remember: Whether digests of what is decoded now go there too.
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
        embedded: bool = False,
        hub: bool = True,
        entries: Mapping[str, Entry] | None = None,
    ) -> None:
        self.place = Place(root, hub_cache() if hub else None)
        self.embedded = embedded
        self.entries = catalogue() if entries is None else entries
        self.remember = remember
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
        split = located.splits[0]
        with quiet_decoders():
            native = _native(located, split)
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
        record = self._memory[key][1] if key in self._memory else self._index.get(key)
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
        loaded = _decode(located, split, target)
        if self.remember and not located.generated:
            self._index.put(key, loaded[1])
        self._memory[key] = loaded
        while len(self._memory) > 1 and self._bytes() > MEMORY:
            self._memory.popitem(last=False)
        return loaded

    def _bytes(self) -> int:
        return sum(images.pixels.nbytes for images, _ in self._memory.values())


def _decode(located: Located, split: str, target: Shape) -> tuple[Images, Record]:
    if located.entry and located.entry.generate:
        pixels = located.entry.generate(located.options, split, target)
        images = Images(pixels, None, content_digest(pixels))
        return images, Record(len(pixels), images.digest, target)
    pictures = located.read(split, located.options.limit)
    with quiet_decoders():
        fitted = fit(
            pictures,
            located.transform,
            target,
            name=located.name,
            on_bad=located.options.on_bad,
        )
    tally, kept = fitted.tally, pictures.labels
    if kept is not None and tally.bad:
        kept = np.delete(kept, list(tally.bad))
    images = Images(fitted.pixels, kept, content_digest(fitted.pixels))
    labels, classes = "", 0
    if kept is not None and kept.min() >= 0:  # −1 where it is kept secret
        labels = digest({"labels": kept.tolist()})
        classes = int(kept.max()) + 1
    count = len(fitted.pixels)
    return images, Record(
        count, images.digest, fitted.native, labels, classes, tally.done, tally.left_out
    )


def _native(located: Located, split: str) -> Shape:
    """Return the shape of the first image that can be read, which as a rule is the first."""
    sixteen_bit = located.transform.sixteen_bit
    with suppress(BadImageError):
        return native_shape(located.read(split, 1), sixteen_bit)
    pictures = located.read(split, located.options.limit)
    tally = Tally(located.name, pictures.count, located.options.on_bad)
    as_is = Transform(sixteen_bit=sixteen_bit)
    for row, image in enumerate(applied(pictures, as_is, Shape(1, 1, 1))):
        if not isinstance(image, BadImageError):
            return image.native
        tally.leave_out(row, image)
    raise tally.error()
