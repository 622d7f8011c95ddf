"""Reads Tatoeba as LASER publishes it: two files, line i of one is the translation of line i of the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stilts.data.rawfile import filled_lines, malformed
from stilts.errors import InputError
from stilts.tasks.base import Task
from stilts.tasks.examples import RetrievalExample

ENGLISH = ("eng", "en")


def read_retrieval(task: Task, paths: list[Path], language: str) -> Iterator[RetrievalExample]:
    """Sentence pairs; `paths` are the other language's file and the English one (see `both_sides`)."""
    other, english = paths
    texts, translations = list(filled_lines(other)), list(filled_lines(english))
    if len(texts) != len(translations):
        raise InputError(
            f"{other} has {len(texts)} rows and {english} has {len(translations)}", "as many in both", "mend the files"
        )
    sides = [text for _, text in translations]
    if english.suffix == ".en" and len(sides) >= 20 and sides == sorted(sides):
        # XTREME's preprocessing (utils_preprocess.py, tatoeba_preprocess) sorts the English side to hide the answers.
        raise malformed(english, 1, "the rows are sorted, as in XTREME's copy, so no row has its translation",
                        "line-aligned files", "use the files that LASER publishes (tatoeba.XXX-eng.eng)")  # fmt: skip
    for (row, text), side in zip(texts, sides, strict=True):
        yield retrieval_pair(row, text, side)


def retrieval_pair(row: int, text: str, english: str) -> RetrievalExample:
    """A sentence and its translation; the row is its id."""
    return RetrievalExample(str(row), text, english)


def both_sides(path: Path, language: str, iso3: str) -> list[Path]:
    """The two files for a path that names the non-English file, the English file or their common stem."""
    stem = path.with_suffix("") if path.suffix[1:] in (*ENGLISH, language, iso3) and path.is_file() else path
    others = [path] if path.is_file() and path.suffix[1:] not in ENGLISH else []
    others += [stem.with_name(f"{stem.name}.{code}") for code in (iso3, language)]
    if path.is_file() and stem == path:  # another extension: the English file shares the name without it
        stem = path.with_suffix("")
    sides = [stem.with_name(f"{stem.name}.{code}") for code in ENGLISH]
    other, english = next((p for p in others if p.is_file()), None), next((p for p in sides if p.is_file()), None)
    if other is None or english is None:
        tried = ", ".join(str(p) for p in (others if other is None else sides))
        raise InputError(
            f"no file at {tried}", "both sides of the sentence pairs", "put the file there or mend data.files"
        )
    return [other, english]
