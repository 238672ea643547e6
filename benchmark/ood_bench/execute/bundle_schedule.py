"""Schedule of bundles: which can be submitted next, with several in progress."""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from ood_bench.plan import Bundle


class BundleSchedule:
    """The bundles of a plan, handed out in their order once those that they need have ended.

    Args:
        bundles: The bundles, each after those that it needs.
    """

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        self._bundles = bundles
        self._needed_by: dict[int, list[int]] = defaultdict(list)
        for place, one in enumerate(bundles):
            for need in one.needs:
                self._needed_by[need].append(place)
        self._waits_for = [len(one.needs) for one in bundles]
        self._ready = [place for place, count in enumerate(self._waits_for) if not count]
        heapify(self._ready)

    def __bool__(self) -> bool:
        """Return whether a bundle can be taken."""
        return bool(self._ready)

    def take(self) -> tuple[int, Bundle]:
        """Return the first bundle that can be submitted, and its place; it is not returned again.

        Raises:
            IndexError: If there is none.
        """
        place = heappop(self._ready)
        return place, self._bundles[place]

    def end(self, place: int) -> None:
        """Record that all cells of a bundle have an outcome."""
        for other in self._needed_by[place]:
            self._waits_for[other] -= 1
            if not self._waits_for[other]:
                heappush(self._ready, other)
