"""The sample's translated training sets: read with no further key, row by row the English ones, in a near language."""

from __future__ import annotations

from pathlib import Path

import pytest

from stilts.config import DataSettings
from stilts.data.sources import read_examples
from stilts.sample.design import designs
from stilts.sample.language import base_language, invented_languages
from stilts.sample.lexicon import BASE_ONLY, LEXICON
from stilts.sample.sets import SIZES
from stilts.sample.writer import NEAR, TRANSLATED
from stilts.tasks import get_task

FILES = ("README.txt", "commonsenseqa/train_rand_split.jsonl", "squad/train-v1.1.json")


def examples(root: Path, task: str, language: str, source: str | None = None) -> list:
    return read_examples(get_task(task), "train", language, DataSettings(root=str(root)), translated_from=source)[0]


def both(root: Path, task: str) -> list[tuple]:
    """Each English row and its translation."""
    english, translated = examples(root, task, "en"), examples(root, task, TRANSLATED, "en")
    assert len(english) == len(translated) == SIZES[task]["train"]
    return list(zip(english, translated, strict=True))


def starts_alike(english: str, translated: str) -> bool:
    """The first word is the same but for endings: TRANSLATED has all words of the base language, verbs in one form."""
    one, other = (text.lower().split()[0] for text in (english, translated))
    return other.startswith(one.removesuffix("s"))


def test_nothing_else_is_in_the_folder(sample: Path) -> None:
    folder = sample / "translated" / f"en-{TRANSLATED}"
    found = [path for path in (sample / "translated").rglob("*") if path.is_file()]
    assert sorted(found) == [folder / name for name in FILES]
    assert f"languages: [{TRANSLATED}]" in (folder / "README.txt").read_text()


def test_questions_are_the_english_ones_with_answers_in_their_contexts(sample: Path) -> None:
    for english, row in both(sample, "squad_v1"):
        assert (row.id, row.article, len(row.answers)) == (english.id, english.article, len(english.answers))
        text, start = row.answers[0]
        assert row.context[start : start + len(text)] == text
        assert starts_alike(english.answers[0][0], text)
        assert row.context != english.context
        assert row.question.endswith("?")
        assert starts_alike(english.question, row.question)


def test_choices_are_the_english_ones_in_their_order(sample: Path) -> None:
    for english, row in both(sample, "commonsenseqa"):
        assert (row.id, row.label) == (english.id, english.label)
        assert all(starts_alike(*pair) for pair in zip(english.choices, row.choices, strict=True))
        assert row.text != english.text


def test_no_translated_item_is_in_an_evaluation_set_and_no_token_is_unknown(sample: Path, tokenizer) -> None:
    rows = examples(sample, "squad_v1", TRANSLATED, "en")
    known = {text for row in rows for text in (row.context, row.question)}
    for task, split in (("mlqa", "dev"), ("mlqa", "test"), ("xquad", "test"), ("tydiqa", "dev")):
        scored = read_examples(get_task(task), split, TRANSLATED, DataSettings(root=str(sample)))[0]
        assert not known & {text for row in scored for text in (row.context, row.question)}
    asked = examples(sample, "commonsenseqa", TRANSLATED, "en")
    texts = [
        *(row.context for row in rows[:100]),
        *(row.text for row in asked),
        *(c for row in asked for c in row.choices),
    ]
    assert all(tokenizer.unk_token_id not in ids for ids in tokenizer(texts)["input_ids"])


def test_the_language_is_near_in_the_order_of_words_and_no_nearer_in_the_words() -> None:
    table = {design.code: design for design in designs(16)}
    one, other = table[TRANSLATED], table[NEAR]
    alike = [(design.word_order, design.adjective_after, design.script) for design in (one, other)]
    assert alike[0] == alike[1] == ("VSO", False, "latin")
    assert base_language().word_order != "VSO"
    languages = {language.code: language for language in invented_languages(8, seed=1)}
    words = [concept for concept in LEXICON if concept not in BASE_ONLY]

    def shared(with_: str) -> float:
        forms = base_language().forms if with_ == "en" else languages[with_].forms
        return sum(forms[word][0] == languages[NEAR].forms[word][0] for word in words) / len(words)

    assert shared("en") == shared(TRANSLATED) == pytest.approx(0.6, abs=0.02)
