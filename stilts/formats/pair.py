"""Classification of sentence pairs: natural language inference, paraphrase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from stilts.errors import InputError, StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.layers import IGNORE, HeadLinear
from stilts.formats.tokens import CHUNK, was_cut
from stilts.metrics.accuracy import accuracy, aligned
from stilts.tasks.base import Task
from stilts.tasks.examples import PairExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PairHead(torch.nn.Module):
    """RoBERTa's classification head: first token, dropout, dense, tanh, dropout, linear."""

    def __init__(self, hidden_size: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.dense = HeadLinear(hidden_size, hidden_size)
        self.out = HeadLinear(hidden_size, labels)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits (rows, labels) from the first tokens' hidden states (rows, hidden)."""
        return self.out(self.dropout(torch.tanh(self.dense(self.dropout(hidden)))))


class PairFormat(Format):
    """One row an example: both texts, the longer one cut first. Column `label`, -100 outside training."""

    name: ClassVar[str] = "pair"
    row_columns: ClassVar[Sequence[str]] = ("label",)

    def features(
        self,
        task: Task,
        examples: Sequence[PairExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Rows for all examples. Raises InputError where a training example has no label of the task."""
        numbers = {label: number for number, label in enumerate(task.labels)}
        with_types = "token_type_ids" in tokenizer.model_input_names
        rows: list[Feature] = []
        for first in range(0, len(examples), CHUNK):
            part = examples[first : first + CHUNK]
            encoded = tokenizer(
                [example.text_a for example in part],
                [example.text_b for example in part],
                truncation="longest_first",
                max_length=max_length,
                return_attention_mask=False,
                return_token_type_ids=with_types,
            )
            for offset, example in enumerate(part):
                row: Feature = {key: encoded[key][offset] for key in encoded}
                row["example"], row["label"] = first + offset, _label(task, example, numbers, training)
                row[TRUNCATED] = was_cut(encoded, offset, max_length)
                rows.append(row)
        return rows

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """A fresh head with one output a label."""
        return PairHead(hidden_size, len(task.labels), dropout)

    def outputs(self, row: Feature) -> Sequence[int]:
        """The first token."""
        return (0,)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross entropy a row; every row is one unit."""
        return F.cross_entropy(logits.float(), batch.columns["label"], reduction="none", ignore_index=IGNORE)

    def decode(
        self, task: Task, example: PairExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """The most likely label's word."""
        if len(outputs) != 1:
            raise StiltsError(f"{task.name} example {example.id!r} has {len(outputs)} outputs instead of one")
        return {"id": example.id, "prediction": task.labels[int(np.argmax(outputs[0][0]))]}

    def grade(
        self, task: Task, language: str, examples: Sequence[PairExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """Accuracy."""
        answers = aligned(f"{task.name} {language}", [example.id for example in examples], predictions)
        for number, example in enumerate(examples):
            if example.label is None:
                raise unlabelled(task, language, number, example.id)
        gold = [example.label for example in examples]
        items = [{"gold": right, "correct": right == given} for right, given in zip(gold, answers, strict=True)]
        return Graded({"accuracy": accuracy(gold, answers)}, items)


def unlabelled(task: Task, language: str, number: int, name: str) -> InputError:
    """The error for an example whose gold labels are not in the file."""
    return InputError(
        f"{task.name} {language}: example {number + 1} (id {name!r}) carries no labels",
        "a labelled set",
        f"give a labelled file in data.files.{task.name}",
    )


def _label(task: Task, example: PairExample, numbers: Mapping[str, int], training: bool) -> int:
    if not training:
        return IGNORE
    if example.label is None or example.label not in numbers:
        raise InputError(
            f"{task.name}: training example {example.id!r} has the label {example.label!r}",
            f"one of {', '.join(task.labels)}",
            "mend or drop the row",
        )
    return numbers[example.label]
