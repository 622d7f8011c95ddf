"""Writes Latin letters in other scripts, letter by letter, so that names and invented words exist in each."""

from __future__ import annotations

LETTERS = "abdefghijklmnoprstuvz"
"""What invented words and names are made of."""
_OTHERS = {
    "cyrillic": "абдефгхийклмнопрстувз",
    "greek": "αβδεφγηιξκλμνοπρστυωζ",
    "armenian": "աբդէֆգհիջկլմնօպրստովզ",
    "georgian": "აბდეფგჰიჯკლმნოპრსტუვზ",
}
ALPHABETS: dict[str, str] = {"latin": LETTERS, **_OTHERS}
_MAPS = {name: str.maketrans(LETTERS, alphabet) for name, alphabet in ALPHABETS.items()}


def written(word: str, script: str) -> str:
    """`word` (lower-case letters of LETTERS) in `script`."""
    return word.translate(_MAPS[script])


def capital(word: str) -> str:
    """The word with a capital first letter, where its script has capitals."""
    return word[:1].title() + word[1:]
