"""Bundles: the cells of a plan that travel together to another machine."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from ood_bench.cells import Cell
from ood_bench.hashing import digest

Inputs: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Bundle:
    """Cells that one process computes, one after the other.

    Attributes:
        cells: The cells, each after its inputs.
        needs: Places of the bundles, in the same sequence, that must be finished first.
        wave: Length of the longest chain of bundles that must be finished first.
    """

    cells: tuple[Cell, ...]
    needs: tuple[int, ...]
    wave: int

    @property
    def training(self) -> Cell | None:
        """The first training among the cells; None if there is none."""
        return next((cell for cell in self.cells if cell.kind == "train"), None)

    @property
    def name(self) -> str:
        """The name of the training, otherwise that of the first cell."""
        return (self.training or self.cells[0]).name

    @cached_property
    def gpu(self) -> bool:
        """Whether a GPU is of use: a cell trains or calls a model."""
        return any(cell.spec.calls_model for cell in self.cells)

    @cached_property
    def key(self) -> str:
        """Digest of the keys of its cells."""
        return digest(sorted(cell.key for cell in self.cells))


def bundles_of(cells: Sequence[Cell], *, stored: Collection[str] = ()) -> tuple[Bundle, ...]:
    """Cut a plan into bundles: one for each training, some before them and some after.

    The bundle of a training has all cells that need no other training. Cells that need several
    trainings, such as ensembles, are in later bundles, together if a chain of inputs connects
    them. A cell that needs no training, such as a statistic of images alone, is in the bundle that
    needs it if there is only one, otherwise in an earlier bundle. Cells without a training that no
    other cell needs, such as audits, are a bundle together.

    Time and memory are linear in the number of cells and inputs, apart from sorting.

    Args:
        cells: The cells, each after its inputs.
        stored: Keys of finished cells, which are in no bundle.

    Returns:
        The bundles by wave, each after those that it needs.
    """
    left = {cell.key: cell for cell in cells if cell.key not in stored}
    inputs = {
        key: [need for need in cell.inputs.values() if need in left] for key, cell in left.items()
    }
    spans = _spans(_trainings(cells), inputs)
    members: dict[_Span, list[str]] = defaultdict(list)
    for key in left:
        members[spans[key]].append(key)
    needs = {
        span: {spans[need] for key in keys for need in inputs[key]} - {span}
        for span, keys in members.items()
    }
    waves: dict[_Span, int] = {}
    for span in sorted(members, key=_Span.rank):
        waves[span] = max((waves[need] + 1 for need in needs[span]), default=0)
    order = sorted(members, key=lambda span: waves[span])
    places = {span: place for place, span in enumerate(order)}
    return tuple(
        Bundle(
            tuple(left[key] for key in members[span]),
            tuple(sorted(places[need] for need in needs[span])),
            waves[span],
        )
        for span in order
    )


class _Span(NamedTuple):
    """First and last owner among those that need a cell; cells with the same span are a bundle.

    An owner is a training, a group of cells that need several, or the cells that nobody needs. A
    cell's inputs are needed by whoever needs the cell, so their spans contain its own. This order
    makes the bundles acyclic.

    Attributes:
        first: The number of the first owner.
        last: The number of the last owner.
        joint: Whether the only owner needs several trainings.
    """

    first: int
    last: int
    joint: bool

    def rank(self) -> tuple[int, bool]:
        """Sort spans so that each stands after those that it may need."""
        return self.first - self.last, self.joint


def _trainings(cells: Sequence[Cell]) -> dict[str, str | None]:
    """Return the training that each cell needs or is, None for several; others have no entry."""
    found: dict[str, str | None] = {}
    for cell in cells:
        own = {found[key] for key in cell.inputs.values() if key in found}
        if cell.kind == "train":
            own.add(cell.key)
        if own:
            found[cell.key] = own.pop() if len(own) == 1 else None
    return found


def _spans(trainings: Mapping[str, str | None], inputs: Inputs) -> dict[str, _Span]:
    """Return the span of each cell.

    Args:
        trainings: The training of each cell that needs one, None for several.
        inputs: The inputs of each cell, in topological order.
    """
    groups = _connected(
        {key: need for key, need in inputs.items() if trainings.get(key, "") is None}
    )
    numbers: dict[str, int] = {}
    owned: dict[str, _Span] = {}
    for key in inputs:
        if key in trainings:
            training = trainings[key]
            owner = groups[key] if training is None else training
            number = numbers.setdefault(f"{training is None}{owner}", len(numbers))
            owned[key] = _Span(number, number, training is None)
    nobody = _Span(len(numbers), len(numbers), False)
    found: dict[str, _Span] = {}
    for key in reversed(list(inputs)):
        span = found[key] = owned.get(key) or found.get(key, nobody)
        for need in inputs[key]:
            other = found.get(need)
            found[need] = span if other is None else _both(span, other)
    return found


def _both(one: _Span, other: _Span) -> _Span:
    if one == other:
        return one
    return _Span(min(one.first, other.first), max(one.last, other.last), False)


def _connected(inputs: Inputs) -> dict[str, str]:
    """Return for each cell one that stands for all cells connected with it by inputs."""
    above = {key: key for key in inputs}

    def root(key: str) -> str:
        while above[key] != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for key, needs in inputs.items():
        for need in needs:
            if need in above:
                above[root(need)] = root(key)
    return {key: root(key) for key in inputs}
