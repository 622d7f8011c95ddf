"""Reads tagged sentences: CoNLL-U, or `word TAB tag` lines with a blank line between sentences, as XTREME has them.

WikiAnn's own files have the language before each word (`en:word TAB tag`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from stilts.data.rawfile import lines, malformed
from stilts.tasks.base import Task
from stilts.tasks.examples import TaggingExample

# https://universaldependencies.org/format.html: ranges are surface tokens of several words, decimals are empty nodes.
_RANGE_OR_EMPTY = re.compile(r"\d+-\d+|\d+\.\d+")
_COLUMNS = 10

Word = tuple[int, str, str | None]  # row, word, tag
Sentence = tuple[str, list[Word]]  # id, words


def read_tagged(task: Task, paths: list[Path], language: str) -> Iterator[TaggingExample]:
    """Sentences of all files in order; `tags` is None where the file has none.

    Sentences whose words are all "_" are left out: some treebanks withhold the text for its licence.
    """
    for path in paths:
        if _is_conllu(path):
            yield from tagged(task, path, (one for one in _conllu(path) if not _withheld(one[1])))
        else:
            yield from tagged(task, path, _tsv(path, f"{language}:"))


def _withheld(words: list[Word]) -> bool:
    """Whether all words but one at most are "_", as XTREME decides it (udpos_preprocess of its utils_preprocess.py)."""
    hidden = sum(word == "_" for _, word, _ in words)
    return hidden > 0 and hidden >= len(words) - 1


def tagged(task: Task, path: Path, sentences: Iterable[Sentence]) -> Iterator[TaggingExample]:
    """The sentences of one file: see `read_tagged`. Raises InputError for an unknown tag."""
    for name, words in sentences:
        if len(words) > 1 and all(word == "_" for _, word, _ in words):
            continue
        yield TaggingExample(name, tuple(word for _, word, _ in words), _tags(task, path, words))


def _tags(task: Task, path: Path, words: list[Word]) -> tuple[str, ...] | None:
    if all(tag in (None, "_") for _, _, tag in words):
        return None
    out = []
    for row, _, tag in words:
        if tag not in task.labels:
            expected = f"one of {', '.join(task.labels)}"
            raise malformed(path, row, f"unknown tag {tag!r}", expected, "mend the row")
        out.append(tag)
    return tuple(out)


def _is_conllu(path: Path) -> bool:
    first = next((text for _, text in lines(path) if text), "")
    return (
        path.suffix == ".conllu" or (first.startswith("# ") and "\t" not in first) or first.count("\t") == _COLUMNS - 1
    )


def _conllu(path: Path) -> Iterator[Sentence]:
    words: list[Word] = []
    name, start = "", 1
    for row, text in lines(path):
        if not text.strip():
            if words:
                yield name or f"row{start}", words
            name, words, start = "", [], row + 1
        elif text.startswith("#"):
            key, _, value = text[1:].partition("=")
            name = value.strip() if key.strip() == "sent_id" else name
        else:
            fields = text.split("\t")
            if len(fields) != _COLUMNS:
                found = f"{len(fields)} columns separated by tabs"
                raise malformed(path, row, found, f"the {_COLUMNS} columns of CoNLL-U", "mend the row")
            if _RANGE_OR_EMPTY.fullmatch(fields[0]):
                continue
            if fields[0] != str(len(words) + 1):
                raise malformed(path, row, f"field ID is {fields[0]!r}", str(len(words) + 1), "mend the row")
            if not fields[1]:
                raise malformed(path, row, "field FORM is empty", "a word", "mend the row")
            words.append((row, fields[1], fields[3]))
    if words:
        yield name or f"row{start}", words


def _tsv(path: Path, prefix: str) -> Iterator[Sentence]:
    """Sentences of `word TAB tag` lines; `prefix` is cut off where every word has it, so "en:" as a word is kept.

    A word of a tagged line may be empty: XTREME's PANX files have such lines, and each needs its tag.
    """
    rows = list(lines(path))
    cut = len(prefix) if any(text for _, text in rows) and _all_start(rows, prefix) else 0
    words: list[Word] = []
    width, start = 0, 1
    for row, text in rows:
        if not text:
            if words:
                yield f"row{start}", words
            words, start = [], row + 1
            continue
        fields = text[cut:].split("\t")
        width = width or len(fields)
        if len(fields) != width or width > 2:
            expected = f"{width} as in the first row" if width <= 2 else "a word, or a word, a tab and a tag"
            raise malformed(path, row, f"{len(fields)} columns separated by tabs", expected, "mend the row")
        words.append((row, fields[0], fields[1].strip() if width == 2 else None))
    if words:
        yield f"row{start}", words


def _all_start(rows: list[tuple[int, str]], prefix: str) -> bool:
    return all(text.startswith(prefix) for _, text in rows if text)
