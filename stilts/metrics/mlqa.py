"""Exact match and token F1 of one MLQA answer, by the rules of its official evaluation (mlqa_evaluation_v1.py).

They differ from SQuAD's: all Unicode punctuation is dropped, articles are those of the answer's language, and Chinese
is split into characters. One effect looks like a slip but is part of the score: of its two patterns for the Arabic
article the first can never match, so `ال` is taken away everywhere, also within words.
"""

from __future__ import annotations

import re
import string
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

from stilts.metrics.squad import best_score

ARTICLES: dict[str, re.Pattern[str]] = {
    language: re.compile(rf"\b({words})\b")
    for language, words in {
        "en": "a|an|the",
        "es": "un|una|unos|unas|el|la|los|las",
        "vi": "của|là|cái|chiếc|những",
        "de": "ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des",
    }.items()
} | {"ar": re.compile("ال")}
"""Hindi and Chinese have none; nor has any language that MLQA does not contain."""
CHARACTERS = {"zh": re.compile("([\u4e00-\u9fa5])")}
"""Characters that are tokens of their own; other text of the language is split at white space."""


def normalise(text: str, language: str) -> str:
    """Lower case, no punctuation of any script, no articles of the language; tokens joined by single blanks."""
    text = text.lower().translate(_punctuation())
    if language in ARTICLES:
        text = ARTICLES[language].sub(" ", text)
    if language in CHARACTERS:
        text = CHARACTERS[language].sub(r" \1 ", text)
    return " ".join(text.split())


def score(answer: str, golds: Sequence[str], language: str) -> tuple[float, float]:
    """(exact match, F1) of an answer, each 0-1 and the best over the golds."""
    return best_score(answer, golds, lambda text: normalise(text, language))


@cache
def _punctuation() -> dict[int, None]:
    """Characters of the Unicode categories P*, and ASCII punctuation (which also holds symbols such as `$`)."""
    characters = (point for point in range(sys.maxunicode) if unicodedata.category(chr(point)).startswith("P"))
    return dict.fromkeys([*characters, *map(ord, string.punctuation)])
