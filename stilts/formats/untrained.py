"""What retrieval and mining share: an encoder compares sentences as it is, so there is no head, loss or decoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from stilts.errors import StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Prediction
from stilts.formats.batch import Batch
from stilts.formats.tokens import layout, token_ids
from stilts.tasks.base import Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LANGUAGE, ENGLISH = 0, 1
"""Values of the column `side`."""


class UntrainedFormat(Format):
    """A row a sentence, with the column `side`: 0 the language, 1 English."""

    row_columns: ClassVar[Sequence[str]] = ("side",)
    has_head: ClassVar[bool] = False

    @abstractmethod
    def sentences(self, examples: Sequence[Any]) -> Iterator[tuple[int, int, str]]:
        """(index of the example, side, text) of each row."""

    def features(
        self, task: Task, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase, max_length: int, training: bool
    ) -> list[Feature]:
        """One row a sentence. Raises StiltsError with `training`."""
        if training:
            raise StiltsError(f"{task.name} is not trained on")
        single = layout(tokenizer, pair=False)
        room = max_length - single.specials
        numbers, sides, texts = zip(*self.sentences(examples), strict=True) if examples else ((), (), ())
        return [
            {**single.row(ids[:room]), "example": number, "side": side, TRUNCATED: len(ids) > room}
            for number, side, ids in zip(numbers, sides, token_ids(tokenizer, list(texts)), strict=True)
        ]

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """There is none: raises StiltsError."""
        raise StiltsError(f"{task.name} has no head: {self.name} is not trained")

    def outputs(self, row: Feature) -> Sequence[int]:
        """None: no head reads the hidden states."""
        return ()

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """There is none: raises StiltsError."""
        raise StiltsError(f"{self.name} has no loss: it is not trained")

    def decode(self, task: Task, example: Any, rows: Sequence[Feature], outputs: Sequence[np.ndarray]) -> Prediction:
        """There is none: a prediction needs all sentences (`stilts.evaluation`). Raises StiltsError."""
        raise StiltsError(f"{task.name} is decoded by a search over all sentences, not an example at a time")
