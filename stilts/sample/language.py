"""Languages of the sample benchmark: the base language and relexifications of it, each after a row of the design."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from stilts.sample.design import Design, designs
from stilts.sample.lexicon import BASE_ONLY, LEXICON
from stilts.sample.scripts import capital, written

BASE = "en"
ROLES = ("subject", "object", "place", "verb", "adverb")
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aeiou"
_PERSONS = "bela dano fina gelo kira lino mela nado"
_TOWNS = "burg ton den stad port dale ford grad"
NAME_STARTS = tuple(a + b for a in "bdkmrstz" for b in "aeio")
NAME_ENDS = {"person": tuple(_PERSONS.split()), "town": tuple(_TOWNS.split())}


@dataclass(frozen=True)
class Language:
    """One language, described by its design; its words follow from that and the seed.

    Attributes:
        design: the parameters, or None for the base language.
        forms: concept -> (plain form, past form), without endings.
        endings: concept -> how many endings its words take: the first marks the role, the second the word class.
        name_endings: how many endings names take.
        role_ending: part of the sentence -> ending.
        class_ending: universal tag -> ending.
    """

    design: Design | None = None
    forms: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    endings: dict[str, int] = field(default_factory=dict, repr=False)
    name_endings: int = 0
    role_ending: dict[str, str] = field(default_factory=dict, repr=False)
    class_ending: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def code(self) -> str:
        """ "en", or a private-use code of ISO 639-3."""
        return self.design.code if self.design else BASE

    @property
    def is_base(self) -> bool:
        """The language that all training data are in."""
        return self.design is None

    @property
    def word_order(self) -> str:
        """ "SVO", "SOV" or "VSO"."""
        return self.design.word_order if self.design else "SVO"

    @property
    def adjective_after(self) -> bool:
        """The adjective follows its noun."""
        return bool(self.design and self.design.adjective_after)

    @property
    def script(self) -> str:
        """Script of names and of the words that are the language's own."""
        return self.design.script if self.design else "latin"

    def ending(self, count: int, part: str, upos: str) -> str:
        """The first `count` endings of a word with this role and class."""
        return "".join([self.role_ending[part], self.class_ending[upos]][:count]) if count else ""

    def name(self, latin: str) -> str:
        """A name in this language's script, without endings."""
        return capital(written(latin, self.script))


def base_language() -> Language:
    """The base language, "en": no endings but the plural's."""
    return Language(forms={name: (name, concept.past) for name, concept in LEXICON.items()})


def invented_languages(count: int, seed: int) -> list[Language]:
    """`count` relexifications without endings yet (see `stilts.sample.fertility`). Raises InputError for the count."""
    return [_invent(design, seed) for design in designs(count)]


def _invent(design: Design, seed: int) -> Language:
    rng = random.Random(f"stilts sample {seed} language {design.code}")
    consonants, vowels = rng.sample(_CONSONANTS, 9), rng.sample(_VOWELS, 4)
    taken = {form for name, concept in LEXICON.items() for form in (name, concept.past)}
    shared = _shared(design.overlap, rng)
    forms = {}
    for name, concept in LEXICON.items():
        if name in BASE_ONLY:
            continue
        own = _word(rng, consonants, vowels, taken)
        own = written(own, design.script)
        forms[name] = (name, concept.past) if name in shared else (own, own)
    syllables = [written(a + b, design.script) for a in consonants for b in vowels]
    classes = sorted({concept.upos for concept in LEXICON.values()} | {"PROPN"})
    drawn = rng.sample(syllables, len(ROLES) + len(classes))
    return Language(
        design=design,
        forms=forms,
        role_ending=dict(zip(ROLES, drawn, strict=False)),
        class_ending=dict(zip(classes, drawn[len(ROLES) :], strict=True)),
    )


def _shared(overlap: float, rng: random.Random) -> set[str]:
    """The concepts that keep their word: as large a share of every word class, as far as that goes."""
    classes: dict[str, list[str]] = {}
    for name, concept in LEXICON.items():
        if name not in BASE_ONLY:
            classes.setdefault(concept.upos, []).append(name)
    every: list[str] = []
    for names in classes.values():
        every += rng.sample(names, len(names))
    return {name for i, name in enumerate(every) if int((i + 1) * overlap + 0.5) > int(i * overlap + 0.5)}


def _word(rng: random.Random, consonants: Sequence[str], vowels: Sequence[str], taken: set[str]) -> str:
    """A new word of two or three syllables; `taken` grows by it."""
    while True:
        syllables = [rng.choice(consonants) + rng.choice(vowels) for _ in range(rng.choice((2, 2, 3)))]
        word = "".join(syllables) + rng.choice(["", rng.choice(consonants)])
        if word not in taken:
            taken.add(word)
            return word
