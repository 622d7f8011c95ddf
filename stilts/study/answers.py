"""The questions of `stilts analyse`, asked of a study: each that its scores can answer, and why the others are not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilts.analysis.answer import Answer
from stilts.analysis.questions import QUESTIONS, ask_unasked
from stilts.analysis.score_table import read_scores as read_table
from stilts.errors import InputError, first_line
from stilts.files import write_text
from stilts.json_text import json_text
from stilts.settings import overridden, read, unknown
from stilts.study.plan import Plan
from stilts.study.question_rows import question_rows
from stilts.study.scores import Scores
from stilts.study.told import told
from stilts.table import table

if TYPE_CHECKING:
    from stilts.study.statistics import Progress

ANSWERS, WORDS = "answers.json", "answers.md"


@dataclass(frozen=True)
class Answers:
    """What was asked.

    Attributes:
        answered: question -> its title, `tables` (columns and rows of texts, as on a terminal) and JSON content.
        unanswered: question -> why this study does not answer it.
        asked: question -> its answer.
    """

    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)
    asked: dict[str, Answer] = field(default_factory=dict)


def write_answers(plan: Plan, scores: Scores, said: Progress) -> float:
    """Write answers.json and answers.md into results/, where the other tables are. Returns the seconds that it took."""
    began = time.perf_counter()
    found = answers(plan, scores, said)
    content = {"study": plan.study.name, "answers": found.answered, "unanswered": found.unanswered}
    write_text(plan.folder / "results" / ANSWERS, json_text(content) + "\n")
    write_text(plan.folder / "results" / WORDS, markdown(found))
    return time.perf_counter() - began


def remove_answers(results: Path) -> None:
    """Remove those of an earlier call."""
    for name in (ANSWERS, WORDS):
        (results / name).unlink(missing_ok=True)


def answers(plan: Plan, scores: Scores, said: Progress) -> Answers:
    """Ask every question. What a question raises is why it has no answer: the other results stand all the same."""
    found = Answers()
    for number, (name, question) in enumerate(QUESTIONS.items(), 1):
        try:
            rows = question_rows(scores, question)
            answer = ask_unasked(name, rows, told(plan, name, question, set(rows["recipe"])))
        except InputError as error:
            found.unanswered[name] = f"{error.found}; expected {error.expected}"
        except Exception as error:  # of any library
            found.unanswered[name] = f"{type(error).__name__}: {first_line(error)}"
        else:
            found.answered[name], found.asked[name] = content_of(name, answer), answer
        said("questions", number, len(QUESTIONS))
    return found


def ask_study(plan: Plan, name: str, overrides: Sequence[str] = ()) -> Answer:
    """Answer one question from the scores that `stilts collect` merged, with other settings than it has.

    Raises InputError for an unknown question, and for a study that was not collected.
    """
    if name not in QUESTIONS:
        raise unknown(f"question {name!r}", name, list(QUESTIONS), "ask one of these")
    path = plan.folder / "results" / "scores.csv"
    if not path.is_file():
        raise InputError(f"no {path}", "a collected study", "run `stilts collect` for it first")
    question = QUESTIONS[name]
    rows = read_table(path, question.noisy, question.columns)
    known = told(plan, name, question, set(rows["recipe"]))
    return question.answer(rows, read(question.settings, overridden(known, overrides, name), ""))


def content_of(name: str, answer: Answer) -> dict[str, Any]:
    """What answers.json has of an answer: its section's title, its tables as texts, and its own JSON."""
    title = QUESTIONS[name].title or name.capitalize()
    tables = [
        {"columns": list(own.columns), "rows": [["–" if cell is None else cell for cell in row] for row in own.rows]}
        for own in answer.tables()
        if own.rows
    ]
    return {"title": title, "tables": tables, **answer.content()}


def markdown(found: Answers) -> str:
    """answers.md."""
    parts = []
    for name, answer in found.asked.items():
        tables = [table(*own) for own in answer.tables() if own.rows]
        notes = [_points(f"note: {note}" for note in answer.notes)] if answer.notes else []
        parts += [f"## {found.answered[name]['title']}", _points(answer.answer), *tables, *notes]
    if found.unanswered:
        parts += ["## Not answered by this study", _points(f"{name}: {why}" for name, why in found.unanswered.items())]
    return "\n\n".join(["# Answers", *parts]) + "\n"


def _points(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
