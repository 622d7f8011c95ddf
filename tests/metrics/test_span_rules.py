"""Normalisation and scores of SQuAD's and MLQA's official evaluations, rule by rule."""

from __future__ import annotations

import time

import pytest

from stilts.formats.span import SpanFormat
from stilts.metrics import mlqa, squad
from stilts.tasks import get_task
from stilts.tasks.examples import SpanExample


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Vistula, a river!", "vistula river"),
        ("an-other the-ory", "another theory"),  # punctuation goes first, so no article is left
        ("«Она»", "«она»"),  # only ASCII punctuation
        ("$5", "5"),
        ("A The An", ""),
    ],
)
def test_squad_normalisation(text, normal) -> None:
    assert squad.normalise(text) == normal


@pytest.mark.parametrize(
    ("language", "text", "normal"),
    [
        ("en", "The «Vistula», a river", "vistula river"),
        ("de", "Der Fluss in einem Land", "fluss in land"),
        ("de", "the Vistula", "the vistula"),
        ("es", "¿La casa?", "casa"),
        ("vi", "những ngôi nhà của tôi", "ngôi nhà tôi"),
        ("ar", "الكتاب والقلم", "كتاب و قلم"),  # the article goes within a word, too
        ("hi", "यह घर है।", "यह घर है"),  # the danda is punctuation
        ("zh", "《毁灭战士3》ADM 质量", "毁 灭 战 士 3adm 质 量"),  # punctuation goes first
        ("zh", "第2次 World War", "第 2 次 world war"),
        ("zh", "一丁龥龦かな", "一 丁 龥 龦かな"),  # the range that is split ends at U+9FA5
        ("qaa", "The house", "the house"),  # invented languages: no articles
    ],
)
def test_mlqa_normalisation(language, text, normal) -> None:
    assert mlqa.normalise(text, language) == normal


def test_best_over_golds() -> None:
    assert squad.score("red house", ["blue", "the red house", "red"]) == (1.0, 1.0)
    assert squad.score("red house", ["red", "red car"]) == (0.0, pytest.approx(2 / 3))
    assert squad.score("a b b", ["b b b"]) == (0.0, pytest.approx(2 * 2 / (2 + 3)))
    assert mlqa.score("重力", ["重量"], "zh") == (0.0, 0.5)


def test_nothing_after_normalising() -> None:
    assert squad.score("the", ["a"]) == (1.0, 0.0)  # v1.1: equal, but they share no token
    assert squad.score("the", ["a"], no_answer=True) == (1.0, 1.0)
    assert squad.score("", [], no_answer=True) == (1.0, 1.0)
    assert squad.score("x", [], no_answer=True) == (0.0, 0.0)
    assert squad.score("", ["x", "the"], no_answer=True) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["xquad", "mlqa"])
def test_ten_thousand_questions_take_seconds(name) -> None:
    answers = tuple(("the capital of Poland, Warsaw " * n, 0) for n in (1, 2, 3))
    examples = [SpanExample(str(i), "Which?", "x", answers, "a") for i in range(10_000)]
    given = [{"id": str(i), "prediction": "Warsaw, Poland's capital"} for i in range(10_000)]
    begin = time.perf_counter()
    graded = SpanFormat().grade(get_task(name), "en", examples, given)
    assert time.perf_counter() - begin < 5
    assert 0 < graded.metrics["f1"] < 100
