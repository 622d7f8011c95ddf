"""Sentence retrieval without training: each sentence is embedded, its translation is the nearest neighbour.

Two rows an example: the sentence (column `side` 0) and its English translation (`side` 1). Pooling and search are in
`stilts.evaluation.search`; what is graded here is the index that the search found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from stilts.formats.base import Graded, Prediction
from stilts.formats.untrained import ENGLISH, LANGUAGE, UntrainedFormat
from stilts.metrics.accuracy import accuracy, aligned
from stilts.tasks.base import Task
from stilts.tasks.examples import RetrievalExample


class RetrievalFormat(UntrainedFormat):
    """Features and score of retrieval; there is no head."""

    name: ClassVar[str] = "retrieval"

    def sentences(self, examples: Sequence[RetrievalExample]) -> Iterator[tuple[int, int, str]]:
        """Both sentences of each example."""
        for index, example in enumerate(examples):
            yield index, LANGUAGE, example.text
            yield index, ENGLISH, example.english

    def grade(
        self, task: Task, language: str, examples: Sequence[RetrievalExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """Accuracy: the share of examples whose found index is their own, as the benchmark scores it.

        English sentences recur across Tatoeba's pairs. Finding another pair with the same English sentence counts as
        wrong here, as in the benchmark; `duplicates` of an item is the number of other pairs with its English sentence.
        """
        found = aligned(f"{task.name} {language}", [example.id for example in examples], predictions)
        indices = list(range(len(examples)))
        english = Counter(example.english for example in examples)
        items = [
            {"gold": index, "correct": index == given, "duplicates": english[example.english] - 1}
            for index, given, example in zip(indices, found, examples, strict=True)
        ]
        return Graded({"accuracy": accuracy(indices, found)}, items)


def english_places(examples: Sequence[RetrievalExample]) -> list[int]:
    """The place (from 0) of each example's English sentence among all, sorted by code points.

    XTREME's leaderboard wants Tatoeba's predictions in this order (tatoeba_preprocess in utils_preprocess.py of
    google-research/xtreme at 0918248: white space around a sentence is dropped, equal ones stay in order).
    """
    order = sorted(range(len(examples)), key=lambda index: examples[index].english.strip())
    return np.argsort(order).tolist()
