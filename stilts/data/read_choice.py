"""Reads multiple choice: HellaSwag, CommonsenseQA, CosmosQA, SocialIQA, and COPA as XCOPA has it.

JSON lines, or CSV with a header (CosmosQA). Texts are put together as in the reference: the first three as in
nyu-mll/jiant at daa5a258 (jiant/tasks/lib), SocialIQA and COPA as in google-research/xtreme at 838c13b
(third_party/run_xcopa.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stilts.data.rawfile import csv_rows, filled_lines, load_json_row, malformed, text_field
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import ChoiceExample

LABELS = "-labels.lst"
"""What SocialIQA's official release adds to the stem of a file for the file with its labels (1, 2 or 3 a line)."""

_NO_GOLD = (None, "", -1, "-1")
_LETTERS, _NUMBERS, _ASKED = ("A", "B", "C"), ("1", "2", "3"), ("cause", "effect")


@dataclass(frozen=True)
class Row:
    """One row of a file, to take fields from; an error names file, row and field."""

    path: Path
    number: int
    value: dict[str, Any]

    def text(self, name: str) -> str:
        """The text in a field."""
        return text_field(self.path, self.number, name, self.value.get(name))

    def name(self, field: str) -> str:
        """The example's own id, else the row number."""
        return str(self.value.get(field, self.number))

    def label(self, name: str, choices: Sequence[str]) -> int | None:
        """The number of the right choice, from 0; None without a label."""
        value = self.value.get(name)
        if value in _NO_GOLD:
            return None
        whole = int(value) if isinstance(value, str) and value.isdecimal() else value
        if not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole < len(choices):
            raise self.wrong(f"field {name!r} is {value!r}", f"a whole number from 0 to {len(choices) - 1}")
        return whole

    def letter(self, name: str, letters: Sequence[str]) -> int | None:
        """The place of the letter in a field; None without a label."""
        value = self.value.get(name)
        if value in _NO_GOLD:
            return None
        if value not in letters:
            raise self.wrong(f"field {name!r} is {value!r}", f"one of {', '.join(letters)}")
        return letters.index(value)

    def wrong(self, found: str, expected: str) -> Exception:
        """The error for this row."""
        return malformed(self.path, self.number, found, expected, "mend the row")


def _hellaswag(row: Row) -> ChoiceExample:
    before, endings = row.text("ctx_b"), row.value.get("endings")
    if not isinstance(endings, list) or not all(isinstance(ending, str) for ending in endings):
        raise row.wrong(f"field 'endings' is {endings!r:.60}", "a list of texts")
    choices = tuple(f"{before} {ending}" for ending in endings)
    return ChoiceExample(row.name("ind"), row.text("ctx_a"), choices, row.label("label", choices))


def _commonsenseqa(row: Row) -> ChoiceExample:
    question = row.value.get("question")
    if not isinstance(question, dict):
        raise row.wrong(f"field 'question' is {question!r:.60}", "an object with 'stem' and 'choices'")
    given = question.get("choices")
    if not isinstance(given, list) or not all(isinstance(choice, dict) for choice in given):
        raise row.wrong(f"field 'question.choices' is {given!r:.60}", "a list of objects with 'label' and 'text'")
    inner = [Row(row.path, row.number, choice) for choice in given]
    letters, choices = [choice.text("label") for choice in inner], tuple(choice.text("text") for choice in inner)
    if len(set(letters)) < len(letters):
        raise row.wrong(f"the choices are labelled {', '.join(letters)}", "a label of its own for each choice")
    stem = text_field(row.path, row.number, "question.stem", question.get("stem"))
    return ChoiceExample(row.name("id"), stem, choices, row.letter("answerKey", letters))


def _cosmosqa(row: Row) -> ChoiceExample:
    choices = tuple(row.text(f"answer{number}") for number in range(4))
    text = f"{row.text('context')} {row.text('question')}"
    return ChoiceExample(row.name("id"), text, choices, row.label("label", choices))


def _socialiqa(row: Row) -> ChoiceExample:
    choices = tuple(row.text(f"answer{letter}") for letter in _LETTERS)
    text = f"{row.text('context')} {row.text('question')}"
    return ChoiceExample(str(row.number), text, choices, row.letter("correct", _LETTERS))


def _copa(row: Row) -> ChoiceExample:
    asked, choices = row.text("question"), (row.text("choice1"), row.text("choice2"))
    if asked not in _ASKED:
        raise row.wrong(f"field 'question' is {asked!r}", f"one of {', '.join(_ASKED)}")
    text = f"{row.text('premise')} What was the {asked}?"  # in English for every language, as in XTREME-R
    return ChoiceExample(row.name("idx"), text, choices, row.label("label", choices))


LAYOUTS: dict[str, Callable[[Row], ChoiceExample]] = {
    "hellaswag": _hellaswag,
    "commonsenseqa": _commonsenseqa,
    "cosmosqa": _cosmosqa,
    "socialiqa": _socialiqa,
    "copa": _copa,
}
"""The layouts of files, by the name of the reader that a task declares."""


def read_choices(task: Task, paths: list[Path], language: str) -> Iterator[ChoiceExample]:
    """Examples of all files in order; `label` is None where a file has none (the official test sets)."""
    for row in choice_rows(paths):
        yield checked(row, LAYOUTS[task.reader](row))


def choice_rows(paths: list[Path]) -> Iterator[Row]:
    """The rows of all files in order, with their labels."""
    for path in paths:
        if not path.name.endswith(LABELS):
            yield from _labelled(path, path.with_name(path.stem + LABELS), paths)


def checked(row: Row, example: ChoiceExample) -> ChoiceExample:
    """The example, if it has a text and something to choose from. Raises InputError that names the row."""
    if not example.text.strip():
        raise row.wrong("the first text is empty", "a text")
    if sum(bool(choice.strip()) for choice in example.choices) < 2:
        raise row.wrong(f"the choices are {list(example.choices)!r:.60}", "two texts or more to choose from")
    return example


def _labelled(path: Path, labels: Path, paths: list[Path]) -> Iterator[Row]:
    """The rows of a file, with the label in their file where that is among `paths`."""
    if labels not in paths:
        yield from _rows(path)
        return
    rows, gold = list(_rows(path)), [(number, text.strip()) for number, text in filled_lines(labels)]
    if len(rows) != len(gold):
        raise InputError(f"{labels} has {len(gold)} labels", f"{len(rows)}, the rows of {path.name}", "mend the file")
    for row, (number, label) in zip(rows, gold, strict=True):
        if label not in _NUMBERS:
            raise malformed(labels, number, f"unknown label {label!r}", f"one of {', '.join(_NUMBERS)}", "mend it")
        yield Row(path, row.number, {**row.value, "correct": _LETTERS[_NUMBERS.index(label)]})


def _rows(path: Path) -> Iterator[Row]:
    first = next(filled_lines(path), None)
    if first is None:
        return
    if first[1].lstrip().startswith("{"):
        for number, text in filled_lines(path):
            yield Row(path, number, load_json_row(path, number, text))
    else:
        for number, value in csv_rows(path):
            yield Row(path, number, value)
