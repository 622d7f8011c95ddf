"""`languages.csv` of a sample: what anybody can count in its files, for analyses that know natural languages by name.

No database knows invented languages, so `stilts analyse typology` takes their sizes and scripts from here. Measured in
the files that were written; how the languages were made is not looked at.
"""

from __future__ import annotations

import csv
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path

OBSERVED = "languages.csv"
COLUMNS = ("language", "log_size", "other_script")


def write_observed(root: Path, base: str, others: Sequence[str]) -> None:
    """Write languages.csv: log10 of the bytes of a language's raw text, and the share of its letters in other scripts.

    The letters are those of its sentences for retrieval, which are in no other language; the base language's script is
    the one that most of its own letters are in.
    """
    found = {code: _scripts(root / f"tatoeba/tatoeba.{code}-eng.{code}") for code in others}
    found[base] = _scripts(root / f"tatoeba/tatoeba.{others[0]}-eng.eng")
    script = max(found[base], key=lambda name: found[base][name])
    with (root / OBSERVED).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for code in (base, *others):
            size = (root / f"mlm_text/sample/{code}.txt").stat().st_size
            share = found[code].get(script, 0) / sum(found[code].values())
            rows.writerow((code, f"{math.log10(size):.4f}", f"{1 - share:.4f}"))


def _scripts(path: Path) -> dict[str, int]:
    """How many letters of a file are in each script, by the first word of their names."""
    counts: dict[str, int] = {}
    for letter in path.read_text(encoding="utf-8"):
        if letter.isalpha():
            name = unicodedata.name(letter, "?").split()[0]
            counts[name] = counts.get(name, 0) + 1
    return counts
