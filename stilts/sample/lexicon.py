"""The base language's words: every concept with its part of speech, forms and relations to other concepts.

All nouns and adjectives start with a consonant and take a regular plural, so that the grammar needs no exceptions.
Every verb, adverb and preposition has an opposite: no word by itself betrays the label of a contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """One meaning.

    Attributes:
        name: the base language's plain form (singular noun, bare verb); also the concept's id.
        upos: universal part-of-speech tag.
        past: past form of a verb in the base language.
        kind: the more general noun (a hypernym), if there is one.
        opposite: the antonym, if there is one.
        next: the verb of what usually happens next (each verb follows exactly one other).
    """

    name: str
    upos: str
    past: str = ""
    kind: str = ""
    opposite: str = ""
    next: str = ""


_KINDS = {
    "person": "baker teacher doctor farmer painter singer",
    "creature": "dog cat horse goat wolf bird",
    "vehicle": "car truck boat",
    "fruit": "lemon melon pear",
    "tool": "hammer ladder rope",
}
_PLACES = "garden market forest river school bridge"
_ADJECTIVES = "big/small clean/dirty heavy/light tall/short fast/slow strong/weak dark/bright quiet/loud"
_PLAIN_ADJECTIVES = "red green blue"
_VERBS = (
    "buy:bought/sell:sold find:found/lose:lost push:pushed/pull:pulled hide:hid/show:showed "
    "help:helped/harm:harmed follow:followed/lead:led"
)
_NEXT = "find push sell show buy hide lose harm follow help lead pull"
_ADVERBS = "yesterday/today quickly/slowly gladly/sadly"
_PREPOSITIONS = "in/outside before/behind"
_OTHERS = {
    "ADV": "where",
    "PRON": "she he they who what",
    "DET": "the a",
    "NUM": "two three",
    "AUX": "did is",
    "PART": "not",
    "CCONJ": "so but also",
}
BASE_ONLY = ("did",)
"""Words that only the base language has."""


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(pair.split("/")[0], pair.split("/")[1]) for pair in text.split()]


def _words(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(word for pair in pairs for word in pair)


POLAR_ADJECTIVES = _words(_pairs(_ADJECTIVES))
ADJECTIVES = POLAR_ADJECTIVES + tuple(_PLAIN_ADJECTIVES.split())
KINDS = {kind: tuple(words.split()) for kind, words in _KINDS.items()}
ACTORS = KINDS["person"] + KINDS["creature"]
THINGS = tuple(word for kind in ("vehicle", "fruit", "tool") for word in KINDS[kind])
PLACES = tuple(_PLACES.split())
ADVERBS, PREPOSITIONS = _words(_pairs(_ADVERBS)), _words(_pairs(_PREPOSITIONS))
NUMERALS, PRONOUNS = tuple(_OTHERS["NUM"].split()), ("she", "he", "they")


def _build() -> dict[str, Concept]:
    out: list[Concept] = []
    for kind, words in KINDS.items():
        out += [Concept(kind, "NOUN"), *(Concept(word, "NOUN", kind=kind) for word in words)]
    out += [Concept(word, "NOUN") for word in PLACES]
    for upos, pairs in (("ADJ", _ADJECTIVES), ("ADV", _ADVERBS), ("ADP", _PREPOSITIONS)):
        for one, other in _pairs(pairs):
            out += [Concept(one, upos, opposite=other), Concept(other, upos, opposite=one)]
    out += [Concept(word, "ADJ") for word in _PLAIN_ADJECTIVES.split()]
    cycle = _NEXT.split()  # the last is followed by the first
    after = dict(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    for pair in _pairs(_VERBS):
        bare, past = zip(*(verb.split(":") for verb in pair), strict=True)
        for i in range(2):
            out.append(Concept(bare[i], "VERB", past[i], opposite=bare[1 - i], next=after[bare[i]]))
    out += [Concept(word, upos, past=word if word == "is" else "") for upos, w in _OTHERS.items() for word in w.split()]
    return {concept.name: concept for concept in out}


LEXICON: dict[str, Concept] = _build()
"""All concepts by name, in a fixed order (the invented languages draw their words in this order)."""
VERBS = tuple(name for name, concept in LEXICON.items() if concept.upos == "VERB")


def opposite(word: str) -> str:
    """The word's antonym; every verb, adverb, preposition and polar adjective has one."""
    return LEXICON[word].opposite
