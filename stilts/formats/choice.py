"""Multiple choice: which of several texts continues or answers a first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from stilts.errors import InputError, StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.layers import IGNORE, position_loss
from stilts.formats.pair import PairHead, unlabelled
from stilts.formats.tokens import CHUNK, was_cut
from stilts.metrics.accuracy import accuracy, aligned
from stilts.tasks.base import Task
from stilts.tasks.examples import ChoiceExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_EXAMPLES = CHUNK // 4  # examples tokenized at once; most have two to five choices


class ChoiceFormat(Format):
    """One row an example: a sequence (first text, choice) for every choice, one after the other.

    The head gives each sequence one number; the loss and the prediction compare those of one row. Examples may have
    different numbers of choices. Column `label`: the right choice, from 0; -100 outside training.
    """

    name: ClassVar[str] = "choice"
    row_columns: ClassVar[Sequence[str]] = ("label",)

    def features(
        self,
        task: Task,
        examples: Sequence[ChoiceExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Rows for all examples; `max_length` is that of one sequence, whose longer text is cut first.

        Raises InputError where a training example has no label, or one that is none of its choices.
        """
        return [
            {**row, "example": index, "label": _label(task, example, training)}
            for index, (example, row) in enumerate(zip(examples, _rows(examples, tokenizer, max_length), strict=True))
        ]

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """A fresh head with one output a sequence."""
        return PairHead(hidden_size, 1, dropout)

    def outputs(self, row: Feature) -> np.ndarray:
        """The first token of every sequence."""
        return np.cumsum([0, *row["sizes"][:-1]])

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross entropy over a row's choices; every row is one unit."""
        return position_loss(logits[:, 0].float(), batch.columns["label"], batch)

    def decode(
        self, task: Task, example: ChoiceExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """The number of the most likely choice, from 0."""
        if len(outputs) != 1 or len(outputs[0]) != len(example.choices):
            shapes = ", ".join(str(output.shape) for output in outputs)
            raise StiltsError(f"{task.name} example {example.id!r}: {len(example.choices)} choices, outputs {shapes}")
        return {"id": example.id, "prediction": int(np.argmax(outputs[0][:, 0]))}

    def grade(
        self, task: Task, language: str, examples: Sequence[ChoiceExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """Accuracy."""
        answers = aligned(f"{task.name} {language}", [example.id for example in examples], predictions)
        for number, example in enumerate(examples):
            if example.label is None:
                raise unlabelled(task, language, number, example.id)
        gold = [example.label for example in examples]
        items = [{"gold": right, "correct": right == given} for right, given in zip(gold, answers, strict=True)]
        return Graded({"accuracy": accuracy(gold, answers)}, items)


def _rows(examples: Sequence[ChoiceExample], tokenizer: PreTrainedTokenizerBase, max_length: int) -> Iterator[Feature]:
    """`input_ids`, `sizes` and, where the model has them, `token_type_ids` of each example."""
    for start in range(0, len(examples), _EXAMPLES):
        part = examples[start : start + _EXAMPLES]
        encoded = tokenizer(
            [example.text for example in part for _ in example.choices],
            [choice for example in part for choice in example.choices],
            truncation="longest_first",
            max_length=max_length,
            return_attention_mask=False,
            return_token_type_ids="token_type_ids" in tokenizer.model_input_names,
        )
        first = 0
        for example in part:
            last = first + len(example.choices)
            row: Feature = {key: list(chain.from_iterable(encoded[key][first:last])) for key in encoded}
            row["sizes"] = [len(ids) for ids in encoded["input_ids"][first:last]]
            yield {**row, TRUNCATED: any(was_cut(encoded, index, max_length) for index in range(first, last))}
            first = last


def _label(task: Task, example: ChoiceExample, training: bool) -> int:
    if not training:
        return IGNORE
    if example.label is None or not 0 <= example.label < len(example.choices):
        raise InputError(
            f"{task.name}: training example {example.id!r} has the label {example.label!r}",
            f"a number from 0 to {len(example.choices) - 1}, one for each choice",
            "mend or drop the row",
        )
    return example.label
