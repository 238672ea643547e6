"""Text and tables as TeX that pdfTeX and LuaTeX both take, whatever names the data brings."""

import re
import textwrap
import unicodedata

from ood_bench.report.escape import line, spaced
from ood_bench.report.texttable import TextTable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": r"-{}",  # two in a row are no dash
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\dots{}",
    "·": r"\textperiodcentered{}",
    "•": r"\textbullet{}",
    "†": r"\textdagger{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": "~",
}
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi "
    "chi psi omega"
)
_CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
_MATHS = {
    "→": "rightarrow",
    "×": "times",
    "±": "pm",
    "−": "mathord-",
    "≤": "le",
    "≥": "ge",
    "≈": "approx",
    "∞": "infty",
    "∇": "nabla",
    "√": "surd",
    "▲": "blacktriangle",
    "▼": "blacktriangledown",
    "◆": "blacklozenge",
    "µ": "mu",
    **dict(zip("αβγδεζηθικλμνξπρστφχψω", _GREEK.split(), strict=True)),
    **dict(zip("ΓΔΘΛΞΠΣΦΨΩ", _CAPITALS.split(), strict=True)),
}
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
_LETTERS = "ŉſ"
"""Letters up to U+017F that the T1 encoding lacks."""

PREAMBLE = r"""% What the tables need of a document: \input{preamble} before \begin{document}.
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \newcommand{\oodchar}[1]{\texttt{[U+#1]}}
\else
  \usepackage{fontspec}
  \newcommand{\oodchar}[1]{%
    \iffontchar\font"#1\relax\symbol{"#1}\else\texttt{[U+#1]}\fi}
\fi
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{\usepackage{mathptmx}}
\usepackage{textcomp}
\usepackage{amssymb}
\usepackage{booktabs}
\usepackage{array}
\usepackage{longtable}
\usepackage{xltabular}
\usepackage{makecell}
\usepackage{xcolor}
"""

SIZES = (("footnotesize", 165), ("scriptsize", 190), ("tiny", 280))
"""Sizes of type, and characters that fit the line of a landscape page."""
WIDE = 26
"""Characters from which a column of words is broken into lines."""


def tex(text: str) -> str:
    r"""Return a text that TeX sets as it is, on one line.

    Letters that pdfTeX does not know become `\oodchar{4E2D}`: LuaTeX sets the letter if the font
    has it, pdfTeX its number.

    Example:
        >>> tex("50 % of a_b → {c}")
        '50 \\% of a\\_\\allowbreak{}b $\\rightarrow$ \\{c\\}'
        >>> tex("x² ≤ 中"), tex("é")
        ('x\\textsuperscript{2} $\\le$ \\oodchar{4E2D}', 'é')
        >>> tex("DeLong's 'glow'")
        "DeLong's \\textquotesingle{}glow\\textquotesingle{}"
        >>> tex("-0.5 [-1, 0]"), tex("2019-20")
        ('$\\mathord-$0.5 [$\\mathord-$1, 0]', '2019-{}20')
    """
    shown = _MINUS.sub("−", unicodedata.normalize("NFC", line(text)))
    shown = _APOSTROPHE.sub("’", shown)
    return "".join(map(_character, shown))


def stressed(text: str) -> str:
    r"""Return a text in which `**` stands around words to stress.

    Example:
        >>> stressed("a **b c** d%")
        'a \\textbf{b c} d\\%'
    """
    found = text.split("**")
    parts = (
        spaced(part, rf"\textbf{{{tex(part)}}}" if i % 2 else tex(part))
        for i, part in enumerate(found)
    )
    return "".join(parts).strip()


def tex_table(table: TextTable, *, caption: str, label: str) -> str:
    """Return a table that may be longer than a page, with its caption and footnotes.

    Args:
        table: The table.
        caption: TeX.
        label: Its label, for references.
    """
    words = [not column.numeric for column in table.columns]
    lengths = [
        max(len(row[i]) for row in table.rows) if table.rows else 0
        for i in range(len(table.columns))
    ]
    broken = [word and length > WIDE for word, length in zip(words, lengths, strict=True)]
    heads = [
        textwrap.wrap(header, max(lengths[i] if not broken[i] else WIDE, 8), break_long_words=False)
        for i, header in enumerate(table.headers)
    ]
    columns = "".join(
        r">{\raggedright\arraybackslash}X" if wide else "l" if word else "r"
        for word, wide in zip(words, broken, strict=True)
    )
    width = sum(
        WIDE if broken[i] else max(lengths[i], *(len(part) for part in heads[i] or [""]))
        for i in range(len(heads))
    )
    width += 3 * len(heads)
    size = next((name for name, most in SIZES if width <= most), SIZES[-1][0])
    head = " & ".join(_head(lines, word) for lines, word in zip(heads, words, strict=True))
    rows = "\n".join(
        rf"{' & '.join(_gray(tex(cell)) if i in table.gray else tex(cell) for cell in row)} \\"
        for i, row in enumerate(table.rows)
    )
    kind, open_, close = "longtable", r"\begin{longtable}", r"\end{longtable}"
    if any(broken):
        kind, open_, close = "xltabular", r"\begin{xltabular}{\linewidth}", r"\end{xltabular}"
    notes = "".join(f"\\par\\noindent {tex(note)}\n" for note in table.footnotes)
    return (
        f"% {kind} with booktabs; \\input{{preamble}} loads what it needs\n"
        f"\\begingroup\\{size}\\setlength{{\\tabcolsep}}{{3pt}}"
        "\\setlength{\\LTcapwidth}{\\linewidth}\n"
        f"{open_}{{@{{}}{columns}@{{}}}}\n"
        f"\\caption{{{caption}}}\\label{{{label}}}\\\\\n"
        f"\\toprule\n{head} \\\\\n\\midrule\n\\endfirsthead\n"
        f"\\toprule\n{head} \\\\\n\\midrule\n\\endhead\n"
        f"\\bottomrule\n\\endfoot\n"
        f"{rows}\n{close}\n{notes}\\endgroup\n"
    )


def _gray(cell: str) -> str:
    return rf"\textcolor{{gray}}{{{cell}}}"


def _head(lines: list[str], word: bool) -> str:
    side = "l" if word else "r"
    broken = r" \\ ".join(map(tex, lines))
    return rf"\makecell[b{side}]{{{broken}}}"


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _MATHS:
        return rf"$\{_MATHS[character]}$"
    for digits, command in ((_RAISED, "superscript"), (_LOWERED, "subscript")):
        if character in digits:
            return rf"\text{command}{{{digits.index(character)}}}"
    if character.isascii() or (re.match(r"[À-ſ]", character) and character not in _LETTERS):
        return character
    return rf"\oodchar{{{ord(character):04X}}}"
