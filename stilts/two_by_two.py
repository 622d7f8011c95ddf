"""The recipes of question 5's 2 x 2 and their names: domain matched or not x data in English or in a near language."""

from __future__ import annotations

MATCHED, OTHER, ENGLISH, NEAR = "matched", "mismatched", "english", "near"
CELLS = ((MATCHED, ENGLISH), (MATCHED, NEAR), (OTHER, ENGLISH), (OTHER, NEAR))
NAMES = ", ".join("-".join(cell) for cell in CELLS)


def cell_of(text: str) -> tuple[str, str] | None:
    """The cell that a text names: `matched-near`, `mismatched english`, ...; None where it names none."""
    words = "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()
    found = [cell for cell in CELLS if all(words.count(part) == 1 for part in cell)]
    return found[0] if len(found) == 1 else None
