"""Translators without a model: pure functions of a text, for tests of what is around them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

from stilts.translation.carry import Piece, Translate
from stilts.translation.markers import KINDS


def translating(how: Callable[[str], str]) -> Translate:
    """A translator that applies `how` to each text."""

    def translate(texts: Sequence[str]) -> Mapping[str, Piece]:
        assert len(set(texts)) == len(texts), "no text is translated twice"
        return {text: Piece(how(text)) for text in texts}

    return translate


def swapped(text: str) -> str:
    """The text in the other case: other words, the same places."""
    return text.swapcase()


def forgetful(text: str) -> str:
    """As `swapped`, but a third of the texts lose their opening bracket or tag."""
    made = swapped(text)
    if zlib.crc32(text.encode()) % 3:
        return made
    for markers in KINDS.values():
        made = markers.opened.sub("", made)
    return made
