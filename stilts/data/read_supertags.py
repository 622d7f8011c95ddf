"""Reads CCG supertags: `text TAB tags` lines, as the reference has them, or the AUTO files of CCGbank."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stilts.data.rawfile import filled_lines, malformed
from stilts.tasks.base import Task
from stilts.tasks.examples import TaggingExample

SUFFIX = ".auto"

# <L category, modified and original part of speech, word, category with its dependencies>
_LEAF = re.compile(r"<L (\S+) \S+ \S+ (\S+) \S+>")
_NAME = re.compile(r"ID=(\S+)")


def read_supertags(task: Task, paths: list[Path], language: str) -> Iterator[TaggingExample]:
    """Sentences of all files in order, words and tags apart by single spaces; `tags` is None where a file has none."""
    for path in paths:
        yield from _auto(path) if path.suffix == SUFFIX else _lines(path)


def _lines(path: Path) -> Iterator[TaggingExample]:
    width = 0
    for row, text in filled_lines(path):
        fields = [field.strip(" ") for field in text.split("\t")]
        width = width or len(fields)
        if len(fields) != width or width > 2:
            expected = f"{width} as in row 1" if width <= 2 else "a text, a tab and its tags"
            raise malformed(path, row, f"{len(fields)} columns separated by tabs", expected, "mend the row")
        words, tags = fields[0].split(" "), tuple(fields[-1].split(" ")) if width == 2 else None
        if tags is not None and (len(tags) != len(words) or not all(tags)):
            found = f"{len(words)} words and {sum(map(bool, tags))} tags"
            raise malformed(path, row, found, "a tag for every word, apart by single spaces", "mend the row")
        yield TaggingExample(str(row), tuple(words), tags)


def _auto(path: Path) -> Iterator[TaggingExample]:
    """A line that names the sentence, and one with its derivation, in turn."""
    name = ""
    for row, text in filled_lines(path):
        named = _NAME.match(text)
        if bool(name) == bool(named):
            expected = "the derivation of the sentence" if name else "ID=... before each derivation"
            raise malformed(path, row, f"the row begins with {text[:20]!r}", expected, "use CCGbank's own files")
        if named:
            name = named[1]
            continue
        leaves = _LEAF.findall(text)
        if not leaves:
            raise malformed(path, row, "the derivation has no leaf <L ...>", "at least one word", "mend the file")
        yield TaggingExample(name, tuple(word for _, word in leaves), tuple(tag for tag, _ in leaves))
        name = ""
