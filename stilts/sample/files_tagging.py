"""Writes named entities as WikiAnn has them (`en:word TAB tag`), and supertags as `text TAB tags` lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stilts.sample.categories import categories
from stilts.sample.files import write_lines
from stilts.sample.grammar import Sentence, words
from stilts.sample.items import Entities
from stilts.sample.language import NAME_ENDS, Language

Orders = Sequence[Sequence[int]]
"""For each sentence, numbers that put its tags into another order (shuffled labels)."""


def write_panx(path: Path, items: Sequence[Entities], language: Language, orders: Orders | None = None) -> None:
    """A line a word, and a blank line after each sentence."""
    lines = []
    for number, item in enumerate(items):
        forms, tags = _entities(item, language)
        lines += [f"{language.code}:{f}\t{t}" for f, t in zip(forms, _ordered(tags, orders, number), strict=True)]
        lines.append("")
    write_lines(path, lines)


def write_ccg(path: Path, items: Sequence[Sentence], language: Language, orders: Orders | None = None) -> None:
    """A line a sentence: its words, a tab, their categories."""
    lines = []
    for number, item in enumerate(items):
        tokens = words(item, language)
        tags = _ordered(categories(item, tokens), orders, number)
        lines.append(f"{' '.join(token.form for token in tokens)}\t{' '.join(tags)}")
    write_lines(path, lines)


def _entities(item: Entities, language: Language) -> tuple[list[str], list[str]]:
    """Forms and tags; the second word of a name takes the endings of the first."""
    forms, tags, second = [], [], dict(item.second)
    for token in words(item.sentence, language):
        kind = _kind(item.sentence, token.part) if token.upos == "PROPN" else ""
        forms.append(token.form)
        tags.append(f"B-{kind}" if kind else "O")
        if kind and token.part in second:
            ending = language.ending(language.name_endings, token.part, "PROPN")
            forms.append(language.name(second[token.part]) + ending)
            tags.append(f"I-{kind}")
    return forms, tags


def _kind(sentence: Sentence, part: str) -> str:
    if part == "place":
        return "LOC"
    return "ORG" if getattr(sentence, part).noun.endswith(NAME_ENDS["town"]) else "PER"


def _ordered(tags: Sequence[str], orders: Orders | None, number: int) -> list[str]:
    if orders is None:
        return list(tags)
    return [tags[i] for i in sorted(range(len(tags)), key=lambda i: orders[number][i])]
