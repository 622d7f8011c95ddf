"""Documents of prepared sets, and the measures over samples of one size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from stilts.analysis.divergence import A_DISTANCE, COSINE, JS_DIVERGENCE, MEASURES, MMD, js_divergence, sampled
from stilts.analysis.domain_measures import distances
from stilts.config import DataSettings
from stilts.data import documents
from stilts.data.documents import WINDOW, Documents, documents_of, words_of
from stilts.data.sources import read_examples
from stilts.tasks import get_task
from stilts.tasks.examples import (
    BitextExample,
    ChoiceExample,
    EntityExample,
    PairExample,
    RetrievalExample,
    SpanExample,
    TaggingExample,
)


class Held:
    """A prepared set in memory."""

    def __init__(self, examples: list, format_name: str = "pair") -> None:
        self.examples, self.manifest = examples, {"examples": len(examples), "format": format_name}

    def some(self, numbers: list[int]) -> list:
        return [self.examples[number] for number in numbers]


def test_words() -> None:
    assert words_of("The dog's 3 bones—isn't it?  B2B _x_") == ["the", "dog's", "3", "bones", "isn't", "it", "b", "2",
                                                               "b", "x"]  # fmt: skip


def test_a_text_that_many_examples_share_counts_once_in_its_document() -> None:
    spans = [SpanExample(str(n), f"question {n}", "one context", (), "article") for n in range(3)]
    spans.append(SpanExample("3", "other", "one context", (), "another article"))
    found = documents_of([Held(spans, "span")], 1)
    assert found.words() == Counter({"question": 3, "one": 2, "context": 2, "0": 1, "1": 1, "2": 1, "other": 1})
    assert len(found.documents) == 2
    assert set(found.examples) == {"one context other", *(f"one context question {n}" for n in range(3))}


def test_without_names_of_articles_each_paragraph_is_a_document() -> None:
    spans = [SpanExample(str(n), "why", f"context {n % 3}", (), "") for n in range(6)]
    assert len(documents_of([Held(spans, "span")], 1).documents) == 3


@pytest.mark.parametrize(
    ("example", "words"),
    [
        (PairExample("", "a b", "c", None), "abc"),
        (ChoiceExample("", "a", ("b", "b c"), None), "abbc"),
        (TaggingExample("", ("a", "b"), None), "ab"),
        (RetrievalExample("", "x y", "a"), "a"),
        (BitextExample("", "x y", 0, None), ""),
        (BitextExample("", "a", 1, None), "a"),
        (EntityExample("", "", "Q1", "a b"), "ab"),
    ],
)
def test_the_english_words_of_each_format(example: object, words: str) -> None:
    assert documents_of([Held([example])], 1).words() == Counter(words)


def test_windows_of_both_halves_share_no_document() -> None:
    texts = tuple((" ".join([f"w{number}x"] * 20),) for number in "abcdefghijklmnop")
    halves = Documents(texts, ()).windows()
    assert [len(half) for half in halves] == [5, 5]
    assert all(window.total() == WINDOW for half in halves for window in half)
    assert not set().union(*halves[0]) & set().union(*halves[1])


def test_blocks_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "BLOCK", 5)
    rows = [TaggingExample(str(n), (f"w{n}",), None) for n in range(100)]
    chosen = sorted(int(text[1:]) for text in documents_of([Held(rows)], 1, most=20).examples)
    assert len(chosen) == 20
    assert all(chosen[i : i + 5] == list(range(chosen[i], chosen[i] + 5)) for i in range(0, 20, 5))
    assert documents_of([Held(rows)], 1, most=20) == documents_of([Held(rows)], 1, most=20)
    assert documents_of([Held(rows)], 1, most=20) != documents_of([Held(rows)], 2, most=20)


def made(words: str, size: int, seed: int) -> Documents:
    random = np.random.default_rng(seed)
    texts = tuple(" ".join(random.choice(list(words), 20)) for _ in range(size))
    return Documents(tuple((text,) for text in texts), texts)


def letters(texts: list[str]) -> np.ndarray:
    return np.array([[text.count(letter) for letter in "abcdefghij"] for text in texts], dtype=np.float32)


def test_all_pairs_are_measured_on_samples_of_one_size() -> None:
    near, far = {"n": made("abcdef", 200, 1), "m": made("efghij", 60, 2)}, {"t": made("abcdef", 100, 3)}
    rows = list(distances(near, far, letters, 7, pytest.fail))
    assert [(row.one, row.other, row.measure) for row in rows] == [(n, "t", m) for n in ("n", "m") for m in MEASURES]
    sizes = {row.measure: row.n for row in rows}
    assert sizes == {JS_DIVERGENCE: 1200, A_DISTANCE: 2 * 18, MMD: 60, COSINE: 60}  # of m: 60 texts of 20 words
    value = {(row.one, row.measure): row.value for row in rows}
    assert all(value["n", name] < value["m", name] for name in MEASURES)
    words = [sampled(one.words(), 1200, seed) for one, seed in ((near["n"], 7), (far["t"], 9))]
    assert value["n", JS_DIVERGENCE] == js_divergence(*words)
    assert list(distances(near, far, letters, 7, pytest.fail)) == rows


def test_what_is_too_small_is_left_out_and_said() -> None:
    said: list[str] = []
    rows = list(distances({"n": made("ab", 7, 1)}, {"t": made("ab", 50, 2)}, letters, 1, said.append))
    assert [row.measure for row in rows] == [JS_DIVERGENCE]
    assert len(said) == 2
    assert "no proxy A-distance: n has 1 windows of 32 words in one half of its" in said[0]
    assert "n has 7 examples" in said[1]


def test_on_real_data_questions_about_wikipedia_are_nearest_to_squad(real_data: Path) -> None:
    """Other questions about Wikipedia are nearer to SQuAD than everyday sentences are."""
    data = DataSettings(root=str(real_data))

    def read(task: str, split: str, language: str = "en") -> Documents:
        examples, _ = read_examples(get_task(task), split, language, data, 1000)
        return documents_of([Held(examples, get_task(task).format)], 1)

    near = {"squad_v1": read("squad_v1", "dev")}
    far = {"mlqa": read("mlqa", "dev"), "xquad": read("xquad", "test"), "tatoeba": read("tatoeba", "test", "de")}
    rows = list(distances(near, far, letters, 1, lambda line: None))
    for name in (JS_DIVERGENCE, A_DISTANCE):
        value = {row.other: row.value for row in rows if row.measure == name}
        assert value["xquad"] < value["tatoeba"], value
        assert value["mlqa"] < value["tatoeba"], value
