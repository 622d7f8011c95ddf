"""Reads bilingual dictionaries as MUSE publishes them: a word and a translation a line."""

from __future__ import annotations

from pathlib import Path

from stilts.errors import InputError


def read_dictionary(path: Path) -> dict[str, tuple[str, ...]]:
    """Word in small letters -> its translations, in the file's order.

    The columns are parted by a tab or a space, as in facebookresearch/MUSE; further lines of a word add translations.

    Raises InputError for a file that is not there, or a line without two columns.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the dictionary {path} cannot be read: {error}", "a UTF-8 text file", "mend evaluation.conditions"
        ) from None
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        columns = line.strip().split("\t") if "\t" in line else line.split()
        if len(columns) != 2:
            raise InputError(f"{path} row {number}: {line!r}", "a word and its translation", "mend the row")
        word, translation = (column.strip() for column in columns)
        found.setdefault(word.lower(), {})[translation] = None
    return {word: tuple(translations) for word, translations in found.items()}
