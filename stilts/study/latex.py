"""The main table as LaTeX (booktabs): `results/xtreme.tex`, to be read with \\input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stilts.study.marks import MEANINGS, SIGNS

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "–": "--", "±": r"$\pm$", "†": r"$\dagger$", "‡": r"$\ddagger$",
    "\n": " ",
}  # fmt: skip
# Letters beyond ASCII that LaTeX sets in T1 without a package: Latin-1 and Latin Extended-A but for these.
_LATIN, _NOT_IN_T1 = range(0xC0, 0x180), "ĦħĸĿŀŉŦŧſ"
_NO_SCORE = "--"
_WIDE = 8  # columns that a page holds; a wider table is scaled to it

Columns = tuple[Sequence[str], Sequence[Sequence[str | None]]]
"""Header and rows."""


def escaped(text: str) -> str:
    """A text that LaTeX sets as it is: its special characters, and those of our tables, as commands.

    A character that has no glyph in LaTeX's own fonts (other scripts, emoji) is named by its code point.
    """
    return "".join(map(_escaped, text))


def latex_table(parts: Sequence[Columns], caption: str, marks: Sequence[str]) -> str:
    """A `table` environment: the first column is text, the others are numbers; None becomes a dash.

    Args:
        parts: what stands below each other, each with its own columns; the texts are those of xtreme.md.
        caption: what the table shows.
        marks: the kinds of marks (`stilts.study.marks`) whose signs the rows have.
    """
    legend = [f"{SIGNS[kind]} {MEANINGS[kind]}" for kind in SIGNS if kind in marks]
    bodies = [_tabular(header, rows) for header, rows in parts]
    return "\n".join([
        r"% needs \usepackage[T1]{fontenc} and \usepackage{booktabs,graphicx}; written by stilts collect",
        r"\begin{table}",
        r"\centering\small",
        "\n\n\\medskip\n".join(bodies),
        rf"\caption{{{escaped('; '.join([caption, *legend]))}.}}",
        r"\end{table}",
        "",
    ])  # fmt: skip


def marks_of(content: Mapping[str, Any]) -> list[str]:
    """The kinds of marks that any recipe of xtreme.json has."""
    found = [marks for recipe in content["recipes"].values() for marks in recipe["marks"].values()]
    return [kind for kind in SIGNS if any(marks[kind] for marks in found)]


def _tabular(header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        _row(header),
        r"\midrule",
        *map(_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if len(header) > _WIDE:
        lines = [r"\resizebox{\textwidth}{!}{%", r"\setlength{\tabcolsep}{3pt}%", *lines[:-1], rf"{lines[-1]}}}"]
    return "\n".join(lines)


def _row(cells: Sequence[str | None]) -> str:
    texts = [_NO_SCORE if cell is None else escaped(cell) for cell in cells]
    # a row that begins with a bracket would be an argument of the \\ or \midrule before it
    texts[0] = f"{{{texts[0]}}}" if texts[0].startswith(("[", "*")) else texts[0]
    return " & ".join(texts) + r" \\"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if 0x20 <= code < 0x7F or (code in _LATIN and character not in _NOT_IN_T1):
        return character
    return f"[U+{code:04X}]"
