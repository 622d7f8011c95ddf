"""Features and score of retrieval."""

from __future__ import annotations

import pytest
import torch

from stilts.errors import StiltsError
from stilts.formats.retrieval import RetrievalFormat
from stilts.tasks import get_task
from stilts.tasks.examples import RetrievalExample

FORM, TASK = RetrievalFormat(), get_task("tatoeba")
EXAMPLES = [
    RetrievalExample("0", "Guten Morgen!", "Good morning!"),
    RetrievalExample("1", "Es regnet in Warschau, und das schon lange.", "It rains."),
    RetrievalExample("2", "Schönen guten Morgen!", "Good morning!"),
]


def test_two_rows_an_example(tokenizer) -> None:
    rows = FORM.features(TASK, EXAMPLES, tokenizer, 8, training=False)
    assert [(row["example"], row["side"]) for row in rows] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    for row, text in zip(rows, [text for one in EXAMPLES for text in (one.text, one.english)], strict=True):
        whole = tokenizer(text, truncation=True, max_length=8)
        assert row["input_ids"] == whole["input_ids"]
        assert row.get("token_type_ids") == whole.get("token_type_ids")


def test_index_is_what_counts_also_where_english_recurs() -> None:
    found = [2, 1, 2]
    given = [{"id": one.id, "prediction": index} for one, index in zip(EXAMPLES, found, strict=True)]
    graded = FORM.grade(TASK, "de", EXAMPLES, given)
    assert graded.metrics["accuracy"] == pytest.approx(200 / 3)
    assert [item["correct"] for item in graded.items] == [False, True, True]
    assert [item["duplicates"] for item in graded.items] == [1, 0, 1]


def test_nothing_is_trained() -> None:
    assert not FORM.has_head
    for call in (
        lambda: FORM.head(TASK, 8, 0.1),
        lambda: FORM.loss(torch.zeros(1), {}),
        lambda: FORM.decode(TASK, EXAMPLES[0], [], []),
        lambda: FORM.features(TASK, EXAMPLES, None, 8, training=True),
    ):
        with pytest.raises(StiltsError):
            call()
