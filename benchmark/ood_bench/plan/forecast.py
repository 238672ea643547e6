"""The time left of a run: what its cells were expected to take, corrected by what they took."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ood_bench.cells import Cell
from ood_bench.cells.train import Train
from ood_bench.plan.estimate import ORDER, steps_of


class Forecast:
    """Follows the cells of a run; times are seconds of one clock.

    The expected time of the cells of a kind is multiplied by the ratio of what finished ones took
    to what they were expected to take. A training in progress counts with what it says itself. One
    of unknown length is taken to be as fast, for each step, as the trainings that are known.

    Args:
        cells: All cells of the run.
        expected: Seconds that each cell to compute is expected to take, by key; None if unknown.
    """

    def __init__(self, cells: Sequence[Cell], expected: Mapping[str, float | None]) -> None:
        self._expected = dict(expected)
        self._pending = {cell.key: cell for cell in cells if cell.key in expected}
        self._began: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._taken: dict[str, float] = defaultdict(float)
        self._foreseen: dict[str, float] = defaultdict(float)
        self._steps: list[float] = []
        self.total = Counter(cell.spec.family for cell in self._pending.values())
        self.done: Counter[str] = Counter()

    @property
    def pending(self) -> int:
        """Number of cells without an outcome."""
        return len(self._pending)

    def begin(self, key: str, now: float) -> None:
        """Note that a cell begins."""
        if key in self._pending:
            self._began.setdefault(key, now)

    def train(self, key: str, seconds_left: float | None, now: float) -> None:
        """Note the progress of a training."""
        self.begin(key, now)
        if key in self._pending and seconds_left is not None:
            self._left[key] = seconds_left

    def end(self, key: str, seconds: float) -> None:
        """Note the outcome of a cell, and the seconds that it took; 0 if it is not known."""
        cell = self._pending.pop(key, None)
        if cell is None:
            return
        self._began.pop(key, None)
        self._left.pop(key, None)
        family, foreseen = cell.spec.family, self._expected[key]
        self.done[family] += 1
        if seconds and foreseen:
            self._taken[family] += seconds
            self._foreseen[family] += foreseen
        if seconds and _steps(cell):
            self._steps.append(seconds / _steps(cell))

    def seconds_left(self, now: float) -> float | None:
        """Return about how long the run still takes; None if that of a training is unknown."""
        own = {key: now - self._began[key] + left for key, left in self._left.items()}
        taken, foreseen, paces = dict(self._taken), dict(self._foreseen), list(self._steps)
        for key, whole in own.items():
            family, expected = self._pending[key].spec.family, self._expected[key]
            if expected:
                taken[family] = taken.get(family, 0.0) + whole
                foreseen[family] = foreseen.get(family, 0.0) + expected
            if _steps(self._pending[key]):
                paces.append(whole / _steps(self._pending[key]))
        each = []
        for key, cell in self._pending.items():
            family, expected = cell.spec.family, self._expected[key]
            if key in self._left:
                each.append(self._left[key])
                continue
            if expected is None:
                if not paces:
                    return None
                whole = sum(paces) / len(paces) * max(1, _steps(cell))
            else:
                whole = expected * (taken[family] / foreseen[family] if family in taken else 1.0)
            passed = now - self._began[key] if key in self._began else 0.0
            each.append(max(0.0, whole - passed))
        return max(sum(each) / max(1, len(self._began)), max(each, default=0.0))

    def __str__(self) -> str:
        """Return how many cells of each kind have an outcome."""
        return ", ".join(
            f"{kind} {self.done[kind]}/{self.total[kind]}" for kind in ORDER if self.total[kind]
        )


def _steps(cell: Cell) -> int:
    return steps_of(cell.spec) if isinstance(cell.spec, Train) else 0
