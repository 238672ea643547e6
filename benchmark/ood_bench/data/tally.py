"""What decoding a split came upon: what was done to its images, and which cannot be read."""

from collections import Counter
from collections.abc import Iterable, Mapping

from ood_bench.data.decoding import BadImageError
from ood_bench.data.options import OnBad
from ood_bench.errors import DataError

MOST = 200
"""Files or images that one message names."""


class ReadingCounts:
    """Counts over one pass.

    Args:
        name: What the images are called in a message.
        count: How many there are.
        on_bad: Whether those that cannot be read are an error, or are left out.
    """

    def __init__(self, name: str, count: int, on_bad: OnBad) -> None:
        self.name = name
        self.count = count
        self.on_bad = on_bad
        self.done: Counter[str] = Counter()
        self.bad: dict[int, BadImageError] = {}

    @property
    def refused(self) -> bool:
        """Whether the pass goes on only to find all that cannot be read."""
        return self.on_bad == "error" and bool(self.bad)

    @property
    def left_out(self) -> dict[str, int]:
        """How many were left out, by reason."""
        return dict(Counter(error.reason for error in self.bad.values()))

    def note(self, done: Iterable[str]) -> None:
        """Count what was done to one image."""
        self.done.update(done)

    def leave_out(self, row: int, error: BadImageError) -> None:
        """Keep the error about one image."""
        self.bad[row] = error

    def check(self) -> None:
        """Refuse what was found, if it is to be refused.

        Raises:
            DataError: If images cannot be read that are not to be left out, or none can be.
        """
        if self.refused or (self.bad and len(self.bad) == self.count):
            raise self.error()

    def error(self) -> DataError:
        """Return the error about all images that cannot be read: a line for each."""
        advice = "" if len(self.bad) == self.count else "`on_bad: skip` leaves {} out"
        if self.on_bad == "skip":
            advice = "and no image is left"
        lines = list(map(str, self.bad.values()))
        head = f"'{self.name}': {len(lines):,} of {self.count:,} images cannot be read"
        return listed(head, lines, advice)


def listed(head: str, lines: list[str], advice: str) -> DataError:
    """Return the error about some of many: one line, or a head and a line for each.

    Args:
        head: What is true of them.
        lines: What is wrong with each.
        advice: What to do, with `{}` for "it" or "them"; may be empty.
    """
    if len(lines) == 1:
        return DataError("; ".join(filter(None, (_flat(lines[0]), advice.format("it")))))
    first = "; ".join(filter(None, (_flat(head), advice.format("them"))))
    each = "".join(f"\n  {_flat(line)}" for line in lines[:MOST])
    more = f"\n  and {len(lines) - MOST:,} more" if len(lines) > MOST else ""
    return DataError(f"{first}:{each}{more}")


def _flat(line: str) -> str:
    return line.replace("\n", "\\n")


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Return counts by reason in words.

    Example:
        >>> counts_in_words({"hidden": 2, "system": 1})
        '2 hidden, 1 system'
    """
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
