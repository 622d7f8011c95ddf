"""The sections of the page about the questions, made of answers.json: words, tables and drawings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts.report import answer_charts
from stilts.report.answer_charts import Drawing
from stilts.report.numbers import MINUS, NONE
from stilts.report.tables import Cell, Table

ANSWERS = "answers.json"
MOST_ROWS = 120
"""Of one table on the page; the rest is in answers.json."""
IN_NUMBERS = "table"
_NAMES = ("recipe", "outcome", "target", "language")  # columns that say nothing of what a table is about
_TALL = 14  # rows
_NUMBER = re.compile(r"[<+-]?\s*\.?\d")
_HYPHEN = re.compile(r"(?<!\w)-(?=\.?\d)")


@dataclass(frozen=True)
class Section:
    """One question.

    Attributes:
        name: as in `stilts analyse NAME`.
        sentences: the answer; the first is the main one.
        cut: what is left out of the tables, in words.
    """

    name: str
    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    drawings: Sequence[Drawing]
    notes: Sequence[str]
    cut: str = ""


@dataclass(frozen=True)
class Questions:
    """All of them.

    Attributes:
        sections: of the questions that the study answers.
        unanswered: question -> why it does not.
    """

    sections: Sequence[Section] = ()
    unanswered: Mapping[str, str] | None = None


def read_questions(results: Path) -> Questions:
    """The sections of a collected study; none where `collect` of an earlier version has written no answers."""
    path = results / ANSWERS
    if not path.is_file():
        return Questions()
    content = json.loads(path.read_text(encoding="utf-8"))
    return Questions([_section(name, own) for name, own in content["answers"].items()], content["unanswered"])


def _section(name: str, content: Mapping[str, Any]) -> Section:
    tables = [_table(name, content["title"], number, own) for number, own in enumerate(content["tables"], 1)]
    longest = max((len(own["rows"]) for own in content["tables"]), default=0)
    cut = "" if longest <= MOST_ROWS else (
        f"Of each table the first {MOST_ROWS} rows are shown (the longest has {longest:,}); results/{ANSWERS} has all."
    )  # fmt: skip
    notes = [_minus(f"{note[:1].upper()}{note[1:]}.") for note in content["notes"]]
    drawings = answer_charts.drawings(name, content)
    return Section(name, content["title"], [_minus(one) for one in content["answer"]], tables, drawings, notes, cut)


def _table(name: str, title: str, number: int, content: Mapping[str, Any]) -> Table:
    """A table of texts. Its caption is no other table's, as it names a region of the page."""
    columns, rows = content["columns"], content["rows"][:MOST_ROWS]
    texts = frozenset({0, *(place for place in range(len(columns)) if not _is_numeric(row[place] for row in rows))})
    cells = [[Cell(_minus(text)) for text in row] for row in rows]
    what = f"{IN_NUMBERS} {number}" if columns[0] in _NAMES else str(columns[0])
    return Table(f"q-{name}-{number}", f"{title}: {what}", columns, cells, texts, tall=len(rows) > _TALL)


def _is_numeric(texts: Iterable[str]) -> bool:
    """Whether a column is to be sorted by its numbers: all of its fields begin with one, but for dashes."""
    known = [text for text in texts if text != NONE]
    return bool(known) and all(_NUMBER.match(text) for text in known)


def _minus(text: str) -> str:
    """The text with minus signs before numbers, where a terminal has hyphens."""
    return _HYPHEN.sub(MINUS, text)
