"""The number of trainings of a value in words; what its interval covers depends on it."""

from collections.abc import Iterable

ONE = "one training"


def trainings(count: int, *, ensemble: bool = False) -> str:
    """Return the number of trainings of a value in words.

    Args:
        count: Seeds of the model.
        ensemble: Whether each is an ensemble of separately trained members.

    Example:
        >>> trainings(1), trainings(3), trainings(1, ensemble=True)
        ('one training', '3 trainings', 'one training of each member')
    """
    if count == 1:
        return f"{ONE} of each member" if ensemble else ONE
    return f"{count} trainings"


def verdict_in_words(verdict: str, trained: str) -> str:
    """Return a verdict, with the number of trainings if it is one.

    Args:
        verdict: `reproduced`, `not reproduced` or `not run`.
        trained: What `trainings` returned; empty if nothing was measured.

    Example:
        >>> verdict_in_words("not reproduced", "one training")
        'not reproduced by one training'
        >>> verdict_in_words("reproduced", "3 trainings")
        'reproduced'
    """
    return f"{verdict} by {trained}" if trained.startswith(ONE) else verdict


def by_one(remarks: Iterable[str]) -> str:
    """Return " by one training" if all claims come from one training; otherwise empty.

    Args:
        remarks: What `trainings` returned for each, empty if nothing was measured.

    Example:
        >>> by_one(["one training", ""]), by_one(["one training", "3 trainings"])
        (' by one training', '')
    """
    known = [one for one in remarks if one]
    return f" by {ONE}" if known and all(one.startswith(ONE) for one in known) else ""


def without_trainings(note: str) -> str:
    """Return a row's note without the number of trainings.

    Example:
        >>> without_trainings("embedded subset; one training")
        'embedded subset'
    """
    return "; ".join(part for part in note.split("; ") if not part.startswith(ONE))
