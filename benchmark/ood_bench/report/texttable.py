"""A table as text with typed columns, which every writer of a report shows."""

from dataclasses import dataclass
from typing import NamedTuple

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: Its heading.
        numeric: Whether its cells are numbers, which are aligned to the right.
    """

    heading: str
    numeric: bool = False


def words(*headings: str) -> tuple[Column, ...]:
    """Return columns of words."""
    return tuple(map(Column, headings))


def numbers(*headings: str) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column(heading, numeric=True) for heading in headings)


@dataclass(frozen=True)
class TextTable:
    """Columns, rows and footnotes.

    Attributes:
        columns: The columns' headings and types.
        rows: Cells, as many in each row as there are columns.
        footnotes: Each begins with the mark that stands in the cells it is about.
        gray: Places of rows to show in gray, such as those of models that are not trained.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...] = ()
    gray: frozenset[int] = frozenset()

    @property
    def headers(self) -> tuple[str, ...]:
        """The columns' headings."""
        return tuple(column.heading for column in self.columns)


class Footnotes:
    """Numbers the footnotes of a table; the same text has one number.

    Example:
        >>> notes = Footnotes()
        >>> notes.mark("embedded subset"), notes.mark("1 seed", "embedded subset"), notes.mark("")
        ('¹', '¹,²', '')
        >>> notes.texts
        ('¹ embedded subset', '² 1 seed')
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, *texts: str) -> str:
        """Return the marks of some texts, those that are empty left out."""
        numbers = {self._numbers.setdefault(text, len(self._numbers) + 1) for text in texts if text}
        return ",".join(map(self._sign, sorted(numbers)))

    @property
    def texts(self) -> tuple[str, ...]:
        """The footnotes, in the order of their numbers."""
        return tuple(f"{self._sign(number)} {text}" for text, number in self._numbers.items())

    @staticmethod
    def _sign(number: int) -> str:
        return str(number).translate(_SUPERSCRIPTS)
