"""The rows of a training set as a translator sees them: texts to translate, an answer to carry, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from stilts.config import DataSettings
from stilts.data.read_choice import Row
from stilts.data.sources import choice_source, read_examples
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import PairExample, SpanExample, TextExample

Path = tuple[str | int, ...]
"""Where a text is in a row: keys and positions."""


@dataclass(frozen=True)
class Record:
    """One row of a source.

    Attributes:
        id: the example's, for messages and lists.
        texts: what is translated; of a span task question and context.
        answer: (first character, end) of the answer in the last text; None where the row has none.
        rest: what is not translated, for the writer of the layout.
    """

    id: str
    texts: tuple[str, ...]
    answer: tuple[int, int] | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def read_records(task: Task, source: str, data: DataSettings, limit: int | None) -> list[Record]:
    """The rows of a task's training set that are usable: what its reader leaves out is not translated, either.

    Raises InputError for missing or wrong files, and for rows without labels.
    """
    if task.format == "choice":
        rows = islice(choice_source(task, "train", source, data), limit)
        return [_of_row(task, number, row) for number, row in enumerate(rows, start=1)]
    examples, paths = read_examples(task, "train", source, data, limit)
    records = list(_of_examples(examples))
    bare = next((record for record in records if record.rest.get("label", "") is None), None)
    if bare is not None:
        raise InputError(
            f"{paths[0]}: the row {bare.id!r} has no label", "a labelled training set", "take the original file"
        )
    return records


def _of_examples(examples: Sequence[Any]) -> Iterator[Record]:
    for example in examples:
        if isinstance(example, PairExample):
            yield Record(example.id, (example.text_a, example.text_b), rest={"label": example.label})
        elif isinstance(example, SpanExample):
            rest = {"title": example.article, "label": None if example.answers is None else ""}
            yield Record(example.id, (example.question, example.context), _answer(example), rest)
        else:
            assert isinstance(example, TextExample), example
            yield Record(example.id, (example.text,))


def _answer(example: SpanExample) -> tuple[int, int] | None:
    """The first gold answer without white space around it; training sets have one."""
    if not example.answers:
        return None
    text, start = example.answers[0]
    start += len(text) - len(text.lstrip())
    return start, start + len(text.strip())


# ---- multiple choice: a row's own fields, so that the written file has them

_FIELDS: dict[str, tuple[Path, ...]] = {
    "cosmosqa": (("context",), ("question",), *((f"answer{number}",) for number in range(4))),
    "socialiqa": (("context",), ("question",), *((f"answer{letter}",) for letter in "ABC")),
    "copa": (("premise",), ("choice1",), ("choice2",)),
}
"""Reader -> the fields that are translated, where a row has always the same."""


def _hellaswag(row: Mapping[str, Any]) -> dict[str, Any]:
    """An ending goes on in the middle of a sentence, so its beginning (`ctx_b`) is translated with it."""
    before = row["ctx_b"].strip()
    return {**row, "ctx_b": "", "endings": [f"{before} {ending}".strip() for ending in row["endings"]]}


_MADE_WHOLE: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"hellaswag": _hellaswag}


def fields_of(reader: str, value: Mapping[str, Any]) -> tuple[Path, ...]:
    """The places of a multiple-choice row's texts."""
    if reader == "hellaswag":
        return (("ctx_a",), *(("endings", number) for number in range(len(value["endings"]))))
    if reader == "commonsenseqa":
        choices = value["question"]["choices"]
        return (("question", "stem"), *(("question", "choices", number, "text") for number in range(len(choices))))
    return _FIELDS[reader]


def put_texts(value: Any, places: Sequence[Path], texts: Sequence[str]) -> Any:
    """A copy of a row with other texts in these places."""
    for place, text in zip(places, texts, strict=True):
        value = _put(value, place, text)
    return value


def _put(value: Any, place: Path, text: str) -> Any:
    if not place:
        return text
    first, *below = place
    if isinstance(value, list):
        return [_put(item, tuple(below), text) if number == first else item for number, item in enumerate(value)]
    return {key: _put(item, tuple(below), text) if key == first else item for key, item in value.items()}


def _get(value: Any, place: Path) -> Any:
    for key in place:
        value = value[key]
    return value


def _of_row(task: Task, number: int, row: Row) -> Record:
    from stilts.data.read_choice import LAYOUTS, checked

    example = checked(row, LAYOUTS[task.reader](row))  # so that a wrong row is named here, not after the translation
    if example.label is None:
        raise row.wrong("the row has no label", "a labelled training set")
    made = _MADE_WHOLE.get(task.reader, dict)(row.value)
    texts = tuple(str(_get(made, place)) for place in fields_of(task.reader, made))
    return Record(str(number) if task.reader == "socialiqa" else example.id, texts, rest={"row": made})
