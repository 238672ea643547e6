"""Waves: the bundles that are submitted together, those with and without a GPU apart."""

from collections.abc import Collection, Sequence
from typing import TypeAlias

from ood_bench.plan import Bundle

Wave: TypeAlias = tuple[tuple[Bundle, ...], ...]
"""Job arrays that are submitted together: bundles that want a GPU, and bundles that do not."""


def arrays_of(bundles: Sequence[Bundle], finished: Collection[str]) -> tuple[Wave, ...]:
    """Return the waves of bundles that are not finished, in the order of submission.

    Args:
        bundles: The bundles of a plan.
        finished: Keys of finished cells.
    """
    left = [one for one in bundles if any(cell.key not in finished for cell in one.cells)]
    waves = []
    for number in sorted({one.wave for one in left}):
        own = [one for one in left if one.wave == number]
        kinds = (tuple(one for one in own if one.gpu is gpu) for gpu in (True, False))
        waves.append(tuple(kind for kind in kinds if kind))
    return tuple(waves)
