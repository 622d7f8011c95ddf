"""The interface every format keeps. Formats know tensors, not engines, files or ranks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from stilts.tasks.base import Task

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from stilts.formats.batch import Batch

Feature = dict[str, Any]
"""One row to run the encoder on, plain lists and ints, ready for Arrow:
`input_ids` (list[int]), `token_type_ids` (list[int], only where the tokenizer has them), `example` (int, index of
its example in the set; one example may have several rows) and the format's own columns. A row of several sequences
has them one after the other in `input_ids`, and their lengths in `sizes` (list[int])."""

TRUNCATED = "truncated"
"""Key of a row that says whether some of its text was cut off; counted in the manifest, not stored."""

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
        name: "pair", "choice", "span", "tagging", "retrieval", "mining", "dual", "linking" or "mlm".
        output_columns: feature columns as long as `input_ids` that the loss reads at the row's outputs; in a batch
            int64 (outputs,).
        row_columns: int feature columns, one value a row; in a batch int64 (rows,).
        has_head: False where nothing is trained (retrieval, mining).
        joint: True where a row's loss depends on all rows of the global batch (`joint_loss`). Its rows have equally
            many outputs, and its head draws no random numbers.
        searches: True where the head's outputs are vectors, and a prediction is a search over the candidates of all
            languages (`stilts.evaluation.pool`).
        mines: True where a prediction is what is extracted from two corpora (`stilts.evaluation.mining`).
        published_head: True where the head is the encoder's own LM head, which training continues (masked LM).
        whole: True where `features` of an evaluation set must see all its examples at once; otherwise it is called for
            some thousands at a time, and `example` counts from 0 in each call.
    """

    name: ClassVar[str]
    output_columns: ClassVar[Sequence[str]] = ()
    row_columns: ClassVar[Sequence[str]] = ()
    has_head: ClassVar[bool] = True
    joint: ClassVar[bool] = False
    searches: ClassVar[bool] = False
    mines: ClassVar[bool] = False
    published_head: ClassVar[bool] = False
    whole: ClassVar[bool] = False

    @abstractmethod
    def features(
        self, task: Task, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase, max_length: int, training: bool
    ) -> list[Feature]:
        """Rows for all `examples`, in order. With `training`, gold labels are in the columns that `loss` reads."""

    def fresh(self, row: Feature, generator: np.random.Generator) -> Feature:
        """The row as one optimizer step trains on it; masked LM draws its masks here. Nothing changes by default.

        `generator` is seeded from (seed, task, which batch, row): the same on any hardware.
        """
        return row

    @abstractmethod
    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """A head that maps hidden states (outputs, hidden) to logits (outputs, ...)."""

    @abstractmethod
    def outputs(self, row: Feature) -> Sequence[int] | np.ndarray:
        """The positions of `row` whose hidden states the head reads, in ascending order."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of each row, summed over its units (see `units`), float32 (rows,)."""

    def joint_loss(self, outputs: torch.Tensor) -> torch.Tensor:
        """Where `joint`: the loss of each row, float32 (rows,), from the global batch's outputs (rows, outputs, ...).

        `loss` is then the same for a batch that is the whole global batch.
        """
        raise NotImplementedError(f"the loss of {self.name} is not joint")

    def units(self, batch: Batch) -> torch.Tensor:
        """What a row counts for in the mean loss of a global batch, float32 (rows,): 1, or its labelled tokens."""
        import torch

        return torch.ones_like(batch.weight)

    @abstractmethod
    def decode(self, task: Task, example: Any, rows: Sequence[Feature], outputs: Sequence[np.ndarray]) -> Prediction:
        """The prediction for one example from the logits of all its rows.

        `outputs[i]` are the logits of `self.outputs(rows[i])`, float32: (1, labels) for pair, (choices, 1) for choice,
        (length, 2) for span, (words that start in the row, labels) for tagging.
        """

    @abstractmethod
    def grade(self, task: Task, language: str, examples: Sequence[Any], predictions: Sequence[Prediction]) -> Graded:
        """Scores and per-item correctness of one language, as the benchmark's own scorer computes them."""
