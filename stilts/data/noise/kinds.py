"""The kinds of input noise: what each counts, which languages it can change, and the name of a condition."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1
"""Raised whenever the same settings give another text: noisy sets of another version are made again."""
CHARACTERS, CHANGEABLE, WORDS = "characters", "changeable", "words"


@dataclass(frozen=True)
class Kind:
    """One kind of noise.

    Attributes:
        name: as studies write it.
        of: what its level is a share of: all `characters` (letters and digits), the `changeable` ones (those that this
            kind can change at all), or `words`.
        doc: what it does.
        moves_words: it takes away or reorders words, so tags could not stay on them.
    """

    name: str
    of: str
    doc: str
    moves_words: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("swap", CHARACTERS, "neighbouring characters of a word change places; both count as edited"),
        Kind("drop", CHARACTERS, "characters are left out; a word keeps one"),
        Kind("insert", CHARACTERS, "a character of the same script, drawn from the text, is put behind another"),
        Kind("keyboard", CHARACTERS, "the key beside is hit, on the language's keyboard"),
        Kind("diacritics", CHANGEABLE, "accents, Arabic vowel signs and hamzas, and Hebrew points are removed"),
        Kind("lower", CHANGEABLE, "capitals become small"),
        Kind("upper", CHANGEABLE, "small letters become capitals"),
        Kind("swapcase", CHANGEABLE, "capitals become small and small letters capitals"),
        Kind("ocr", CHANGEABLE, "a character is read as one of like shape"),
        Kind("word_drop", WORDS, "words are left out; a text keeps one", moves_words=True),
        Kind("word_shuffle", WORDS, "words change places with one of the next three; both count", moves_words=True),
        Kind("code_switch", WORDS, "words are replaced by their translation in a dictionary"),
    )
}

WITHOUT_SPACES = frozenset(("th", "zh", "ja", "my"))
"""Languages written without spaces between words, so that there are no words to take (Burmese: between phrases)."""
WITHOUT_CASE = frozenset(
    ("ar", "bn", "fa", "gu", "he", "hi", "ja", "ka", "ko", "ml", "mr", "my", "pa", "ta", "te", "th", "ur", "zh")
)
"""Languages whose script has no capitals in running text (Georgian's Mtavruli is for headlines)."""
WITHOUT_DIACRITICS = (WITHOUT_CASE - {"ar", "fa", "he", "ur"}) | {"id", "ms", "sw"}
"""Languages that are written without removable diacritics; vowel signs of Indic scripts and Thai are letters here."""


def changes_nothing(kind: str, language: str) -> str:
    """Why a kind of noise has nothing to change in a language; "" where it has, or where that has to be tried."""
    from stilts.data.noise.keyboards import has_layout

    if KINDS[kind].of == WORDS and language in WITHOUT_SPACES:
        return "written without spaces between words"
    if kind in ("lower", "upper", "swapcase") and language in WITHOUT_CASE:
        return "written without capitals"
    if kind == "diacritics" and language in WITHOUT_DIACRITICS:
        return "written without diacritics"
    if kind == "keyboard" and not has_layout(language):
        return "not typed letter by letter"
    return ""


@dataclass(frozen=True)
class Noise:
    """How the inputs of one prepared set are made noisy.

    Attributes:
        condition: its name in score rows and files.
        kind: a key of `KINDS`.
        level: share, above 0 and at most 1, of what `Kind.of` says.
        seed: another one gives other edits.
        fields: which texts of an example: "all", or of span and retrieval formats "question", "context", "text",
            "english" (several joined by "+").
        dictionary: file of a code switch, in MUSE's format.
        version: `VERSION`.
    """

    condition: str
    kind: str
    level: float
    seed: int
    fields: str = "all"
    dictionary: str | None = None
    version: int = VERSION

    @property
    def name(self) -> str:
        """Condition and seed, as messages name them."""
        return f"{self.condition} seed {self.seed}"
