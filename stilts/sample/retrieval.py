"""Items of bitext mining and entity linking, as structures that are worded later; each language has its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stilts.sample.draw import Grammar
from stilts.sample.grammar import NounPhrase, Sentence
from stilts.sample.items import Paragraph
from stilts.sample.language import BASE, NAME_ENDS, NAME_STARTS, Language
from stilts.sample.lexicon import KINDS

SIZES: dict[str, dict[str, int]] = {
    "bucc2018": {"dev": 200, "test": 300},
    "mewslix": {"train": 768, "dev": 48, "test": 80},
}
"""Sentences of both corpora together; mentions a language."""
PAIRED = 0.6
"""Share of the sentences of two corpora that have a translation in the other."""
BASE_SPLITS = ("train",)


@dataclass(frozen=True)
class Corpora:
    """Two lists of sentences with numbers of pairs; a sentence without a translation has None."""

    language: tuple[tuple[Sentence, int | None], ...]
    base: tuple[tuple[Sentence, int | None], ...]


@dataclass(frozen=True)
class Entity:
    """A person: the number of its id, the name, and two sentences that describe it."""

    number: int
    name: str
    about: tuple[Sentence, ...]


@dataclass(frozen=True)
class Mention:
    """An entity in the middle one of three sentences, as its subject."""

    entity: Entity
    sentences: tuple[Sentence, Sentence, Sentence]


def draw_retrieval(
    grammar: Grammar, items: dict[tuple[str, str, str], list[Any]], languages: Sequence[Language]
) -> None:
    """Draw both tasks for every language into `items`, after all other sets: none of those changes.

    No sentence is one of a set that all languages share, of the base language's text, or of the language's own sets.
    """
    entities = _entities(grammar.stream("mewslix entities", BASE))
    items["mewslix", "candidates", ""] = list(entities)
    parts = dict(zip(SIZES["mewslix"], _split(entities), strict=True))
    for code in (language.code for language in languages):
        for task, splits in SIZES.items():
            stream = grammar.stream(task, code)
            stream.take(*_of_language(items, code), *_of_language(items, BASE))
            for number, (split, count) in enumerate(splits.items()):
                if task == "bucc2018" and code != BASE:
                    items[task, split, code] = [_corpora(stream, count, number)]
                if task == "mewslix" and (split not in BASE_SPLITS or code == BASE):
                    items[task, split, code] = _mentions(stream, parts[split], count)


def _corpora(grammar: Grammar, count: int, split: int) -> Corpora:
    """`count` sentences; a sentence's own hash says in which split it may be, whatever the language."""
    pairs, alone = round(count * PAIRED / 2), round(count * (1 - PAIRED) / 2)

    def new() -> Sentence:
        while True:
            sentence = grammar.statement(modified=0.5, adverb=0.3)
            if grammar.chance(0.25):
                sentence = replace(sentence, subject=grammar.person())
            if zlib.crc32(repr(sentence).encode()) % len(SIZES["bucc2018"]) == split:
                return sentence

    both: list[tuple[Sentence, int | None]] = [(new(), number) for number in range(pairs)]
    sides = [[*both, *((new(), None) for _ in range(alone))] for _ in range(2)]
    for side in sides:
        grammar.rng.shuffle(side)
    return Corpora(tuple(sides[0]), tuple(sides[1]))


def _entities(grammar: Grammar) -> list[Entity]:
    """A person for every name, in random order."""
    names = [start + end for start in NAME_STARTS for end in NAME_ENDS["person"]]
    grammar.rng.shuffle(names)
    out = []
    for number, name in enumerate(names, start=1):
        person = NounPhrase(name, is_name=True)
        work = Sentence(person, "is", NounPhrase(grammar.rng.choice(KINDS["person"]), "a"))
        out.append(Entity(number, name, (work, _about(grammar, person))))
    return out


def _split(entities: Sequence[Entity]) -> list[list[Entity]]:
    """Half for training, the others for the scored sets: one for each of their mentions."""
    half, dev = len(entities) // 2, SIZES["mewslix"]["dev"]
    return [list(entities[:half]), list(entities[half : half + dev]), list(entities[half + dev :])]


def _mentions(grammar: Grammar, entities: Sequence[Entity], count: int) -> list[Mention]:
    out = []
    for number in range(count):
        entity = entities[number % len(entities)]
        about = _about(grammar, NounPhrase(entity.name, is_name=True))
        out.append(Mention(entity, (grammar.statement(), about, grammar.statement())))
    return out


def _about(grammar: Grammar, person: NounPhrase) -> Sentence:
    """Something new that the person does."""
    while True:
        sentence = replace(grammar.statement(modified=0.4, adverb=0.2), subject=person)
        if grammar.claim(sentence):
            return sentence


def _of_language(items: Mapping[tuple[str, str, str], list[Any]], code: str) -> Iterator[Sentence]:
    """The sentences of the sets that a language has for itself."""
    for (_, _, part), drawn in items.items():
        if part == code:
            yield from _sentences(drawn)


def _sentences(items: Iterable[Any]) -> Iterator[Sentence]:
    for item in items:
        if isinstance(item, Sentence):
            yield replace(item, link="")
        elif isinstance(item, Paragraph | Mention):
            yield from item.sentences
        elif isinstance(item, tuple):
            yield from _sentences(item)
