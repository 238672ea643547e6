"""Find the numbers of a run that depend on an untrained model."""

from collections.abc import Iterable

from ood_bench.cells import Cells
from ood_bench.results import TrainingCard, why_untrained


class Untrained:
    """Finds the untrained models that a finished cell depends on.

    Args:
        store: The store of the run's cells.
        cards: The finished trainings of the run, with their keys.
    """

    def __init__(self, store: Cells, cards: Iterable[tuple[str, TrainingCard]]) -> None:
        self._store = store
        self._known: dict[str, tuple[str, ...]] = {}
        for key, card in cards:
            if reason := why_untrained(card):
                self._known[key] = (*self._known.get(key, ()), reason)
        self._none = not self._known

    def note(self, key: str) -> str:
        """Return the note on a cell; empty if all models that it depends on are trained."""
        return "" if self._none else "; ".join(self._of(key))

    def _of(self, key: str) -> tuple[str, ...]:
        if key not in self._known:
            inputs = self._store.inputs(key) if self._store.has(key) else {}
            found = (reason for other in inputs.values() for reason in self._of(other))
            self._known[key] = tuple(dict.fromkeys(found))
        return self._known[key]
