"""Span F1 of tag strings, by the rules of seqeval 0.0.12."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts.errors import StiltsError
from stilts.metrics.seqeval import entity_counts, entity_f1, f1_of_counts

TAGS = [
    "O",
    "B-PER",
    "I-PER",
    "E-PER",
    "S-PER",
    "I-LOC",
    "B-LOC",
    "NOUN",
    "PROPN",
    "SYM",
    "SCONJ",
    "INTJ",
    "X",
    "B",
    ".",
    "_",
]
SENTENCES = st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), max_size=8), max_size=5)


def spans_by_hand(sentences: list[list[str]]) -> set[tuple[str, int, int]]:
    """(type, first, last) over the joined sentences: the rules read literally, a tag at a time."""
    tags = [tag for sentence in sentences for tag in [*sentence, "O"]]
    found, first, before, kind_before = set(), 0, "O", ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, kind = tag[0], tag.split("-")[-1]
        other = kind != kind_before
        if before in "ES" or (before in "BI" and prefix in "BSO") or (other and before not in "O."):
            found.add((kind_before, first, position - 1))
        if prefix in "BS" or (before in "ESO" and prefix in "EI") or (other and prefix not in "O."):
            first = position
        before, kind_before = prefix, kind
    return found


@given(SENTENCES)
def test_counts_are_those_of_the_rules_read_literally(sentences) -> None:
    gold, predicted = [[[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1)]
    right, given_ = spans_by_hand(gold), spans_by_hand(predicted)
    counts = entity_counts(gold, predicted)
    assert counts.shape == (len(sentences), 3)
    assert counts.sum(axis=0).tolist() == [len(right), len(given_), len(right & given_)]


@pytest.mark.parametrize(
    ("gold", "predicted", "f1"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", 100.0),
        ("B-PER I-PER O", "B-PER O O", 0.0),
        ("B-PER I-PER B-LOC", "I-PER I-PER I-LOC", 100.0),  # a span may begin with I
        ("NOUN NOUN", "NOUN VERB", 0.0),  # equal tags side by side are one span
        ("SYM SYM", "SYM X", 2 * 100 * 1 / 4),  # but S is the prefix of a span of one word
        ("O O", "O O", 0.0),  # nothing to find
        ("O O", "B-PER O", 0.0),
    ],
)
def test_known_sentences(gold, predicted, f1) -> None:
    assert entity_f1([gold.split()], [predicted.split()]) == pytest.approx(f1)


def test_a_span_does_not_cross_sentences() -> None:
    assert entity_counts([["NOUN"], ["NOUN"]], [["NOUN"], ["NOUN"]]).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_f1_of_some_sentences_comes_from_their_counts() -> None:
    counts = entity_counts([["X", "NOUN"], ["VERB"]], [["X", "VERB"], ["VERB"]])
    assert f1_of_counts(counts[:1]) == pytest.approx(50.0)
    assert f1_of_counts(counts) == pytest.approx(200 * 2 / 6)


def test_other_lengths_are_refused() -> None:
    with pytest.raises(StiltsError, match="sentence 2 has 1 predicted tags for 2 words"):
        entity_counts([["X"], ["X", "X"]], [["X"], ["X"]])
