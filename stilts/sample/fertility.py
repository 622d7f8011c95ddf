"""Gives a language as many endings as its fertility asks for.

The sample's tokenizer knows every stem and every ending as one piece and names as two, so the pieces a word follow from
the endings it takes: with few, words are one piece as in the base language, with many they are three.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from stilts.sample.corpus import Line
from stilts.sample.grammar import words
from stilts.sample.language import Language

NAME, NAME_PIECES = "", 2
"""The key under which all names are counted, and the pieces of a name."""


def with_endings(language: Language, lines: Sequence[Line], seed: int) -> Language:
    """The language with endings on so many words that `lines` have its fertility, as near as that goes."""
    assert language.design is not None
    rng = random.Random(f"stilts sample {seed} endings {language.code}")
    counts = _counts(language, lines)
    total = sum(counts.values())
    missing = language.design.fertility * total - (total + counts[NAME] * (NAME_PIECES - 1))
    each, rest = divmod(max(missing, 0.0), total)
    endings = dict.fromkeys(language.forms, int(each)) | {NAME: int(each)}
    for key in rng.sample(sorted(counts), len(counts)):
        if counts[key] <= rest:
            endings[key] += 1
            rest -= counts[key]
    return replace(language, name_endings=endings.pop(NAME), endings=endings)


def _counts(language: Language, lines: Sequence[Line]) -> Counter[str]:
    """How often each concept, and a name, is a word of these lines."""
    concept_of = {plain: concept for concept, (plain, _) in language.forms.items()}
    tokens = (token for line in lines for sentence in line for token in words(sentence, language))
    return Counter(
        NAME if token.upos == "PROPN" else concept_of[token.lemma] for token in tokens if token.upos != "PUNCT"
    )
