"""languages.csv says what can be counted in the files, and nothing of how the languages were made."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from stilts.analysis.controls import SCRIPT, SIZE, controls, read_languages


def test_sizes_and_scripts_are_counted(sample: Path) -> None:
    table = pd.read_csv(sample / "languages.csv").set_index("language")
    assert list(table) == [SIZE, SCRIPT]
    assert len(table) == 17
    for code in ("en", "qaa", "qac"):
        size = len((sample / f"mlm_text/sample/{code}.txt").read_bytes())
        assert table.loc[code, SIZE] == pytest.approx(math.log10(size), abs=1e-4)
    letters = [letter for letter in (sample / "tatoeba/tatoeba.qac-eng.qac").read_text("utf-8") if letter.isalpha()]
    latin = sum(letter.isascii() for letter in letters) / len(letters)
    assert table.loc["qac", SCRIPT] == pytest.approx(1 - latin, abs=1e-4)
    assert table.loc["en", SCRIPT] == 0
    assert table[SCRIPT].max() > 0.5


def test_the_analysis_of_typology_reads_it(sample: Path) -> None:
    path = sample / "languages.csv"
    table = read_languages(path)
    known = controls(list(table.index), table, path)
    assert known[[SIZE, SCRIPT]].notna().all(axis=None)
    assert known[SIZE].nunique() > 10
