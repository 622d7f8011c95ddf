"""Text as what a reader sees as characters (extended grapheme clusters, Unicode UAX #29), with their scripts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import regex

_CLUSTER = regex.compile(r"\X")
_FIRST, _LAST = "가", "힣"
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = 28  # final consonants, none among them (The Unicode Standard, section 3.12)


class _Hangul:
    def __contains__(self, character: object) -> bool:
        return isinstance(character, str) and _FIRST <= character <= _LAST


HANGUL = _Hangul()
"""The precomposed syllables of Hangul."""


def graphemes(text: str) -> list[str]:
    """The grapheme clusters of a text, which joined give the text."""
    return _CLUSTER.findall(text)


@lru_cache(65536)
def is_letter(grapheme: str) -> bool:
    """Whether a grapheme is written with a letter or a digit: what character noise may change."""
    return unicodedata.category(grapheme[0])[0] in "LN"


@lru_cache(65536)
def script(grapheme: str) -> str:
    """The script of a grapheme: the first word of its first character's Unicode name, as LATIN, DEVANAGARI, CJK."""
    return unicodedata.name(grapheme[0], "?").split(" ")[0].split("-")[0]


def jamo(syllable: str) -> list[str]:
    """Initial consonant, vowel and the number of the final consonant (as text) of a Hangul syllable."""
    number = ord(syllable) - ord(_FIRST)
    initial, rest = divmod(number, len(_VOWELS) * _FINALS)
    return [_INITIALS[initial], _VOWELS[rest // _FINALS], str(rest % _FINALS)]


def compose(parts: Sequence[str]) -> str:
    """The syllable of what `jamo` gives; "" where there is none."""
    initial, vowel, final = parts
    if initial not in _INITIALS or vowel not in _VOWELS:
        return ""
    number = (_INITIALS.index(initial) * len(_VOWELS) + _VOWELS.index(vowel)) * _FINALS + int(final)
    return chr(ord(_FIRST) + number)
