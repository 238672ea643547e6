"""Which training of a run is meant: what it was trained on, and its seed."""

from collections.abc import Iterable

from ood_bench.cells import RecordedCell
from ood_bench.errors import OodBenchError


def training_of(cell: RecordedCell) -> tuple[str, int]:
    """Return what tells the trainings of a model apart."""
    return cell.at.inside, cell.at.seed


def sides_of(cell: RecordedCell) -> tuple[str, str]:
    """Return the inside and the outside data set of a cell."""
    return cell.at.inside, cell.at.outside


def one_training(
    places: Iterable[tuple[str, int]], what: str, inside: str | None, seed: int | None
) -> tuple[str, int]:
    """Return the one training that is meant, by what it was trained on and its seed."""
    found = dict.fromkeys(
        place
        for place in places
        if (inside is None or place[0] == inside) and (seed is None or place[1] == seed)
    )
    if not found:
        raise OodBenchError(f"the run has no {what}, inside={inside!r}, seed={seed!r}")
    if len(found) > 1:
        named = " or ".join(f"inside={name!r}, seed={number}" for name, number in found)
        raise OodBenchError(f"the run has several {what}: say {named}")
    return next(iter(found))
