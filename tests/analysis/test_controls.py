"""Controls of languages: shipped numbers, and a study's own before them."""

from __future__ import annotations

import math

import numpy as np

from stilts.analysis.controls import CONTROLS, SMALLEST_GIB, controls, read_languages
from stilts.tasks.languages import LANGUAGES


def test_every_language_of_both_benchmarks_has_size_and_script():
    found = controls(list(LANGUAGES))
    assert tuple(found) == CONTROLS
    assert not found[["log_size", "other_script"]].isna().any().any()
    assert found[["fertility", "unknown_rate"]].isna().all().all()
    # XLM-R's table: English first, Russian and Indonesian next, Javanese small, no Yoruba at all
    assert found["log_size"].sort_values(ascending=False).index[:3].tolist() == ["en", "ru", "id"]
    assert found.loc["en", "log_size"] == math.log10(300.8)
    assert found.loc["jv", "log_size"] == math.log10(0.2)
    assert found.loc["yo", "log_size"] == math.log10(SMALLEST_GIB)
    assert found.loc[["de", "vi", "tr", "sw"], "other_script"].tolist() == [0, 0, 0, 0]
    assert found.loc[["ru", "ja", "ur", "my", "el"], "other_script"].tolist() == [1, 1, 1, 1, 1]


def test_a_study_s_numbers_go_first(tmp_path):
    path = tmp_path / "languages.csv"
    path.write_text("language,gib,script,fertility\nqaa,10,Cyrl,1.5\nde,1000,,\nfr,,Latn,2\n")
    found = controls(["qaa", "de", "fr", "qab"], read_languages(path), path)
    assert found.loc["qaa"].tolist()[:3] == [1, 1, 1.5]
    assert found.loc["de", "log_size"] == 3
    assert found.loc["de", "other_script"] == 0
    assert found.loc["fr", "log_size"] == math.log10(56.8)
    assert found.loc["fr", "fertility"] == 2
    assert np.isnan(found.loc["qab"].to_numpy()).all()
