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
_NO_SCORE = "--"


def escaped(text: str) -> str:
    """A text that LaTeX sets as it is: its special characters, and those of our tables, as commands."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def latex_table(header: Sequence[str], rows: Sequence[Sequence[str | None]], caption: str, marks: Sequence[str]) -> str:
    """A `table` environment: the first column is text, the others are numbers; None becomes a dash.

    Args:
        header: names of the columns.
        rows: their texts, as in xtreme.md, one a column.
        caption: what the table shows.
        marks: the kinds of marks (`stilts.study.marks`) whose signs the rows have.
    """
    lines = [_row(row) for row in rows]
    legend = [f"{SIGNS[kind]} {MEANINGS[kind]}" for kind in SIGNS if kind in marks]
    return "\n".join([
        r"% needs \usepackage{booktabs}; written by stilts collect",
        r"\begin{table}",
        r"\centering",
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        _row(header),
        r"\midrule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{escaped('; '.join([caption, *legend]))}.}}",
        r"\end{table}",
        "",
    ])  # fmt: skip


def marks_of(content: Mapping[str, Any]) -> list[str]:
    """The kinds of marks that any recipe of xtreme.json has."""
    found = [marks for recipe in content["recipes"].values() for marks in recipe["marks"].values()]
    return [kind for kind in SIGNS if any(marks[kind] for marks in found)]


def _row(cells: Sequence[str | None]) -> str:
    texts = [_NO_SCORE if cell is None else escaped(cell) for cell in cells]
    # a row that begins with a bracket would be an argument of the \\ or \midrule before it
    texts[0] = f"{{{texts[0]}}}" if texts[0].startswith(("[", "*")) else texts[0]
    return " & ".join(texts) + r" \\"
