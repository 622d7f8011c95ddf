"""Reads SQuAD JSON: SQuAD, XQuAD, MLQA and TyDiQA's gold passage task."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts.data.rawfile import load_json
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import SpanExample

log = logging.getLogger(__name__)


class Lost(InputError):
    """A question that lacks what a machine translation may lose."""


def read_spans(task: Task, paths: list[Path], language: str, translated: bool = False) -> Iterator[SpanExample]:
    """Questions of all files in order. `answers` is None where the file's answers are empty (XTREME strips them).

    `translated`: questions that a machine translation left without a text, or whose answer it left nowhere in the
    context, are left out.
    """
    for path in paths:
        for _, _, example in questions(task, path, translated):
            yield example


def questions(task: Task, path: Path, translated: bool = False) -> Iterator[tuple[str, dict[str, Any], SpanExample]]:
    """Each question of a file, with its paragraph and the paragraph's place in the file, for messages.

    Raises InputError for anything wrong, or, of a translation, where every second question cannot be used.
    """
    lost: list[InputError] = []
    count = 0
    for i, article in enumerate(_get(path, "the file", load_json(path), "data", list)):
        where = f"data[{i}]"
        title = article.get("title") if isinstance(article, dict) else None
        for j, paragraph in enumerate(_get(path, where, article, "paragraphs", list)):
            part = f"{where}.paragraphs[{j}]"
            context = _get(path, part, paragraph, "context", str)
            for k, item in enumerate(_get(path, part, paragraph, "qas", list)):
                count += 1
                try:
                    found = question(task, path, f"{part}.qas[{k}]", context, item, title or "")
                except Lost as error:
                    if not translated:
                        raise
                    lost.append(error)
                    continue
                yield part, paragraph, found
    if lost and 2 * len(lost) >= count:
        raise lost[0]
    if lost:
        log.warning("%s: left out %d questions of %d, such as: %s", path, len(lost), count, lost[0].found)


def question(task: Task, path: Path, place: str, context: str, item: dict[str, Any], title: str) -> SpanExample:
    """One question of SQuAD's JSON with its context and article. Raises InputError naming the place."""
    name, text = _get(path, place, item, "id", str), _get(path, place, item, "question", str)
    if not text.strip() or not context.strip():
        empty = "question" if not text.strip() else "context"
        raise Lost(f"{path}, {place}: the {empty} is empty", "text", "mend or remove the question")
    return SpanExample(name, text, context, _answers(task, path, place, context, item), title)


def _answers(
    task: Task, path: Path, place: str, context: str, item: dict[str, Any]
) -> tuple[tuple[str, int], ...] | None:
    if item.get("is_impossible"):
        if not task.has_no_answer:
            raise _wrong(path, place, "is_impossible is true", f"an answer: {task.name} has no unanswerable questions",
                         "use the task squad_v2 or another file")  # fmt: skip
        return ()
    if "answers" not in item:
        return None
    raw = _get(path, place, item, "answers", list)
    out = []
    for m, answer in enumerate(raw):
        text = _get(path, f"{place}.answers[{m}]", answer, "text", str)
        start = _get(path, f"{place}.answers[{m}]", answer, "answer_start", int)
        if text.strip():
            out.append((text, locate(path, f"{place}.answers[{m}]", context, text, start)))
    return tuple(out) or None


def locate(path: Path, place: str, context: str, text: str, start: int) -> int:
    """First character of `text` in `context`: `start` if it is there, else the nearest place where it is.

    Some releases are off by a character or count other units. In the files at hand (SQuAD dev 1.1 and 2.0, XQuAD,
    MLQA dev, TyDiQA train: 22,325 answers) every start is exact.
    """
    if start >= 0 and context.startswith(text, start):
        return start
    places = []
    at = context.find(text)
    while at >= 0:
        places.append(at)
        at = context.find(text, at + 1)
    if not places:
        found = f"{path}, {place}: the answer {text[:60]!r} is not in its context"
        raise Lost(found, "a part of the context", "mend or remove the answer")
    return min(places, key=lambda at: abs(at - start))


def _get(path: Path, place: str, value: Any, key: str, kind: type) -> Any:
    names = {list: "a list", str: "text", int: "a whole number"}
    if not isinstance(value, dict):
        raise _wrong(path, place, "it is no JSON object", f"an object with {key!r}", "use a file in SQuAD's format")
    if key not in value:
        raise _wrong(path, place, f"field {key!r} is missing", f"{key!r} as in SQuAD's format", "mend the file")
    if not isinstance(value[key], kind) or isinstance(value[key], bool):
        raise _wrong(path, place, f"field {key!r} is {str(value[key])[:60]!r}", names[kind], "mend the file")
    return value[key]


def _wrong(path: Path, place: str, found: str, expected: str, change: str) -> InputError:
    return InputError(f"{path}, {place}: {found}", expected, change)
