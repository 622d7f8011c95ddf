"""Bitext mining without training: which sentences of two corpora are translations of each other?

One row a sentence (column `side`: 0 the language, 1 English). Search and margin scores are in
`stilts.evaluation.mining`; what is graded here are the English sentences that were extracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from stilts.errors import StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.tokens import layout, token_ids
from stilts.metrics.accuracy import aligned
from stilts.metrics.bitext import pair_f1
from stilts.tasks.base import Task
from stilts.tasks.examples import BitextExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LANGUAGE, ENGLISH = 0, 1
"""Values of the column `side`."""


class MiningFormat(Format):
    """Features and score of bitext mining; there is no head."""

    name: ClassVar[str] = "mining"
    row_columns: ClassVar[Sequence[str]] = ("side",)
    has_head: ClassVar[bool] = False
    mines: ClassVar[bool] = True

    def features(
        self,
        task: Task,
        examples: Sequence[BitextExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """One row an example."""
        if training:
            raise StiltsError(f"{task.name} is not trained on")
        single = layout(tokenizer, pair=False)
        room = max_length - single.specials
        return [
            {**single.row(ids[:room]), "example": number, "side": example.side, TRUNCATED: len(ids) > room}
            for number, (example, ids) in enumerate(
                zip(examples, token_ids(tokenizer, [example.text for example in examples]), strict=True)
            )
        ]

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """There is none: raises StiltsError."""
        raise StiltsError(f"{task.name} has no head: mining is not trained")

    def outputs(self, row: Feature) -> Sequence[int]:
        """None: no head reads the hidden states."""
        return ()

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """There is none: raises StiltsError."""
        raise StiltsError("mining has no loss: it is not trained")

    def decode(
        self, task: Task, example: BitextExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """There is none: a prediction needs both corpora (`stilts.evaluation.mining`). Raises StiltsError."""
        raise StiltsError(f"{task.name} is decoded by a search over two corpora, not an example at a time")

    def grade(
        self, task: Task, language: str, examples: Sequence[BitextExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """F1 over pairs. There is a prediction for each sentence of the language: an English id or None.

        Gold pairs whose English sentence is not among the examples (`data.limit`) do not count.
        """
        asked = [example for example in examples if example.side == LANGUAGE]
        found = aligned(f"{task.name} {language}", [example.id for example in asked], predictions)
        gold = gold_pairs(examples)
        right = [(example.id, given) in gold for example, given in zip(asked, found, strict=True)]
        metrics = {"f1": pair_f1(sum(right), sum(given is not None for given in found), len(gold))}
        return Graded(metrics, [{"gold": list(example.matches or ())} for example in asked])


def gold_pairs(examples: Sequence[BitextExample]) -> set[tuple[str, str]]:
    """(id, English id) of every gold pair whose two sentences are among the examples."""
    english = {example.id for example in examples if example.side == ENGLISH}
    return {
        (example.id, match)
        for example in examples
        if example.side == LANGUAGE
        for match in example.matches or ()
        if match in english
    }
