"""Reads the files of hub repositories into the same examples as the official files give.

Each kind of task has one function here that puts a row's columns (named in `stilts.tasks.hub`) into what the reader of
its official files works on; the checks, and what is left out, are that reader's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stilts.data.hub import language_values
from stilts.data.rawfile import malformed
from stilts.data.read_choice import LAYOUTS, Row, checked
from stilts.data.read_pair import pairs
from stilts.data.read_retrieval import retrieval_pair
from stilts.data.read_sentences import with_sentences
from stilts.data.read_span import question
from stilts.data.read_tagging import tagged
from stilts.data.tables import class_names, table_rows
from stilts.tasks.base import Task
from stilts.tasks.examples import Example
from stilts.tasks.hub import HUB, Hub

_LETTERS = {"1": "A", "2": "B", "3": "C"}  # SocialIQA numbers its choices on the hub


def read_hub(task: Task, paths: Sequence[Path], language: str) -> Iterator[Example]:
    """Examples of all files in order. Raises InputError naming file, row and column for anything that is wrong."""
    hub, before = HUB[task.name], 0
    for path in paths:
        table = _Table(hub, path, language, before)
        try:
            yield from _READERS.get(task.reader, _choices)(task, table)
        except (KeyError, TypeError, ValueError, AttributeError) as error:  # a column holds other than it should
            found = f"no {error.args[0]!r}" if isinstance(error, KeyError) else str(error)
            raise malformed(path, table.row, found, f"values as in {hub.repository}", "mend the file") from None
        before = table.last


class _Table:
    """One file of a split.

    Attributes:
        last: rows of the split up to the one that was read last, which number examples.
        row: that row in its file.
    """

    def __init__(self, hub: Hub, path: Path, language: str, before: int) -> None:
        self.hub, self.path, self.language, self.last, self.row = hub, path, language, before, 0

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(row in the file, fields): the declared columns under our names."""
        start = self.hub.only.format(**language_values(self.language))
        for row, value in table_rows(self.path):
            self.last, self.row = self.last + 1, row
            missing = [column for column in self.hub.columns.values() if column not in value]
            if missing:
                expected = f"the columns of {self.hub.repository}"
                raise malformed(self.path, row, f"column {missing[0]!r} is missing", expected, "mend the file")
            fields = {field: value[column] for field, column in self.hub.columns.items()}
            if not start or str(fields["id"]).startswith(start):
                yield row, fields


def _pairs(task: Task, table: _Table) -> Iterator[Example]:
    names = _names(task, table, "label")
    rows = (
        (row, str(value.get("id", table.last)), value["text_a"], value["text_b"], _label(task, names, value["label"]))
        for row, value in table.rows()
    )
    yield from pairs(task, table.path, rows)


def hub_choice_rows(task: Task, paths: Sequence[Path], language: str) -> Iterator[Row]:
    """The rows of a multiple-choice task with the fields of its official files."""
    hub, before = HUB[task.name], 0
    for path in paths:
        table = _Table(hub, path, language, before)
        yield from _choice_rows(task, table)
        before = table.last


def _choices(task: Task, table: _Table) -> Iterator[Example]:
    for found in _choice_rows(task, table):
        example = checked(found, LAYOUTS[task.reader](found))
        yield replace(example, id=str(table.last)) if task.reader == "socialiqa" else example  # it has no ids


def _choice_rows(task: Task, table: _Table) -> Iterator[Row]:
    for row, value in table.rows():
        if task.reader == "commonsenseqa":
            letters, texts = value["choices"]["label"], value["choices"]["text"]
            choices = [{"label": letter, "text": text} for letter, text in zip(letters, texts, strict=True)]
            value = {**value, "question": {"stem": value["question"], "choices": choices}}
        if task.reader == "socialiqa":
            value = {**value, "correct": _LETTERS.get(str(value["correct"]).strip(), value["correct"])}
        yield Row(table.path, row, value)


def _spans(task: Task, table: _Table) -> Iterator[Example]:
    for row, value in table.rows():
        yield question(task, table.path, f"row {row}", value["context"], _item(task, value), value.get("title") or "")


def _sentences(task: Task, table: _Table) -> Iterator[Example]:
    for row, value in table.rows():
        place = f"row {row}"
        found = question(task, table.path, place, value["context"], _item(task, value), value.get("title") or "")
        example = with_sentences(table.path, place, value, found, table.language)
        if example is not None:
            yield example


def _item(task: Task, value: dict[str, Any]) -> dict[str, Any]:
    """A question as SQuAD's files have it: a list of answers instead of two lists; no answer is marked as such."""
    texts, starts = value["answers"]["text"], value["answers"]["answer_start"]
    answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    return {**value, "answers": answers, "is_impossible": task.has_no_answer and not answers}


def _tagged(task: Task, table: _Table) -> Iterator[Example]:
    names = _names(task, table, "tags")
    sentences = (
        (
            f"row{table.last}",
            [(row, word, _label(task, names, tag)) for word, tag in zip(value["words"], value["tags"], strict=True)],
        )
        for row, value in table.rows()
    )
    yield from tagged(task, table.path, sentences)


def _translations(task: Task, table: _Table) -> Iterator[Example]:
    """Without line ends: the loader that the hub's copy was made with kept them (datasets/xtreme/xtreme.py)."""
    for _, value in table.rows():
        yield retrieval_pair(table.last, value["text"].rstrip("\r\n"), value["english"].rstrip("\r\n"))


def _names(task: Task, table: _Table, field: str) -> tuple[str, ...]:
    """Our label for each number: the file's own names where they are ours, else the declared ones."""
    own = class_names(table.path, table.hub.columns[field])
    return own if own and set(own) <= set(task.labels) else table.hub.labels


def _label(task: Task, names: Sequence[str], value: Any) -> str | None:
    """A label as the official files have it: -1 and labels that are no number stay as they are."""
    if value is None:
        return None
    text = str(value)
    if text in task.labels and isinstance(value, str):
        return text
    return names[int(text)] if text.isdecimal() and int(text) < len(names) else text


_READERS = {
    "pair": _pairs,
    "span": _spans,
    "sentences": _sentences,
    "tagging": _tagged,
    "retrieval": _translations,
}
