"""Languages that tasks may name: a closed list of ISO 639-1 codes and the private-use codes of invented languages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stilts.errors import InputError
from stilts.settings import unknown


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: ISO 639-1, or qaa..qtz for an invented language.
        name: in English.
        iso3: ISO 639-3 as official files write it (Tatoeba: cmn, pes and swh, not the macro-languages).
    """

    code: str
    name: str
    iso3: str


# Every code of XTREME, XTREME-R and the MLM texts. ISO 639-3: https://iso639-3.sil.org/code_tables/639/data
_TABLE = """
af Afrikaans afr|ar Arabic ara|az Azerbaijani aze|bg Bulgarian bul|bn Bengali ben|de German deu|el Greek ell
en English eng|es Spanish spa|et Estonian est|eu Basque eus|fa Persian pes|fi Finnish fin|fr French fra
gu Gujarati guj|he Hebrew heb|hi Hindi hin|ht Haitian_Creole hat|hu Hungarian hun|id Indonesian ind|it Italian ita
ja Japanese jpn|jv Javanese jav|ka Georgian kat|kk Kazakh kaz|ko Korean kor|lt Lithuanian lit|ml Malayalam mal
mr Marathi mar|ms Malay msa|my Burmese mya|nl Dutch nld|pa Punjabi pan|pl Polish pol|pt Portuguese por
qu Quechua que|ro Romanian ron|ru Russian rus|sw Swahili swh|ta Tamil tam|te Telugu tel|th Thai tha|tl Tagalog tgl
tr Turkish tur|uk Ukrainian ukr|ur Urdu urd|vi Vietnamese vie|wo Wolof wol|yo Yoruba yor|zh Chinese cmn
"""


def _languages() -> dict[str, Language]:
    rows = [row.split() for line in _TABLE.strip().splitlines() for row in line.split("|")]
    return {code: Language(code, name.replace("_", " "), iso3) for code, name, iso3 in rows}


LANGUAGES: dict[str, Language] = _languages()

MULTIPLE = "mul"
"""ISO 639-2 for a set that is in many languages at once (Mewsli-X's candidates)."""

# ISO 639-3 keeps qaa..qtz for local use: the invented languages of the sample benchmark. Every task accepts them.
_PRIVATE = re.compile(r"q[a-t][a-z]")


def get_language(code: str) -> Language:
    """The language with this code. Raises InputError for a code that is neither listed nor in qaa..qtz."""
    if code in LANGUAGES:
        return LANGUAGES[code]
    if isinstance(code, str) and is_invented(code):
        return Language(code, f"invented language {code}", code)
    if code == MULTIPLE:
        return Language(code, "multiple languages", code)
    raise unknown(f"language {code!r}", str(code), list(LANGUAGES), "use one of these or a code in qaa..qtz")


def is_invented(code: str) -> bool:
    """Whether a code is of the range that the sample benchmark's languages have."""
    return _PRIVATE.fullmatch(code) is not None


def check_language(code: str, allowed: tuple[str, ...] | None = None, where: str = "") -> None:
    """Refuse a code that does not exist, or that is not among `allowed` (private codes always are).

    Args:
        code: the code to check.
        allowed: the languages of a task.
        where: what to name in the message, as `target.languages`.
    """
    get_language(code)
    if allowed is not None and code not in allowed and not is_invented(code):
        raise InputError(
            f"language {code!r}{f' of {where}' if where else ''}",
            f"one of {', '.join(allowed)}",
            "remove it or choose another task",
        )
