"""URIEL's features and distances: every language of both benchmarks, offline, and a study's own features."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cosine as scipy_cosine

from stilts.analysis import uriel
from stilts.analysis.controls import read_languages
from stilts.analysis.uriel import KINDS, KNN, distances, features_from, uriel_code, uriel_features
from stilts.errors import InputError, StiltsError
from stilts.tasks.languages import LANGUAGES

OTHERS = [code for code in LANGUAGES if code != "en"]


@pytest.fixture(scope="module")
def filled():
    return uriel_features(list(LANGUAGES), KNN)


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_every_language_of_both_benchmarks_has_an_entry(code):
    assert uriel_code(code) == LANGUAGES[code].iso3


@pytest.mark.parametrize(
    ("code", "iso3"),
    [("zh", "cmn"), ("he", "heb"), ("jv", "jav"), ("tl", "tgl"), ("fa", "pes"), ("sw", "swh"), ("ms", "msa"),
     ("qu", "que"), ("sv", "swe"), ("deu", "deu"), ("qaa", None), ("xx", None)],
)  # fmt: skip
def test_codes(code, iso3):
    assert uriel_code(code) == iso3


def test_values_that_lang2vec_prints_in_its_documentation(filled):
    geography = filled.kinds["geography"][filled.languages.index("en")]
    assert geography[:4] == pytest.approx([0.7665, 0.7924, 0.8278, 0.7214], abs=1e-4)
    for code in ("en", "fr"):  # WALS: subject before verb before object, no other order
        assert filled.kinds["syntax"][filled.languages.index(code)][:3].tolist() == [1, 0, 0]


def test_distances_are_cosine_distances_of_all_languages(filled):
    found = distances(filled)
    assert list(found.values.index) == OTHERS
    assert tuple(found.values) == KINDS
    assert found.totals == {"syntax": 103, "phonology": 28, "inventory": 158, "family": 170, "geography": 299}
    assert not found.values.isna().any().any()
    assert (found.missing == 0).all().all()
    for kind in KINDS:
        english, chinese = (filled.kinds[kind][filled.languages.index(code)] for code in ("en", "zh"))
        assert found.values.loc["zh", kind] == pytest.approx(scipy_cosine(english, chinese), abs=1e-12)
    # what the families' trees say: nearest is the nearest relative, and strangers have nothing in common
    assert found.values["family"].idxmin() == "de"
    assert (found.values.loc[["eu", "ja", "tr", "qu"], "family"] == 1).all()
    assert found.values["geography"].idxmin() == "nl"


def test_gaps_are_counted_and_not_filled():
    found = distances(uriel_features(["en", "fr", "et", "he"]))
    assert found.missing.loc["fr"].tolist() == [6, 3, 0, 0, 0]
    assert np.isnan(found.values.loc["et", "phonology"])
    assert np.isnan(found.values.loc["he", "phonology"])  # 3 of 28 features: no distance
    features = uriel_features(["en", "fr"])
    english, french = features.kinds["syntax"]
    both = ~np.isnan(english) & ~np.isnan(french)
    assert both.sum() == 97
    assert found.values.loc["fr", "syntax"] == pytest.approx(scipy_cosine(english[both], french[both]))


def test_families(filled):
    of = filled.families
    assert of["de"] == of["hi"] == of["lt"] == "Indo-European"
    assert (of["fi"], of["tl"], of["zh"], of["sw"]) == ("Uralic", "Austronesian", "Sino-Tibetan", "Atlantic-Congo")
    assert (of["eu"], of["qu"]) == ("eu", "qu")
    assert len(set(of.values())) == 15


def test_without_the_package_one_line_says_what_is_missing(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(uriel, "distribution", missing)
    for cached in (uriel._index, uriel._letter_codes):
        cached.cache_clear()
    with pytest.raises(StiltsError, match="lang2vec, whose data hold URIEL, is not installed"):
        uriel_features(["xyz"])


def test_unknown_languages_are_named_in_one_line():
    with pytest.raises(InputError, match="URIEL for qaa, xx;") as error:
        uriel_features(["en", "qaa", "de", "xx"])
    assert "features=FILE" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_study_s_own_features(tmp_path):
    path = tmp_path / "languages.csv"
    path.write_text(
        "language,family,order:sov,order:vso,sound:clicks\nen,A,0,1,1\nqaa,A,1,1,1\nqab,,,1,0.5\nqac,B,1,,0\n"
    )
    features = features_from(read_languages(path), path)
    assert features.families == {"en": "A", "qaa": "A", "qab": "qab", "qac": "B"}
    found = distances(features)
    assert found.values.loc["qaa"].tolist() == pytest.approx([1 - np.sqrt(0.5), 0])
    assert found.values["order"].isna().tolist() == [False, True, True]  # both features are needed where there are two
    assert found.values["sound"].tolist() == [0, 0, 1]
    assert found.missing["order"].tolist() == [0, 1, 1]
    with pytest.raises(InputError, match="no features of qaz"):
        distances(features, "qaz")


@pytest.mark.parametrize(
    ("text", "message"),
    [("code,a:b\nen,1\n", "columns code, a:b"), ("language,a:b\nen,1\nen,0\n", "en twice"), ("", "No columns"),
     ("language,a:b\nen,yes\n", "language en, a:b: 'yes'")],
)  # fmt: skip
def test_files_of_languages_that_are_refused(tmp_path, text, message):
    path = tmp_path / "languages.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        features_from(read_languages(path), path)


def test_a_file_without_features_gives_none(tmp_path):
    path = tmp_path / "languages.csv"
    path.write_text("language,gib\nqaa,1\n")
    assert features_from(read_languages(path), path) is None
    assert isinstance(read_languages(path), pd.DataFrame)
    with pytest.raises(InputError, match="no file at"):
        read_languages(tmp_path / "none.csv")
