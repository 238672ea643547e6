"""Which numbers of a run rest on a model that is not trained."""

from collections.abc import Iterable

from ood_bench.cells import Cells
from ood_bench.results import TrainingCard, why_untrained


class Untrained:
    """Finds what must be said of a finished cell: which untrained models it was computed with.

    Args:
        store: Where its cells lie.
        cards: Its trainings that are finished, with their keys.
    """

    def __init__(self, store: Cells, cards: Iterable[tuple[str, TrainingCard]]) -> None:
        self._store = store
        self._known: dict[str, tuple[str, ...]] = {}
        for key, card in cards:
            if reason := why_untrained(card):
                self._known[key] = (*self._known.get(key, ()), reason)
        self._none = not self._known

    def note(self, key: str) -> str:
        """Return what to say of a cell; empty where all models it rests on are trained."""
        return "" if self._none else "; ".join(self._of(key))

    def _of(self, key: str) -> tuple[str, ...]:
        if key not in self._known:
            inputs = self._store.inputs(key) if self._store.has(key) else {}
            found = (reason for other in inputs.values() for reason in self._of(other))
            self._known[key] = tuple(dict.fromkeys(found))
        return self._known[key]
