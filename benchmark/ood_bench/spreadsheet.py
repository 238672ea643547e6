"""Text in CSV that no spreadsheet takes for a formula, and that can be read back."""

__all__ = [
    "guarded",
    "unguarded",
    "unicode_text",
]

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def guarded(text: str) -> str:
    """Return a text that begins with no sign of a formula.

    One that would, or that begins with an apostrophe, has an apostrophe put before it. What is
    not Unicode in it, as in some file names, is escaped.

    Example:
        >>> guarded("=1+1"), guarded("a.png"), guarded("'quoted'")
        ("'=1+1", 'a.png', "''quoted'")
    """
    safe = unicode_text(text)
    return f"'{safe}" if safe.startswith(_STARTS) else safe


def unguarded(cell: str) -> str:
    """Return the text that was guarded: without its first apostrophe.

    Example:
        >>> unguarded("'=1+1"), unguarded("a.png"), unguarded("''quoted'")
        ('=1+1', 'a.png', "'quoted'")
    """
    return cell.removeprefix("'")


def unicode_text(text: str) -> str:
    r"""Return a text in which what is not Unicode, as in some file names, is escaped.

    Example:
        >>> unicode_text("a\udcff.png")
        'a\\udcff.png'
    """
    return text.encode(errors="backslashreplace").decode()
