"""The design of the invented languages: what varies between them, and how.

Sixteen rows in which vocabulary overlap, word order, place of the adjective, script, corpus size and fertility vary
nearly independently of each other: no two columns correlate above 0.14 (found by a random search; a test asserts 0.25).
So a study over these languages can tell the factors apart, which natural languages do not allow.
"""

from __future__ import annotations

from dataclasses import dataclass

from stilts.errors import InputError

ORDERS = ("SVO", "SOV", "VSO")
_SCRIPTS = ("cyrillic", "greek", "armenian", "georgian")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
DEFAULT, MOST = 16, 64
"""Invented languages unless told otherwise, and at most (beyond 16 the rows repeat, with other words)."""
SMALLEST_CORPUS, DOUBLES_IN = 400, 5.0
FERTILITY, FERTILITY_STEP = 1.2, 0.15


@dataclass(frozen=True)
class Design:
    """The parameters of one invented language.

    Attributes:
        code: private-use code of ISO 639-3 (qaa to qtz).
        overlap: share of the concepts that keep the base language's word, 0 to 1.
        word_order: "SVO", "SOV" (which also has postpositions) or "VSO".
        adjective_after: the adjective follows its noun.
        script: of the words that are its own, its endings and names: "latin" or another.
        lines: lines of its text for masked LM.
        fertility: pieces a word that the sample's tokenizer cuts that text into, on average.
    """

    code: str
    overlap: float
    word_order: str
    adjective_after: bool
    script: str
    lines: int
    fertility: float


# overlap, word order (index), adjective after, other script, step of corpus size, step of fertility
_ROWS = (
    (0.85, 0, 1, 1, 8, 2),
    (0.30, 1, 0, 0, 4, 5),
    (0.00, 1, 1, 0, 10, 4),
    (0.60, 2, 0, 0, 7, 1),
    (0.45, 0, 0, 1, 15, 4),
    (0.00, 2, 1, 1, 12, 7),
    (0.70, 1, 1, 1, 13, 0),
    (1.00, 2, 0, 0, 14, 3),
    (0.15, 0, 1, 0, 1, 2),
    (0.30, 0, 0, 0, 11, 1),
    (0.60, 0, 0, 1, 3, 6),
    (0.85, 1, 1, 0, 9, 6),
    (0.15, 0, 0, 1, 6, 5),
    (0.70, 1, 0, 1, 0, 3),
    (0.45, 2, 1, 1, 2, 0),
    (1.00, 0, 1, 0, 5, 7),
)


def designs(count: int) -> list[Design]:
    """The first `count` languages: qaa, qab, ...

    Raises:
        InputError: `count` is below 1 or above the number of languages there can be.
    """
    if not 1 <= count <= MOST:
        raise InputError(f"{count} invented languages", f"1 to {MOST}", "change --languages")
    return [_design(index) for index in range(count)]


def _design(index: int) -> Design:
    overlap, order, after, other_script, size, fertility = _ROWS[index % len(_ROWS)]
    before = sum(row[3] for row in _ROWS[: index % len(_ROWS)]) + index // len(_ROWS)
    return Design(
        code="q" + _LETTERS[index // len(_LETTERS)] + _LETTERS[index % len(_LETTERS)],
        overlap=overlap,
        word_order=ORDERS[order],
        adjective_after=bool(after),
        script=_SCRIPTS[before % len(_SCRIPTS)] if other_script else "latin",
        lines=round(SMALLEST_CORPUS * 2 ** (size / DOUBLES_IN)),
        fertility=round(FERTILITY + FERTILITY_STEP * fertility, 2),
    )
