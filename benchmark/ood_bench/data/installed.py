"""The catalogue with data sets of other packages, which are imported on first use."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint

from ood_bench.data.entry import Entry
from ood_bench.errors import DataError, raised

GROUP = "ood_bench.datasets"
"""The group of entry points; each refers to an `Entry` of the same name."""


class Catalogue(Mapping[str, Entry]):
    """Data sets by name: those of ood-bench and of installed packages.

    Args:
        own: Those of ood-bench.
        points: Entry points of the group `ood_bench.datasets`.
    """

    def __init__(self, own: Iterable[Entry], points: Iterable[EntryPoint] = ()) -> None:
        self._own = {entry.name: entry for entry in own}
        self._points: dict[str, list[EntryPoint]] = {}
        for point in points:
            self._points.setdefault(point.name, []).append(point)

    def __getitem__(self, name: str) -> Entry:
        """Return an entry.

        Raises:
            DataError: If two packages offer it, it does not import, or it is not an `Entry`.
        """
        points = self._points.get(name, [])
        if name in self._own and not points:
            return self._own[name]
        if not points:
            raise KeyError(name)
        if len(points) > 1 or name in self._own:
            offers = [*(["ood-bench"] if name in self._own else []), *(p.value for p in points)]
            raise DataError(f"two packages offer a data set '{name}': {' and '.join(offers)}")
        (point,) = points
        try:
            entry = point.load()
        except Exception as error:
            raise DataError(
                f"data set '{name}' ({point.value}) does not import: {raised(error)}"
            ) from error
        if not isinstance(entry, Entry) or entry.name != name:
            raise DataError(
                f"data set '{name}' ({point.value}) is no ood_bench.data.Entry of that name"
            )
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter({**self._own, **self._points})

    def __len__(self) -> int:
        return len({**self._own, **self._points})

    def package(self, name: str) -> str:
        """Return the module or package that a data set comes from."""
        points = self._points.get(name)
        return points[0].value.partition(":")[0].partition(".")[0] if points else "ood_bench"
