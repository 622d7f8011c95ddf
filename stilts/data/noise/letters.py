"""Letters without their diacritics, and in the other case."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_MARKS = ((0x0300, 0x036F), (0x0591, 0x05C7), (0x064B, 0x0655), (0x0670, 0x0670))
"""Combining marks that are removed: Latin, Greek and Cyrillic; Hebrew points; Arabic vowel signs, madda and hamza.

Vowel signs and viramas of Indic scripts, Thai vowels and tones and the dots of kana are no such marks.
"""
_STROKES = str.maketrans("đĐøØłŁħĦ", "dDoOlLhH")
"""Letters that Unicode does not decompose."""
_TURKIC = ("tr", "az")
_NO_CASE = ("ა", "ჿ")
"""Georgian: Unicode has capitals (Mtavruli), running text has none."""


@lru_cache(65536)
def plain(grapheme: str) -> str:
    """The grapheme without diacritics."""
    kept = (c for c in unicodedata.normalize("NFD", grapheme) if not any(a <= ord(c) <= b for a, b in _MARKS))
    return unicodedata.normalize("NFC", "".join(kept)).translate(_STROKES) or grapheme


@lru_cache(65536)
def in_case(grapheme: str, case: str, language: str) -> str:
    """The grapheme in a case: "lower", "upper" or "swapcase". Turkish and Azerbaijani pair i with İ and ı with I."""
    if _NO_CASE[0] <= grapheme[0] <= _NO_CASE[1]:
        return grapheme
    if language in _TURKIC and grapheme in ("i", "İ", "ı", "I"):
        capital = grapheme in ("İ", "I")
        if case == "upper" or (case == "swapcase" and not capital):
            return {"i": "İ", "ı": "I"}.get(grapheme, grapheme)
        return {"İ": "i", "I": "ı"}.get(grapheme, grapheme)
    changed: str = getattr(grapheme, case)()
    return changed
