"""Locate the files of a data set from its options in a suite."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ood_bench.data.entry import Entry
from ood_bench.data.options import DataOptions, Division, Transform
from ood_bench.data.pictures import Decoded, Pictures
from ood_bench.data.reading import error_in_words
from ood_bench.data.shape import Shape
from ood_bench.data.sources import Found, SearchRoots
from ood_bench.data.sources.folder import own_folder
from ood_bench.data.sources.hub import Hub
from ood_bench.data.sources.npz import own_npz
from ood_bench.data.sources.shards import parquet_files
from ood_bench.data.sources.tabular import Columns, tables
from ood_bench.errors import DataError, did_you_mean

TRAIN_AND_TEST = ("train", "test")
_READ = ("split", "limit", "on_bad", "transform", "corruption")  # options of sets that are read


@dataclass(frozen=True)
class Located:
    """A data set of a suite and its location.

    Attributes:
        name: Its name in the suite.
        options: Its options in the suite.
        entry: Its catalogue entry; None for the user's own source.
        transform: The transform of every image.
        found: The sources that have it. A split is read from the first one that has it.
        missing: One line on how to get it, if it is unavailable.
        stands_in_for: The entry that the suite asked for, if an embedded subset replaces it.
    """

    name: str
    options: DataOptions
    entry: Entry | None
    transform: Transform
    found: tuple[Found, ...] = ()
    missing: str | None = None
    stands_in_for: Entry | None = None

    @property
    def generated(self) -> bool:
        """Whether the images are computed."""
        return self.entry is not None and self.entry.generate is not None

    @property
    def sized(self) -> bool:
        """Whether all images natively have one size."""
        return self.entry is None or self.entry.shape is not None

    @property
    def division(self) -> Division | None:
        """The division of its images by content; None if its own splits are read."""
        return self.options.split if isinstance(self.options.split, Division) else None

    @property
    def splits(self) -> tuple[str, ...]:
        """The available splits, `train` and `test` first, without one that is scored as test."""
        if self.generated or self.division:
            return TRAIN_AND_TEST
        return tuple(
            split for split in self._sources() if split != "train" or self.options.split != "train"
        )

    def sources(self, split: str) -> tuple[str, ...]:
        """Return the splits of the source from which a split is read."""
        return self._sources() if self.division else (split,)

    def _sources(self) -> tuple[str, ...]:
        names = {split for found in self.found for split in found.files}
        return tuple(sorted(names, key=lambda split: (split != "train", split != "test", split)))

    def source_split(self, split: str) -> str:
        """Return the split of the source that is read as `train` or `test`.

        Raises:
            DataError: If it is not available, or `train` is the one that is scored as test.
        """
        at_hand = self.splits
        wanted = split
        if split == "test" and not self.generated and not self.division:
            instead = "all" if "test" not in at_hand and "all" in at_hand else "test"
            wanted = str(self.options.split or instead)
        if wanted in at_hand or (wanted == self.options.split == "train" and split == "test"):
            return wanted
        raise DataError(
            f"'{self.name}' has no split '{wanted}' here; there is {', '.join(at_hand)}"
        )

    def _found(self, split: str) -> Found:
        for found in self.found:
            if split in found.files:
                return found
        raise DataError(f"'{self.name}' has no split '{split}' here")

    def title(self, split: str) -> str:
        """Return where a split was found, in words."""
        if self.generated:
            return "generated"
        return ", ".join(dict.fromkeys(self._found(one).title for one in self.sources(split)))

    def files(self, split: str) -> tuple[Path, ...]:
        """Return the files of a split."""
        return tuple(path for one in self.sources(split) for path in self._found(one).files[one])

    def left_out(self, split: str) -> Mapping[str, int]:
        """Return the number of ignored files beside those of a split, by reason."""
        if self.generated:
            return {}
        counts = (Counter(self._found(one).left_out.get(one, {})) for one in self.sources(split))
        return sum(counts, Counter[str]())

    def remark(self, split: str) -> str:
        """Return a remark on the files of a split; may be empty."""
        if self.generated:
            return ""
        remarks = (self._found(one).remarks.get(one, "") for one in self.sources(split))
        return "; ".join(dict.fromkeys(filter(None, remarks)))

    def read(self, split: str, limit: int | None) -> Pictures:
        """Return the images of a split, optionally at most a given number.

        Raises:
            DataError: If the split is empty, or its files cannot be read.
        """
        pictures = self._found(split).read(split, limit)
        if not pictures.count:
            raise DataError(f"'{self.name}': its split '{split}' is empty")
        if isinstance(pictures, Decoded) and not pictures.pixels.size:
            shape = Shape(*pictures.pixels.shape[1:])
            raise DataError(f"'{self.name}': its images are {shape} and have no pixels")
        return pictures


def locate(
    name: str,
    options: DataOptions,
    roots: SearchRoots,
    entries: Mapping[str, Entry],
    *,
    embedded: bool,
) -> Located:
    """Find a data set without decoding any of it.

    Args:
        name: The data set's name in the suite.
        options: Its options in the suite.
        roots: Where to look.
        entries: The catalogue.
        embedded: Whether to use a bundled subset instead of the full data set.

    Raises:
        DataError: If the name or an option is unknown, or the files are inconsistent.
    """
    if options.own:
        return _own(name, options, roots)
    asked = options.use or name
    if asked not in entries:
        raise DataError(f"unknown data set '{asked}'{did_you_mean(asked, entries)}")
    entry = entries[asked]
    _check_options(name, options, entry)
    stands_in_for = entry if embedded and entry.embedded else None
    if embedded and entry.embedded:
        entry = entries[entry.embedded]
    transform = entry.transform if options.transform is None else options.transform
    every = (source.find(entry.name, roots) for source in entry.sources)
    found = tuple(one for one in every if one)
    missing = None if found or entry.generate else _missing(name, entry, roots)
    return Located(name, options, entry, transform, found, missing, stands_in_for)


def _check_options(name: str, options: DataOptions, entry: Entry) -> None:
    given = {
        option
        for option in (*_READ, "level", "colour", "count", "seed")
        if getattr(options, option) != DataOptions.model_fields[option].default
    }
    allowed = set(entry.takes if entry.generate else _READ)
    for option in sorted(given - allowed):
        raise DataError(
            f"'{name}': '{entry.name}' does not take `{option}`; "
            f"it takes {', '.join(sorted(allowed))}"
        )


def _missing(name: str, entry: Entry, roots: SearchRoots) -> str:
    root = roots.root or "DIR"
    how = "" if roots.root else " and say --data DIR or OOD_BENCH_DATA=DIR"
    ways = [f"put it at {root}/{entry.name}/<split>-*.parquet{how}"]
    if entry.hub:
        ways.append(f"run `ood-bench data fetch {entry.name}`")
    if entry.embedded:
        ways.append(f"run with --embedded, which takes {entry.embedded}")
    else:
        ways.append(f"name your own copy, datasets.{name}: {{folder: PATH}}, or npz, parquet, hub")
    return f"'{name}' is not available; {'; or '.join(ways)}"


def _own(name: str, options: DataOptions, roots: SearchRoots) -> Located:
    transform = options.transform or Transform()
    for option in ("level", "colour", "count", "seed"):
        if getattr(options, option) is not None:
            raise DataError(f"'{name}': a {options.own} does not take `{option}`")
    path = options.folder or options.npz or options.parquet
    try:
        if path is not None and not path.expanduser().exists():
            line = f"'{name}' is not available; there is nothing at {path}"
            return Located(name, options, None, transform, missing=line)
        found = _own_source(options, roots)
    except (OSError, RuntimeError, ValueError) as error:  # no permission, '~nobody', a NUL
        raise DataError(f"'{name}': {path}: cannot be read: {error_in_words(error)}") from error
    if found is None:
        line = (
            f"'{name}' is not available; '{options.hub}' is not in the hub's cache at {roots.hub}; "
            f'fetch it once with datasets.load_dataset("{options.hub}")'
        )
        return Located(name, options, None, transform, missing=line)
    if not found.files:
        raise DataError(f"'{name}': {path} holds no images")
    return Located(name, options, None, transform, (found,))


def _own_source(options: DataOptions, roots: SearchRoots) -> Found | None:
    columns = Columns(options.image_column or "image", options.label_column)
    if options.folder:
        return own_folder(options.folder.expanduser(), on_bad=options.on_bad)
    if options.npz:
        return own_npz(options.npz.expanduser())
    if options.parquet:
        path = options.parquet.expanduser()
        if not path.is_dir() and not path.is_file():
            raise DataError(f"{path}: neither a Parquet file nor a folder of such")
        files = parquet_files(path) if path.is_dir() else {"all": (path,)}
        return tables("Parquet", files, columns)
    return Hub(options.hub or "", columns, options.config).find("", roots)
