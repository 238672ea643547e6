"""A table as text, which the terminal and the Markdown page both show."""

from dataclasses import dataclass

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class TextTable:
    """Headers, rows and footnotes.

    Attributes:
        headers: One for each column.
        rows: Cells, as many in each row as there are headers.
        footnotes: Each begins with the mark that stands in the cells it is about.
        numeric: Headers of the columns that are set to the right.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...] = ()
    numeric: frozenset[str] = frozenset()


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
