"""Features and score of retrieval."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stilts.config import DataSettings
from stilts.data.sources import read_examples
from stilts.errors import InputError, StiltsError
from stilts.formats.retrieval import RetrievalFormat, english_places
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


def test_places_of_the_english_sentences() -> None:
    english = ["b", " a ", "c", "a", "B"]
    assert english_places([RetrievalExample(str(n), "x", text) for n, text in enumerate(english)]) == [3, 1, 4, 2, 0]


def test_places_are_the_leaderboard_s(real_data: Path) -> None:
    """The mock labels are the first ten of the real ones: whichever is in our slice (the first rows) has its place."""
    seen = 0
    for path in sorted((real_data / "xtreme_mock_test_data/labels/tatoeba").iterdir()):
        language = path.stem.removeprefix("test-")
        try:
            examples, _ = read_examples(TASK, "test", language, DataSettings(root=str(real_data)))
        except InputError:
            continue  # no slice of this language
        numbers = [int(line) for line in path.read_text().split()]
        inside = [number for number in numbers if number < len(examples)]
        places = english_places(examples)
        assert [places[number] for number in inside] == list(range(len(inside))), language
        seen += len(inside)
    assert seen > 20
