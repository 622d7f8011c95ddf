"""The questions of `stilts analyse`, asked of a study: each that its scores can answer, and why the others are not."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stilts.analysis.questions import QUESTIONS, Answer, ask_unasked
from stilts.analysis.score_table import read_scores as read_table
from stilts.errors import InputError, first_line
from stilts.files import write_text
from stilts.json_text import json_text
from stilts.settings import overridden, read, unknown
from stilts.study.plan import Plan
from stilts.study.question_rows import question_rows
from stilts.study.scores import Scores
from stilts.study.told import told

if TYPE_CHECKING:
    from stilts.study.statistics import Progress

ANSWERS, WORDS = "answers.json", "answers.md"
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Answers:
    """What was asked.

    Attributes:
        answered: question -> its title, `tables` (columns and rows of texts, as on a terminal) and JSON content.
        unanswered: question -> why this study does not answer it.
        texts: question -> the answer as on a terminal.
    """

    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


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
            found.texts[name] = answer.text()
            found.answered[name] = content_of(name, answer)
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
    """What answers.json has of an answer: its section's title, the tables of its text, and its own JSON."""
    title = QUESTIONS[name].title or name.capitalize()
    return {"title": title, "tables": tables_of(answer.text()), **answer.content()}


def markdown(found: Answers) -> str:
    """answers.md."""
    parts = []
    for name, text in found.texts.items():
        sentences, *rest = text.split("\n\n")
        points = "\n".join(f"- {line}" for line in sentences.split("\n"))
        notes = "\n".join(
            f"- {line}" for line in (rest.pop().split("\n") if rest and rest[-1].startswith("note: ") else [])
        )
        parts += [f"## {found.answered[name]['title']}", points, *rest, *([notes] if notes else [])]
    if found.unanswered:
        lines = [f"- {name}: {why}" for name, why in found.unanswered.items()]
        parts += ["## Not answered by this study", "\n".join(lines)]
    return "\n\n".join(["# Answers", *parts]) + "\n"


def tables_of(text: str) -> list[dict[str, Any]]:
    """The Markdown tables in an answer's text: `columns` and `rows` of texts."""
    found = []
    for part in text.split("\n\n"):
        lines = [_cells(line) for line in part.split("\n") if line.startswith("|")]
        if len(lines) > 2:
            found.append({"columns": lines[0], "rows": lines[2:]})
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]]
