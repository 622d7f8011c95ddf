"""The noise of one text: pure, seeded, true to script, keyboard and gold spans."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from derive_keyboards import derive, library
from hypothesis import given, settings
from hypothesis import strategies as st

from stilts.data.noise import keyboards
from stilts.data.noise.edit import BREAK, Edited, edit
from stilts.data.noise.graphemes import graphemes, is_letter, script
from stilts.data.noise.kinds import KINDS, changes_nothing
from stilts.data.noise.letters import in_case, plain
from stilts.data.noise.measure import common
from stilts.tasks.languages import LANGUAGES

ENGLISH = "The quick brown fox, Dr. Smith's, jumps over 13 lazy dogs in the Café of Noël."
TEXTS = {
    "en": ENGLISH,
    "hi": "भारत की राजधानी नई दिल्ली में स्थित है और यह एक बड़ा शहर है।",
    "th": "ประเทศไทยมีเมืองหลวงชื่อกรุงเทพมหานคร",
    "zh": "中国的首都是北京，人口超过两千万。",
    "ar": "عاصمة مصر هي القاهرة وهي مدينة كبيرة جداً.",
    "ko": "한국의 수도는 서울이며 인구가 많다.",
    "ta": "தமிழ்நாட்டின் தலைநகரம் சென்னை ஆகும்.",
    "ja": "日本の首都は東京です。カタカナもある。",
}
DICTIONARY = {"fox": ("Fuchs",), "lazy": ("faul", "träge"), "the": ("der",)}


def noisy(text: str, kind: str, level: float, language: str = "en", seed: int = 1, **more: object) -> Edited:
    return edit(text, kind, level, seed, "id", "question", language, dictionary=DICTIONARY, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", TEXTS)
def test_level_0_is_the_identity_and_a_higher_one_edits_what_the_lower_does(kind: str, language: str) -> None:
    text = TEXTS[language]
    assert noisy(text, kind, 0, language) == Edited(*_same(noisy(text, kind, 0, language)))
    low, high = noisy(text, kind, 0.2, language), noisy(text, kind, 0.5, language)
    assert set(low.edits) <= set(high.edits)
    if not changes_nothing(kind, language) and kind not in ("diacritics", "code_switch"):
        assert noisy(text, kind, 1, language).text != text


def _same(edited: Edited) -> tuple[object, ...]:
    assert edited.text == "".join(edited.items)
    return edited.items, list(edited.items), (), edited.units


@given(
    text=st.text(max_size=60),
    kind=st.sampled_from(sorted(KINDS)),
    level=st.floats(0, 1),
    language=st.sampled_from(sorted(LANGUAGES)),
)
@settings(max_examples=150, deadline=None)
def test_any_text_of_any_script_goes_through(text: str, kind: str, level: float, language: str) -> None:
    found = noisy(text, kind, level, language)
    assert found == noisy(text, kind, level, language)
    assert "".join(found.items) == text
    assert len(found.edits) <= max(1, 2 * level * found.units + 2)
    assert noisy(text, kind, 0, language).text == text
    assert all(found.pieces[i] != found.items[i] for i in found.edits)


def test_the_text_depends_on_seed_example_and_field_only() -> None:
    same = edit(ENGLISH, "swap", 0.3, 1, "id", "question", "en")
    assert same == edit(ENGLISH, "swap", 0.3, 1, "id", "question", "en")
    others = [edit(ENGLISH, "swap", 0.3, *name, "en").text for name in
              ((2, "id", "question"), (1, "other", "question"), (1, "id", "context"))]  # fmt: skip
    assert len({same.text, *others}) == 4
    # the very text, on every machine and Python version
    assert edit("transfer of learning", "swap", 0.3, 1, "id", "question", "en").text == "tranfser of laerinng"


@pytest.mark.parametrize("language", TEXTS)
def test_characters_stay_whole_and_of_their_script(language: str) -> None:
    text = TEXTS[language]
    before = set(graphemes(text))
    scripts = {script(one) for one in before if is_letter(one)}
    for kind in ("swap", "drop", "insert"):
        after = [one for one in graphemes(noisy(text, kind, 0.4, language).text) if is_letter(one)]
        assert {script(one) for one in after} <= scripts
    swapped = noisy(text, "swap", 0.5, language)
    assert sorted(swapped.pieces) == sorted(swapped.items)
    for place in swapped.edits:
        assert swapped.pieces[place] in before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", TEXTS)
def test_what_is_protected_stays_and_is_found_again(kind: str, language: str) -> None:
    text = TEXTS[language]
    for begin, end in ((0, 1), (3, 9), (len(text) - 4, len(text))):
        found = noisy(text, kind, 0.9, language, protected=[(begin, end)])
        at = found.moved(begin)
        assert found.text[at : at + end - begin] == text[begin:end]


def test_words_of_a_sentence_keep_their_places() -> None:
    words = ["A", "of", "", "–", "learning", "Việt Nam", "ครับ"]
    for kind in KINDS:
        if not KINDS[kind].moves_words:
            after = noisy(BREAK.join(words), kind, 1, "vi").text.split(BREAK)
            assert len(after) == len(words)
            assert [bool(word) for word in after] == [bool(word) for word in words]


def test_words_are_dropped_with_a_gap_and_one_stays() -> None:
    for level in (0.1, 0.3, 0.5, 0.9):
        found = noisy(ENGLISH, "word_drop", level)
        assert "  " not in found.text
        assert found.text.split() == [word for i, word in enumerate(ENGLISH.split()) if 2 * i not in found.edits]
    assert len(noisy(ENGLISH, "word_drop", 1).text.split()) == 1


def test_words_are_shuffled_within_a_window() -> None:
    found = noisy("a b c d e f g h i j k l", "word_shuffle", 0.6)
    assert sorted(found.text.split()) == list("abcdefghijkl")
    assert found.text != "a b c d e f g h i j k l"
    for place, word in enumerate(found.text.split()):
        assert abs(place - "abcdefghijkl".index(word)) <= 3


def test_a_code_switch_keeps_punctuation_and_capitals() -> None:
    assert noisy("The fox, lazy!", "code_switch", 1).text in ("Der Fuchs, faul!", "Der Fuchs, träge!")
    assert noisy("A cat sat.", "code_switch", 1).text == "A cat sat."


def test_case_and_diacritics_by_language() -> None:
    assert [in_case("i", "upper", code) for code in ("tr", "en")] == ["İ", "I"]
    assert in_case("I", "lower", "az") == "ı"
    assert in_case("ა", "upper", "ka") == "ა"
    assert plain("ế") == "e"
    assert plain("Ł") == "L"
    assert edit("جداً", "diacritics", 1, 1, "id", "question", "ar").text == "جدا"
    assert plain("أ") == "ا"
    assert [plain(one) for one in ("कि", "ที่", "が", "한")] == ["कि", "ที่", "が", "한"]


def test_keys_beside_each_other() -> None:
    assert set(keyboards.beside("g", "en")) == set("fhtyvb")
    assert set(keyboards.beside("A", "fr")) == {"Z", "Q", "É"}
    assert "z" in keyboards.beside("t", "de")
    assert set(keyboards.beside("नि", "hi")) >= {"वि", "मि"}
    assert set("다사라거기그") <= set(keyboards.beside("가", "ko"))
    assert all(len(one) == 1 for one in keyboards.beside("한", "ko"))
    assert keyboards.beside("漢", "ja") == ()
    assert keyboards.beside("か", "ja")
    assert set(keyboards.beside("a", "hi")) == set("qwsz")
    assert keyboards.beside("ա", "qac")


def test_every_language_has_a_layout_or_is_said_to_have_none() -> None:
    assert [code for code in LANGUAGES if not keyboards.has_layout(code)] == ["zh"]
    for name, keys in keyboards._layouts().items():
        assert all(unicodedata.category(key)[0] in "LMN" for key in keys), name


def test_the_keyboards_are_those_of_xkeyboard_config() -> None:
    xkb = library()
    names = [line.split(" |")[0] for line in keyboards._ROWS.strip().splitlines()]
    found = [line for name in names if xkb and "^" not in name for line in derive(xkb, name) or []]
    if len(found) != len(names):
        pytest.skip("no libxkbcommon with xkeyboard-config 2.35.1 here")
    assert [line.rstrip() for line in found] == keyboards._ROWS.strip().splitlines()


def test_the_longest_common_subsequence() -> None:
    assert common([1, 2, 3, 4], [2, 4, 3, 1]) == 2
    assert common([], [1]) == 0
    assert common([1, 1, 2], [1, 2, 1]) == 2


def test_the_page_on_noise_lists_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "noise.md").read_text(encoding="utf-8")
    kinds = page.partition("\n## ")[0]
    rows = [line for line in kinds.splitlines() if line.startswith("| ") and "the level is" not in line]
    assert rows == [f"| {kind.name} | {kind.of} | {kind.doc} |" for kind in KINDS.values()]
