"""Language codes of translation models, against the lists of transformers."""

from __future__ import annotations

import pytest

from stilts.errors import InputError
from stilts.tasks import LANGUAGES, TASKS, languages_of
from stilts.translation.codes import MBART, NAMINGS, NLLB, naming_of, target_token

NLLB_TOKENS = {*NLLB.values()}
M2M_TOKENS = {"__en__", "__de__", "__sw__"}


def test_nllb_has_every_language_of_xtreme_r() -> None:
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    assert set(NLLB) == set(LANGUAGES)
    assert set(NLLB.values()) <= set(FAIRSEQ_LANGUAGE_CODES)
    assert len(set(NLLB.values())) == len(NLLB)
    assert {code for task in TASKS.values() for code in languages_of(task, "xtreme_r")} <= set(NLLB)
    same = {code for code, language in LANGUAGES.items() if NLLB[code][:3] == language.iso3}
    # a macro-language stands for one of its members; Chinese is cmn in ISO 639-3, zho its macro-language
    assert set(NLLB) - same == {"ar", "az", "ms", "qu", "zh"}


def test_mbart_and_m2m() -> None:
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M
    from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES

    assert set(MBART.values()) <= set(FAIRSEQ_LANGUAGE_CODES)
    assert {code for code in LANGUAGES if any(theirs[:2] == code for theirs in FAIRSEQ_LANGUAGE_CODES)} == set(MBART)
    assert set(LANGUAGES) - set(M2M["m2m100"]) == {"eu", "qu", "te"}, "the others have our codes"


@pytest.mark.parametrize(
    ("tokens", "name", "token"),
    [
        (NLLB_TOKENS, "NLLB", "swh_Latn"),
        (M2M_TOKENS, "M2M-100", "__sw__"),
        ({"en_XX", "sw_KE"}, "mBART", "sw_KE"),
        ({">>swh<<"}, "Marian", ">>swh<<"),
        ({">>sw<<"}, "Marian", ">>sw<<"),
    ],
)
def test_the_tokenizer_tells_how_languages_are_named(tokens: set[str], name: str, token: str) -> None:
    naming = naming_of("en", tokens.__contains__)
    found, made = target_token(naming, "sw", tokens.__contains__)
    assert found is not None
    assert (found.name, made) == (name, token)


def test_a_model_of_one_pair_names_nothing() -> None:
    assert naming_of("en", lambda token: False) is None
    assert target_token(None, "de", lambda token: False) == (None, "")


def test_a_language_that_the_model_lacks_is_named() -> None:
    with pytest.raises(InputError, match=r"no token for 'eu' \(M2M-100 names it 'eu'\)"):
        target_token(naming_of("en", M2M_TOKENS.__contains__), "eu", M2M_TOKENS.__contains__)
    with pytest.raises(InputError, match=r"no token for 'yo' \(mBART names it None\)"):
        target_token(NAMINGS[2], "yo", lambda token: token == "en_XX")
