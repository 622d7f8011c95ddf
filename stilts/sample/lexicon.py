"""The base language's words: every concept with its part of speech, forms and relations.

All nouns and adjectives start with a consonant and take a regular plural, so that the grammar needs no exceptions.
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
    """

    name: str
    upos: str
    past: str = ""
    kind: str = ""
    opposite: str = ""


_KINDS = {
    "person": "baker teacher doctor farmer painter singer soldier lawyer pilot driver",
    "creature": "dog cat horse goat wolf bird rabbit tiger lion monkey",
    "vehicle": "car truck boat wagon train bicycle",
    "fruit": "lemon melon banana pear fig plum",
    "tool": "hammer ladder needle shovel rope bucket",
}
_PLACES = "garden market kitchen forest river school bridge village temple harbor"
_ADJECTIVES = "big/small clean/dirty heavy/light tall/short fast/slow strong/weak dark/bright quiet/loud"
_PLAIN_ADJECTIVES = "red green blue white yellow purple"
_VERBS = (
    "buy:bought/sell:sold find:found/lose:lost push:pushed/pull:pulled hide:hid/show:showed chase:chased paint:painted "
    "carry:carried follow:followed wash:washed draw:drew lift:lifted visit:visited help:helped take:took"
)
_OTHERS = {
    "ADV": "yesterday quickly twice slowly secretly today gladly where",
    "ADP": "in near behind beside",
    "PRON": "she he they who what",
    "DET": "the a",
    "NUM": "two three four five",
    "AUX": "did",
    "PART": "not",
}
POLAR_ADJECTIVES = tuple(word for pair in _ADJECTIVES.split() for word in pair.split("/"))
ADJECTIVES = POLAR_ADJECTIVES + tuple(_PLAIN_ADJECTIVES.split())
PEOPLE, CREATURES = tuple(_KINDS["person"].split()), tuple(_KINDS["creature"].split())
THINGS = tuple(word for kind in ("vehicle", "fruit", "tool") for word in _KINDS[kind].split())
PLACES = tuple(_PLACES.split())
ADVERBS = tuple(_OTHERS["ADV"].split()[:-1])
PREPOSITIONS, NUMERALS, PRONOUNS = tuple(_OTHERS["ADP"].split()), tuple(_OTHERS["NUM"].split()), ("she", "he", "they")


def _build() -> dict[str, Concept]:
    out: list[Concept] = []
    for kind, words in _KINDS.items():
        out += [Concept(kind, "NOUN"), *(Concept(word, "NOUN", kind=kind) for word in words.split())]
    out += [Concept(word, "NOUN") for word in PLACES]
    for pair in _ADJECTIVES.split():
        one, other = pair.split("/")
        out += [Concept(one, "ADJ", opposite=other), Concept(other, "ADJ", opposite=one)]
    out += [Concept(word, "ADJ") for word in _PLAIN_ADJECTIVES.split()]
    for entry in _VERBS.split():
        verbs = [form.split(":") for form in entry.split("/")]
        opposites = [verbs[1 - i][0] for i in range(2)] if len(verbs) == 2 else [""]
        out += [Concept(bare, "VERB", past, opposite=o) for (bare, past), o in zip(verbs, opposites, strict=True)]
    out += [Concept(word, upos) for upos, words in _OTHERS.items() for word in words.split()]
    return {concept.name: concept for concept in out}


LEXICON: dict[str, Concept] = _build()
"""All concepts by name, in a fixed order (the invented languages draw their words in this order)."""
VERBS = tuple(name for name, concept in LEXICON.items() if concept.upos == "VERB")
