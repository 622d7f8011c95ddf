"""Cuts English paragraphs into sentences, as LAReQA's training data need it: SQuAD comes without sentence boundaries.

A sentence ends at `.`, `?` or `!`, with the quotes, brackets and footnote marks that follow, before white space and a
capital letter, a digit or an opening quote. It does not end after a title or another abbreviation that a name or a
number follows, nor after an initial. Measured against LAReQA's own boundaries, which its English XQuAD-R file has:
`tests/data/test_sentences.py`.
"""

from __future__ import annotations

import re

_END = re.compile(
    r"""(?P<stop>[.?!])(?:[)'"\u201d\u2019\]]|\[[\w ]{1,20}\])*\s+(?=[(\["'\u201c\u2018]*[A-Z0-9\u00c0-\u00de])"""
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'\u201c])(?:"
    r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]"  # initials, U.S., e.g.
    r"|Mrs?|Ms|Drs?|Prof|Rev|Fr|St|Ste|Lt|Gen|Col|Maj|Capt|Sgt|Adm|Cmdr|Gov|Sen|Rep|Pres|Hon|Jr|Sr|Messrs"
    r"|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|Mt|Ft|Inc|Co|Corp|Ltd|Bros"
    r"|vs?|cf|ca|approx|etc|al|esp|est|No|no|Nos|Vol|vol|Art|art|Sec|ch|pp?|b|d|r|c|fl"
    r")$"
)
_MAY_END = re.compile(r"(?:^|\s)(?:etc|al|Jr|Sr|Inc|Co|Corp|Ltd|(?:[A-Z]\.)+[A-Z])$")
"""Abbreviations after which a sentence begins where the next word is one that begins sentences."""
_BEGINS = re.compile(
    r"[(\"'\u201c]*(?:The|This|These|Those|That|It|Its|He|She|They|We|In|On|At|By|For|From|After|Before|During|When|While"
    r"|However|Although|Since|As|With|Some|Many|Most|Both|There|According|Under|Several|Meanwhile|A|An)\s"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """(first character, end) of every sentence of an English text, without white space around it."""
    bounds, first = [], 0
    for match in _END.finditer(text):
        if not _goes_on(text[first : match.start()], text, match):
            bounds.append((first, match.end()))
            first = match.end()
    bounds.append((first, len(text)))
    return [span for span in (_stripped(text, *bound) for bound in bounds) if span[0] < span[1]]


def _goes_on(before: str, text: str, match: re.Match[str]) -> bool:
    """Whether the stop belongs to an abbreviation within a sentence."""
    if match["stop"] != "." or not _ABBREVIATION.search(before):
        return False
    return not (_MAY_END.search(before) and _BEGINS.match(text, match.end()))


def _stripped(text: str, first: int, end: int) -> tuple[int, int]:
    part = text[first:end]
    return first + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())
