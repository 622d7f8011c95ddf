"""Markers around an answer, which a translator carries over to where the answer is in the translation.

Square brackets and tags are what Chen et al. 2023 compare for such projection ("Frustratingly Easy Label Projection for
Cross-lingual Transfer", EasyProject; brackets did best there). A translator may change them a little: spaces within
them, full-width brackets in Chinese and Japanese. Anything else counts as lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CLOSING = ",.;:!?)]}»”’…、。，；：！？）।؟،"
"""What follows a word without a space: a space that a translator put before the closing marker goes before these."""


@dataclass(frozen=True)
class Markers:
    """One kind of markers.

    Attributes:
        opening, closing: as they are written into a source.
        opened, closed: patterns of what they may look like in a translation.
    """

    opening: str
    closing: str
    opened: re.Pattern[str]
    closed: re.Pattern[str]

    def in_text(self, text: str) -> bool:
        """Whether a text holds something that would be taken for one of them."""
        return bool(self.opened.search(text) or self.closed.search(text))


KINDS: dict[str, Markers] = {
    "brackets": Markers("[", "]", re.compile(r"[\[［【]"), re.compile(r"[\]］】]")),
    "tags": Markers("<b>", "</b>", re.compile(r"<\s*[bB]\s*>"), re.compile(r"<\s*/\s*[bB]\s*>")),
    "guillemets": Markers("«", "»", re.compile(r"[«《]"), re.compile(r"[»》]")),
    "braces": Markers("{", "}", re.compile(r"[{｛]"), re.compile(r"[}｝]")),
}


def choose(text: str, preferred: str) -> Markers | None:
    """The preferred kind, or the first other one where the text holds its characters; None where it holds all."""
    return next((KINDS[kind] for kind in (preferred, *KINDS) if not KINDS[kind].in_text(text)), None)


def mark(text: str, start: int, end: int, markers: Markers) -> str:
    """The text with markers around `text[start:end]`."""
    return f"{text[:start]}{markers.opening}{text[start:end]}{markers.closing}{text[end:]}"


def unmark(text: str, markers: Markers) -> tuple[str, int, str] | None:
    """(text without markers, first character of the answer in it, answer); None where the markers are lost.

    They count where each is there once, in order, with something between. Spaces that a translator put inside of them
    go to their outside, and away where there is one already.
    """
    opened, closed = list(markers.opened.finditer(text)), list(markers.closed.finditer(text))
    if len(opened) != 1 or len(closed) != 1 or opened[0].end() > closed[0].start():
        return None
    before, inner, after = text[: opened[0].start()], text[opened[0].end() : closed[0].start()], text[closed[0].end() :]
    answer = inner.strip()
    if not answer:
        return None
    lead, tail = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    before += "" if not before or before[-1].isspace() else lead
    tail = "" if not after or after[0].isspace() or after[0] in CLOSING else tail
    return f"{before}{answer}{tail}{after}", len(before), answer
