"""Reads questions with the sentences of their contexts: LAReQA's XQuAD-R, and SQuAD, whose sentences are found here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stilts.data.read_span import questions
from stilts.data.sentences import sentences
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import SentenceExample, SpanExample


def read_sentences(task: Task, paths: list[Path], language: str) -> Iterator[SentenceExample]:
    """Questions of all files in order, each with the sentence in which its first answer begins.

    A question whose answer begins in no sentence is left out, as in the benchmark (`generate_examples` in
    utils_lareqa.py of google-research/xtreme at e23cf42; none in XQuAD-R's files at hand).

    Raises InputError for answers that are missing, and for a file without sentence boundaries that is not English.
    """
    for path in paths:
        for place, paragraph, found in questions(task, path):
            example = with_sentences(path, place, paragraph, found, language)
            if example is not None:
                yield example


def with_sentences(
    path: Path, place: str, paragraph: dict[str, Any], found: SpanExample, language: str
) -> SentenceExample | None:
    """The question with the sentences of its context, or None where its answer begins in none: see `read_sentences`."""
    if found.answers is None:
        raise InputError(f"{path}, {place}: question {found.id!r} has no answer", "an answer", "use a labelled file")
    bounds = _bounds(path, place, paragraph, found.context, language)
    answer, start = found.answers[0]
    start += len(answer) - len(answer.lstrip())
    right = next((number for number, (first, end) in enumerate(bounds) if first <= start < end), None)
    if right is None:
        return None
    texts = tuple(found.context[first:end] for first, end in bounds)
    return SentenceExample(found.id, found.question, found.context, found.answers, found.article, texts, right)


def _bounds(path: Path, place: str, paragraph: dict[str, Any], context: str, language: str) -> list[tuple[int, int]]:
    given = paragraph.get("sentence_breaks")
    if given is None and language == "en":
        return sentences(context)
    expected = f"a list of [first, end], characters of the context: the layout of XQuAD-R ({language}.json)"
    if given is None:
        raise InputError(f"{path}, {place} has no sentence_breaks", expected, "use LAReQA's own file")
    try:
        bounds = [(int(first), int(end)) for first, end in given]
    except (TypeError, ValueError):
        bounds = [(0, 0)]
    if not all(0 <= first < end <= len(context) for first, end in bounds):
        raise InputError(f"{path}, {place}: sentence_breaks is {str(given)[:60]}", expected, "mend the file")
    return bounds
