"""Noise on real text of many scripts: the asked rate, gold spans, tags, and one text on any number of processes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from stilts.config import DataSettings
from stilts.data.noise.examples import NoisyExamples
from stilts.data.noise.kinds import KINDS, Noise, changes_nothing
from stilts.data.sources import read_examples
from stilts.tasks import get_task
from stilts.tasks.examples import SentenceExample

XNLI = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
TATOEBA = ("bn", "he", "ja", "ka", "ko", "ta", "te")
SPANS = (("mlqa", "dev", "hi"), ("mlqa", "dev", "zh"), ("mlqa", "dev", "ar"), ("xquad", "test", "th"),
         ("tydiqa", "train", "ko"), ("xquad", "test", "ru"))  # fmt: skip
TAGGED = (("en", "test"), ("ta", "test"), ("th", "test"), ("zh", "test"), ("ar", "test"))
SOME = 1000  # sentences
STRICT = ("swap", "drop", "insert", "keyboard", "ocr", "word_drop", "word_shuffle")


@lru_cache(4)
def examples(root: Path, task: str, split: str, language: str, count: int) -> list[Any]:
    found = read_examples(get_task(task), split, language, DataSettings(root=str(root)), count)[0]
    assert found
    return found


def noisy(found: list[Any], language: str, kind: str, level: float, **more: Any) -> NoisyExamples:
    made = NoisyExamples(Noise("", kind, level, 1, **more), language)
    made.made = made.of(found)  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("language", [*XNLI, *TATOEBA])
def test_the_rate_is_the_asked_one(real_data: Path, language: str) -> None:
    if language in XNLI:
        found, fields = examples(real_data, "xnli", "dev", language, SOME // 2), "all"  # two sentences each
    else:
        found, fields = examples(real_data, "tatoeba", "test", language, SOME), "text"
    level = 0.15
    for kind in KINDS:
        if kind == "code_switch" or changes_nothing(kind, language):
            continue
        tally = noisy(found, language, kind, level, fields=fields).tally
        asked, step = level * tally.units, 2 if kind in ("swap", "word_shuffle") else 1
        # each text's number is rounded up or down at random: where few are asked, three standard deviations of that
        rounding = 3 * step * min(asked / step, len(tally.texts) / 4) ** 0.5
        assert abs(tally.edits - asked) <= max(0.1 * asked, rounding), (kind, asked, tally.edits)
        if kind in STRICT and len(tally.texts) >= SOME:
            assert tally.edits == pytest.approx(asked, rel=0.1), kind


@pytest.mark.parametrize(("task", "split", "language"), SPANS)
def test_gold_spans_stay_substrings(real_data: Path, task: str, split: str, language: str) -> None:
    found = examples(real_data, task, split, language, 60)
    for kind in KINDS:
        for fields in ("question", "context", "question+context"):
            made = noisy(found, language, kind, 0.3, fields=fields).made
            for before, after in zip(found, made, strict=True):
                assert [text for text, _ in after.answers] == [text for text, _ in before.answers]
                assert all(after.context[start : start + len(text)] == text for text, start in after.answers)
                kept = {"question": "context", "context": "question"}.get(fields)
                assert kept is None or getattr(after, kept) == getattr(before, kept)
        if not changes_nothing(kind, language) and kind not in ("code_switch", "diacritics"):
            assert sum(b.context != a.context for b, a in zip(found, made, strict=True)) > len(found) / 2, kind


def test_candidates_of_one_paragraph_stay_one(real_data: Path) -> None:
    found = examples(real_data, "lareqa", "test", "th", 80)
    for kind in ("swap", "drop", "insert", "ocr"):
        made = noisy(found, "th", kind, 0.3, fields="question+context").made
        assert len({one.context for one in made}) == len({one.context for one in found})
        for before, after in zip(found, made, strict=True):
            assert isinstance(after, SentenceExample)
            assert len(after.sentences) == len(before.sentences)
            assert all(sentence in after.context for sentence in after.sentences)
            assert after.answers[0][0] in after.sentences[after.right]


@pytest.mark.parametrize(("language", "split"), TAGGED)
def test_words_keep_their_tags(real_data: Path, language: str, split: str) -> None:
    found = examples(real_data, "udpos", split, language, 150)
    for kind in KINDS:
        if KINDS[kind].moves_words:
            continue
        made = noisy(found, language, kind, 0.4).made
        for before, after in zip(found, made, strict=True):
            assert after.tags == before.tags
            assert len(after.words) == len(before.words)
            assert all(after.words[i] for i, word in enumerate(before.words) if word)
            assert replace(after, words=before.words) == before


@pytest.mark.parametrize("language", ["th", "ta", "zh"])
def test_level_0_is_the_identity(real_data: Path, language: str) -> None:
    found = examples(real_data, "udpos", "test", language, 150)
    for kind in KINDS:
        assert noisy(found, language, kind, 0).made == found


def _made(found: list[Any], language: str) -> list[Any]:
    return [NoisyExamples(Noise("", kind, 0.2, 1), language).of(found) for kind in ("swap", "keyboard", "ocr")]


@pytest.mark.slow
def test_the_same_text_on_any_number_of_processes(real_data: Path) -> None:
    found = examples(real_data, "xnli", "dev", "hi", 60)
    here = _made(found, "hi")
    for count in (1, 2, 3):
        parts = [found[i::count] for i in range(count)]
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            there = list(pool.map(_made, parts, ["hi"] * count))
        for number, kind in enumerate(here):
            assert sorted((e for part in there for e in part[number]), key=lambda e: int(e.id)) == sorted(
                kind, key=lambda e: int(e.id)
            )
