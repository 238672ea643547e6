"""Robust standard output and error: unencodable text and closed pipes raise no errors."""

import codecs
import contextlib
import io
import os
import re
import select
import sys
import unicodedata
from typing import Any

__all__ = [
    "ERRORS",
    "Steady",
    "plain_characters",
    "steady_streams",
    "visible",
]

ERRORS = "ood_bench.plain"
"""Name of the error handler that replaces unencodable characters by plain ones."""

_SIGNS = {
    **{"−": "-", "–": "-", "—": "--", "×": "x", "·": ".", "…": "...", "•": "*", "∗": "*"},
    **{"→": "->", "←": "<-", "↦": "|->", "↓": "v", "↑": "^", "▲": "^", "▼": "v", "◆": "*"},
    **{"≤": "<=", "≥": ">=", "≈": "~", "≠": "!=", "±": "+-", "∞": "inf", "∫": "integral"},
    **{"√": "sqrt", "∇": "grad", "∂": "d", "‖": "||", "∈": "in", "½": "1/2", "ø": "o"},
    **{"’": "'", "‘": "'", "“": '"', "”": '"', "━": "-", "╸": "-", "╺": "-", "─": "-", "│": "|"},
}
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def visible(text: str) -> str:
    r"""Return a text with control characters escaped, except tab and line feed.

    Names from suites or disks may contain characters that move a terminal's cursor, set colours
    or reverse the direction of writing.

    Example:
        >>> print(visible("a\x1b[31mb\u202ec"))
        a\x1b[31mb\u202ec
    """
    return _CONTROLS.sub(_written_out, text)


def plain_characters(character: str) -> str:
    r"""Return plain characters for an unencodable one, or ? if there are none.

    Example:
        >>> "".join(map(plain_characters, "∫×σé中\udcff"))
        'integralxsigmae?\\xff'
    """
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8
        return rf"\x{ord(character) - 0xDC00:02x}"
    if character in _SIGNS:
        return _SIGNS[character]
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(_SIGNS.get(part, part) for part in parts if not unicodedata.combining(part))
    if kept.isascii() and (kept or parts != character):
        return kept
    alphabet, _, letter = unicodedata.name(character, "").partition(" LETTER ")
    if alphabet.startswith("GREEK") and letter.isalpha():
        return letter.capitalize() if "CAPITAL" in alphabet else letter.lower()
    return "?"


class Steady(io.RawIOBase):
    """A raw stream that keeps its first error and from then on takes all and writes nothing.

    Args:
        raw: The stream to write to.

    Attributes:
        refusal: The error; None as long as there is none.
    """

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.refusal: OSError | None = None

    @property
    def name(self) -> Any:
        """What the stream is called."""
        return self.raw.name

    def writable(self) -> bool:
        """Return true."""
        return True

    def fileno(self) -> int:
        """Return its file descriptor."""
        return int(self.raw.fileno())

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return bool(self.raw.isatty())

    def write(self, data: Any, /) -> int:
        """Write what can be written, and say that all was."""
        left = memoryview(data).cast("B")
        while self.refusal is None and len(left):
            try:
                written = self.raw.write(left)
            except OSError as error:
                self.refusal = error
                break
            if written is None:  # it takes no more just now
                select.select([], [self.raw], [])
            else:
                left = left[written:]
        return len(memoryview(data).cast("B"))


def steady_streams() -> Steady | None:
    """Let no output of this process fail, whatever its text, its encoding or its reader.

    What an encoding lacks becomes plain signs. When a pipe's reader has gone, or a disk is full,
    what is written goes nowhere.

    Returns:
        What standard output writes to, which knows its error; None where another than the
        process's own stands in its place.
    """
    codecs.register_error(ERRORS, _replace)
    sys.stdout, out = _steady(sys.stdout, sys.__stdout__)
    sys.stderr, _ = _steady(sys.stderr, sys.__stderr__)
    return out


def _steady(stream: Any, own: Any) -> tuple[Any, Steady | None]:
    if stream is None:  # it was closed by whoever started the process
        return open(os.devnull, "w", encoding="utf-8"), None  # noqa: PTH123
    if stream is not own or not isinstance(stream, io.TextIOWrapper):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
        return stream, None
    with contextlib.suppress(OSError):
        stream.flush()
    raw = Steady(getattr(stream.buffer, "raw", stream.buffer))
    text = io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    return text, raw


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain_characters, error.object[error.start : error.end])), error.end


def _written_out(found: "re.Match[str]") -> str:
    number = ord(found[0])
    return rf"\x{number:02x}" if number < 0x100 else rf"\u{number:04x}"
