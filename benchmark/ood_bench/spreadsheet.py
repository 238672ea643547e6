"""Guard text in CSV against evaluation as a formula, reversibly."""

__all__ = [
    "guarded",
    "unguarded",
    "unicode_text",
]

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    A text that begins like a formula or with an apostrophe is prefixed by an apostrophe.
    Non-Unicode parts, as in some file names, are escaped.

    Example:
        >>> guarded("=1+1"), guarded("a.png"), guarded("'quoted'")
        ("'=1+1", 'a.png', "''quoted'")
    """
    safe = unicode_text(text)
    return f"'{safe}" if safe.startswith(_STARTS) else safe


def unguarded(cell: str) -> str:
    """Return the original of a guarded text.

    Example:
        >>> unguarded("'=1+1"), unguarded("a.png"), unguarded("''quoted'")
        ('=1+1', 'a.png', "'quoted'")
    """
    return cell.removeprefix("'")


def unicode_text(text: str) -> str:
    r"""Return a text with non-Unicode parts, as in some file names, escaped.

    Example:
        >>> unicode_text("a\udcff.png")
        'a\\udcff.png'
    """
    return text.encode(errors="backslashreplace").decode()
