"""Languages of the sample benchmark: the base language and relexifications of it with their own word order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from stilts.errors import InputError
from stilts.sample.lexicon import LEXICON

BASE = "en"
_ORDERS = ("SVO", "SOV", "VSO")
_SHARES = (0.8, 0.5, 0.3, 0.1)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOST = 26
"""So many invented languages at most (the private-use codes qaa to qaz of ISO 639-3)."""


@dataclass(frozen=True)
class Language:
    """One language, described by its parameters; its words follow from them and the seed.

    Attributes:
        code: "en" or a private-use code of ISO 639-3 (qaa to qtz).
        shared_words: share of the concepts that keep the base language's form, 0 to 1.
        word_order: "SVO", "SOV" (which also has postpositions) or "VSO".
        adjective_after: the adjective follows its noun.
        suffix: ending of a common noun that is an object; "" where objects are not marked.
        plural: ending of nouns after a numeral.
        forms: concept -> (plain form, past form).
    """

    code: str
    shared_words: float = 1.0
    word_order: str = "SVO"
    adjective_after: bool = False
    suffix: str = ""
    plural: str = "s"
    forms: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    @property
    def is_base(self) -> bool:
        """The language that all training data are in."""
        return self.code == BASE

    def parameters(self) -> dict[str, object]:
        """What sample.json says about the language (its words are in the data)."""
        return {
            "shared_words": self.shared_words,
            "word_order": self.word_order,
            "adjective_after": self.adjective_after,
            "suffix": self.suffix,
            "plural": self.plural,
        }


def base_language() -> Language:
    """The base language, "en"."""
    return Language(BASE, forms={name: (name, concept.past) for name, concept in LEXICON.items()})


def invented_languages(count: int, seed: int) -> list[Language]:
    """`count` relexifications, qaa, qab, ...; the parameters vary independently of each other as far as `count` allows.

    Raises:
        InputError: `count` is below 1 or above the number of codes.
    """
    if not 1 <= count <= MOST:
        raise InputError(f"{count} invented languages", f"1 to {MOST}", "change --languages")
    return [_invent(index, seed) for index in range(count)]


def _invent(index: int, seed: int) -> Language:
    code = "qa" + _LETTERS[index]
    rng = random.Random(f"stilts sample {seed} language {code}")
    consonants, vowels = rng.sample("bcdfghjklmnpqrstvwxz", 10), rng.sample("aeiouäöüéíó", 5)
    taken = {form for name, concept in LEXICON.items() for form in (name, concept.past)}
    share = _SHARES[index % len(_SHARES)]
    shared = set(rng.sample(list(LEXICON), round(share * len(LEXICON))))
    forms, past = {}, _syllable(rng, consonants, vowels)
    for name, concept in LEXICON.items():
        if name in shared:
            forms[name] = (name, concept.past)
            continue
        stem = _word(rng, consonants, vowels, taken)
        forms[name] = (stem, stem + past if concept.upos == "VERB" else "")
    return Language(
        code=code,
        shared_words=share,
        word_order=_ORDERS[(index + index // len(_SHARES)) % len(_ORDERS)],
        adjective_after=(index // 2) % 2 == 1,
        suffix=rng.choice(vowels) + rng.choice(consonants) if (index + index // 4) % 2 == 1 else "",
        plural=_syllable(rng, consonants, vowels),
        forms=forms,
    )


def _syllable(rng: random.Random, consonants: list[str], vowels: list[str]) -> str:
    return rng.choice(consonants) + rng.choice(vowels)


def _word(rng: random.Random, consonants: list[str], vowels: list[str], taken: set[str]) -> str:
    """A new word of two or three syllables; `taken` grows by it."""
    while True:
        word = "".join(_syllable(rng, consonants, vowels) for _ in range(rng.choice((2, 2, 3)))) + rng.choice(
            ["", rng.choice(consonants)]
        )
        if word not in taken:
            taken.add(word)
            return word
