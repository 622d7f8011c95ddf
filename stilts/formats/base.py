"""The interface every format keeps. Formats know tensors, not engines, files or ranks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from stilts.tasks.base import Task

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

Feature = dict[str, Any]
"""One row to run the encoder on, plain lists and ints, ready for Arrow:
`input_ids` (list[int]), `token_type_ids` (list[int], only where the tokenizer has them), `example` (int, index of
its example in the set; one example may have several rows) and the format's own columns."""

Prediction = dict[str, Any]
"""What is written to `predictions/`, one a raw example: `id`, `prediction` and what grading adds."""


@dataclass(frozen=True)
class Graded:
    """Scores of one language: `metrics` in points (0-100); `items`, one dict an example, that join the predictions."""

    metrics: dict[str, float]
    items: list[dict[str, Any]]


class Format(ABC):
    """How one kind of task is trained, decoded and scored.

    Attributes:
        name: "pair", "span", "tagging" or "retrieval".
        token_columns: feature columns as long as `input_ids`, with the value that pads them in a batch; they become
            int64 tensors (batch, length).
        row_columns: int feature columns, one value a row; they become int64 tensors (batch,).
        has_head: False where nothing is trained (retrieval).
    """

    name: ClassVar[str]
    token_columns: ClassVar[Mapping[str, int]] = {}
    row_columns: ClassVar[Sequence[str]] = ()
    has_head: ClassVar[bool] = True

    @abstractmethod
    def features(
        self, task: Task, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase, max_length: int, training: bool
    ) -> list[Feature]:
        """Rows for all `examples`, in order. With `training`, gold labels are in the columns that `loss` reads."""

    @abstractmethod
    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """A head that maps hidden states (batch, length, hidden) to logits."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The loss of each row, summed over its units (see `units`), float32 (batch,)."""

    def units(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What a row counts for in the mean loss of a global batch, float32 (batch,): 1, or its labelled tokens."""
        import torch

        return torch.ones_like(batch["weight"])

    @abstractmethod
    def decode(self, task: Task, example: Any, rows: Sequence[Feature], outputs: Sequence[np.ndarray]) -> Prediction:
        """The prediction for one example from the logits of all its rows.

        `outputs[i]` belongs to `rows[i]`, without padding: (labels,) for pair, (length, 2) for span,
        (length, labels) for tagging; float32.
        """

    @abstractmethod
    def grade(self, task: Task, language: str, examples: Sequence[Any], predictions: Sequence[Prediction]) -> Graded:
        """Scores and per-item correctness of one language, as the benchmark's own scorer computes them."""
