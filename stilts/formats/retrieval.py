"""Sentence retrieval without training: each sentence is embedded, its translation is the nearest neighbour.

Two rows an example: the sentence (column `side` 0) and its English translation (`side` 1). Pooling and search are in
`stilts.evaluation.search`; what is graded here is the index that the search found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from stilts.errors import StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.tokens import layout, token_ids
from stilts.metrics.accuracy import accuracy, aligned
from stilts.tasks.base import Task
from stilts.tasks.examples import RetrievalExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LANGUAGE, ENGLISH = 0, 1
"""Values of the column `side`."""


class RetrievalFormat(Format):
    """Features and score of retrieval; there is no head."""

    name: ClassVar[str] = "retrieval"
    row_columns: ClassVar[Sequence[str]] = ("side",)
    has_head: ClassVar[bool] = False

    def features(
        self,
        task: Task,
        examples: Sequence[RetrievalExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Two rows an example, the language's sentence first."""
        if training:
            raise StiltsError(f"{task.name} is not trained on")
        single = layout(tokenizer, pair=False)
        texts = [text for example in examples for text in (example.text, example.english)]
        room = max_length - single.specials
        return [
            {**single.row(ids[:room]), "example": number // 2, "side": number % 2, TRUNCATED: len(ids) > room}
            for number, ids in enumerate(token_ids(tokenizer, texts))
        ]

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """There is none: raises StiltsError."""
        raise StiltsError(f"{task.name} has no head: retrieval is not trained")

    def outputs(self, row: Feature) -> Sequence[int]:
        """None: no head reads the hidden states."""
        return ()

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """There is none: raises StiltsError."""
        raise StiltsError("retrieval has no loss: it is not trained")

    def decode(
        self, task: Task, example: RetrievalExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """There is none: a prediction needs the whole set (`stilts.evaluation.search`). Raises StiltsError."""
        raise StiltsError(f"{task.name} is decoded by a search over the whole set, not an example at a time")

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
