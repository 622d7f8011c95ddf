"""How translation models name languages: the token that a translation begins with, for each of our codes.

NLLB's codes are those of FLORES-200 (arXiv 2207.04672, table 1) and of transformers' NllbTokenizer; M2M-100 writes
`__de__`, mBART `de_DE`, a Marian model of several targets `>>deu<<` before the source. A test holds the table against
transformers' lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stilts.errors import InputError
from stilts.tasks.languages import get_language

_NLLB_TABLE = """
af:afr_Latn ar:arb_Arab az:azj_Latn bg:bul_Cyrl bn:ben_Beng de:deu_Latn el:ell_Grek en:eng_Latn es:spa_Latn et:est_Latn
eu:eus_Latn fa:pes_Arab fi:fin_Latn fr:fra_Latn gu:guj_Gujr he:heb_Hebr hi:hin_Deva ht:hat_Latn hu:hun_Latn id:ind_Latn
it:ita_Latn ja:jpn_Jpan jv:jav_Latn ka:kat_Geor kk:kaz_Cyrl ko:kor_Hang lt:lit_Latn ml:mal_Mlym mr:mar_Deva ms:zsm_Latn
my:mya_Mymr nl:nld_Latn pa:pan_Guru pl:pol_Latn pt:por_Latn qu:quy_Latn ro:ron_Latn ru:rus_Cyrl sw:swh_Latn ta:tam_Taml
te:tel_Telu th:tha_Thai tl:tgl_Latn tr:tur_Latn uk:ukr_Cyrl ur:urd_Arab vi:vie_Latn wo:wol_Latn yo:yor_Latn zh:zho_Hans
"""
_MBART_TABLE = """
af_ZA ar_AR az_AZ bn_IN de_DE en_XX es_XX et_EE fa_IR fi_FI fr_XX gu_IN he_IL hi_IN id_ID it_IT ja_XX ka_GE kk_KZ ko_KR
lt_LT ml_IN mr_IN my_MM nl_XX pl_PL pt_XX ro_RO ru_RU sw_KE ta_IN te_IN th_TH tl_XX tr_TR uk_UA ur_PK vi_VN zh_CN
"""
NLLB = {pair[:2]: pair[3:] for pair in _NLLB_TABLE.split()}
MBART = {code[:2]: code for code in _MBART_TABLE.split()}


@dataclass(frozen=True)
class Naming:
    """One way to name languages.

    Attributes:
        name: of the models that do.
        code: our code -> what the tokenizer calls the language (`src_lang`); None for one it has no name for.
        token: what it is called -> the token that stands for it.
        first: whether a translation begins with the token (`forced_bos_token_id`); else the source does.
    """

    name: str
    code: Callable[[str], str | None]
    token: Callable[[str], str]
    first: bool = True


NAMINGS = (
    Naming("NLLB", NLLB.get, str),
    Naming("M2M-100", lambda code: code, lambda code: f"__{code}__"),
    Naming("mBART", MBART.get, str),
    Naming("Marian", lambda code: get_language(code).iso3, lambda code: f">>{code}<<", first=False),
)


def naming_of(source: str, known: Callable[[str], bool]) -> Naming | None:
    """How a model names languages, by the token of the source; None for a model of one pair.

    Args:
        source: our code of the language to translate from.
        known: whether the tokenizer has a token.
    """
    for naming in NAMINGS:
        code = naming.code(source)
        if naming.first and code is not None and known(naming.token(code)):
            return naming
    return None


def target_token(naming: Naming | None, language: str, known: Callable[[str], bool]) -> tuple[Naming | None, str]:
    """The naming and the token of a target language; ("", None) for a model of one pair, whose target is its own.

    Raises InputError for a language that the model does not have.
    """
    marian = NAMINGS[-1]
    for one in (naming,) if naming else (marian,):
        for code in dict.fromkeys(filter(None, (one.code(language), language if one is marian else None))):
            if known(one.token(code)):
                return one, one.token(code)
    if naming is None:
        return None, ""
    raise InputError(
        f"the model has no token for {language!r} ({naming.name} names it {naming.code(language)!r})",
        "a language that the model translates into",
        "leave it out of --to, or take another --model",
    )
