"""Draws sentences and names at random, none of them twice, so that sets drawn one after the other are disjoint."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence

from stilts.sample.grammar import NounPhrase, Sentence
from stilts.sample.language import NAME_ENDS, NAME_STARTS
from stilts.sample.lexicon import (
    ACTORS,
    ADJECTIVES,
    ADVERBS,
    NUMERALS,
    PLACES,
    PREPOSITIONS,
    PRONOUNS,
    THINGS,
    VERBS,
)


class Grammar:
    """Draws what every set is made of.

    Args:
        seed: the same seed draws the same.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._shared: set[Hashable] = set()
        self._own: set[Hashable] = set()
        self.rng = random.Random(f"stilts sample {seed}")

    def stream(self, name: str, language: str = "") -> Grammar:
        """Draw from the random stream of this name (and language) from now on.

        What is drawn for one language is taken for that stream only, so that no set depends on how many languages there
        are; what is drawn for all is taken for good, and therefore comes first.
        """
        self.rng = random.Random(f"stilts sample {self._seed} {name} {language}")
        self._own = set() if language else self._shared
        return self

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.rng.random() < share

    def statement(self, modified: float = 0.5, adverb: float = 0.15, objects: Sequence[str] = ()) -> Sentence:
        """A new statement; `modified` is the chance of an adjective or place, `adverb` that of an adverb."""
        while True:
            sentence = Sentence(
                subject=self.noun_phrase(ACTORS, modified),
                verb=self.rng.choice(VERBS),
                object=self.noun_phrase(objects or (*ACTORS, *THINGS), modified),
                adverb=self.rng.choice(ADVERBS) if self.chance(adverb) else "",
                **self.place() if self.chance(modified) else {},  # type: ignore[arg-type]
            )
            if sentence.subject.noun != sentence.object.noun and self.claim(sentence):
                return sentence

    def claim(self, *parts: Hashable) -> bool:
        """Take these sentences (or what else makes an item) for one item; False where one of them is already taken."""
        if any(part in self._shared or part in self._own for part in parts):
            return False
        self.take(*parts)
        return True

    def take(self, *parts: Hashable) -> None:
        """Take them, whether they were taken or not."""
        self._own.update(parts)

    def noun_phrase(self, nouns: Sequence[str], modified: float = 0.0) -> NounPhrase:
        """A noun phrase with one of `nouns`."""
        determiner = self.rng.choice(("the", "a", "the", "a", self.rng.choice(NUMERALS)))
        adjective = self.rng.choice(ADJECTIVES) if self.chance(modified) else ""
        return NounPhrase(self.rng.choice(nouns), determiner, adjective)

    def place(self) -> dict[str, object]:
        """The fields `preposition` and `place` of a sentence."""
        return {"preposition": self.rng.choice(PREPOSITIONS), "place": NounPhrase(self.rng.choice(PLACES), "the")}

    def pronoun(self) -> NounPhrase:
        """A personal pronoun."""
        return NounPhrase(self.rng.choice(PRONOUNS))

    def person(self) -> NounPhrase:
        """A person's name."""
        return self._name("person")

    def town(self) -> NounPhrase:
        """A town's name."""
        return self._name("town")

    def _name(self, kind: str) -> NounPhrase:
        return NounPhrase(self.rng.choice(NAME_STARTS) + self.rng.choice(NAME_ENDS[kind]), is_name=True)
