"""Text from data, made safe inside a Markdown page."""

import re

_SPECIAL = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_START = re.compile(r"^(\d*)([-+=#:.)])")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape(text: str) -> str:
    r"""Return a text that shows as it is, on one line, in a cell, a heading or a paragraph.

    Example:
        >>> escape("fashion_mnist | <b>*bold*</b>")
        'fashion_mnist \\| &lt;b&gt;\\*bold\\*&lt;/b&gt;'
        >>> escape("line\n# no heading")
        'line # no heading'
    """
    return _SPECIAL.sub(r"\\\g<0>", line(text)).translate(_ENTITIES)


def line(text: str) -> str:
    r"""Return a text on one line, without characters that cannot be seen.

    Example:
        >>> line("a\n\u200bb")
        'a b'
    """
    return " ".join(_UNSEEN.sub(" ", text).split())


def paragraph(text: str) -> str:
    r"""Return a text as one paragraph, whose start is not read as a list or a heading.

    Example:
        >>> paragraph("# one"), paragraph("1. two")
        ('\\# one', '1\\. two')
    """
    return _START.sub(r"\1\\\2", escape(text))


def spaced(text: str, made: str) -> str:
    """Return what was made of a text with the space that the text begins and ends with.

    Example:
        >>> spaced("of 3 ", "of **3**")
        'of **3** '
    """
    return f"{' ' * text[:1].isspace()}{made}{' ' * text[-1:].isspace()}"
