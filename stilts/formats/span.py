"""Extractive question answering: the answer is a span of the context, or (SQuAD v2.0) there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from stilts.errors import InputError, StiltsError
from stilts.formats.base import Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.layers import IGNORE, TokenHead, position_loss
from stilts.formats.pair import unlabelled
from stilts.formats.span_decoding import best_span, null_score, trim
from stilts.formats.span_windows import Text, Window, rows_of, tokenize_contexts
from stilts.formats.tokens import layout, token_ids
from stilts.metrics import mlqa, squad
from stilts.metrics.accuracy import aligned
from stilts.tasks.base import Task
from stilts.tasks.examples import SpanExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NULL_THRESHOLD = 0.0
"""SQuAD v2.0: "no answer" is predicted where its score exceeds the best span's by more than this (BERT's default)."""


class SpanFormat(Format):
    """One row a window of the context: question, then up to as many tokens as fit, windows 128 tokens apart.

    Columns: `start` and `end`, positions of the first answer in the row, 0 where the window does not hold all of it,
    -100 outside training; `char_start` and `char_end`, a token's characters in the original context, -1 outside it;
    `own_first` and `own_end`, the positions whose surroundings are best in this row, where an answer may start.
    """

    name: ClassVar[str] = "span"
    row_columns: ClassVar[Sequence[str]] = ("start", "end", "own_first", "own_end")

    def features(
        self,
        task: Task,
        examples: Sequence[SpanExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Rows for all examples. Raises InputError where a training example has no labels."""
        pair = layout(tokenizer, pair=True)
        texts = tokenize_contexts(tokenizer, [example.context for example in examples])
        # BERT's SQuAD code drops white space around a question
        questions = token_ids(tokenizer, [example.question.strip() for example in examples])
        rows: list[Feature] = []
        for index, (example, question) in enumerate(zip(examples, questions, strict=True)):
            text = texts[example.context]
            gold = _gold_tokens(task, example, text) if training else None
            for window, row in rows_of(text, question, pair, max_length):
                start, end = _positions(gold, window, row) if training else (IGNORE, IGNORE)
                rows.append({**row, "example": index, "start": start, "end": end})
        return rows

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """One linear layer: a start and an end logit a token. No dropout, as in BERT's and RoBERTa's heads."""
        return TokenHead(hidden_size, 2, 0.0)

    def outputs(self, row: Feature) -> range:
        """Every token."""
        return range(len(row["input_ids"]))

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of the start's and the end's cross entropy over the row's positions; every row is one unit."""
        scores = logits.float()
        first = position_loss(scores[:, 0], batch.columns["start"], batch)
        last = position_loss(scores[:, 1], batch.columns["end"], batch)
        return (first + last) / 2

    def decode(
        self, task: Task, example: SpanExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """The best span's text, an exact substring of the context, or "" for no answer.

        Where questions may have no answer, `span` is the best span whatever was predicted, and `null_difference` is the
        score of no answer less that span's: another threshold can be applied to the predictions later.
        """
        if not rows:
            raise StiltsError(f"{task.name} example {example.id!r} has no output")
        span = best_span(rows, outputs)
        text = "" if span is None else trim(example.context, span)
        if not task.has_no_answer:
            return {"id": example.id, "prediction": text}
        difference = null_score(outputs) - (span.score if span else 0.0)
        chosen = "" if difference > NULL_THRESHOLD else text
        return {"id": example.id, "prediction": chosen, "span": text, "null_difference": difference}

    def grade(
        self, task: Task, language: str, examples: Sequence[SpanExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """Exact match and F1, the best over the gold answers: MLQA by its own rules, the others by SQuAD's."""
        given = aligned(f"{task.name} {language}", [example.id for example in examples], predictions)
        items: list[dict[str, Any]] = []
        for number, (example, answer) in enumerate(zip(examples, given, strict=True)):
            golds = _gold_texts(task, language, number, example)
            if task.name == "mlqa":
                exact, f1 = mlqa.score(answer, golds, language)
            else:
                exact, f1 = squad.score(answer, golds, task.has_no_answer)
            items.append({"gold": golds, "exact_match": exact, "f1": f1})
        if not items:
            raise StiltsError(f"{task.name} {language}: nothing to score")
        metrics = {key: 100.0 * sum(item[key] for item in items) / len(items) for key in ("exact_match", "f1")}
        return Graded(metrics, items)


def _gold_texts(task: Task, language: str, number: int, example: SpanExample) -> list[str]:
    texts = [text for text, _ in example.answers or ()]
    if example.answers is None or (not task.has_no_answer and not any(texts)):
        raise unlabelled(task, language, number, example.id)
    return texts


def _gold_tokens(task: Task, example: SpanExample, text: Text) -> tuple[int, int] | None:
    """First and last token of the first answer; None for no answer, or one of characters that no token holds."""
    if example.answers is None or not (example.answers or task.has_no_answer):
        raise InputError(
            f"{task.name}: training example {example.id!r} carries no answer", "answers", "give a labelled file"
        )
    if not example.answers:
        return None
    answer, first = example.answers[0]
    if not 0 <= first <= first + len(answer) <= len(example.context):
        raise InputError(
            f"{task.name}: the answer of training example {example.id!r} starts at character {first}",
            f"a place in its context of {len(example.context)} characters",
            "mend or drop the example",
        )
    return text.tokens_of(first, first + len(answer))


def _positions(gold: tuple[int, int] | None, window: Window, row: Feature) -> tuple[int, int]:
    """Positions of the answer in the row; the first token where the window does not hold all of it."""
    if gold is None or gold[0] < window.first or gold[1] >= window.end:
        return 0, 0
    context = next(position for position, character in enumerate(row["char_start"]) if character >= 0)
    return context + gold[0] - window.first, context + gold[1] - window.first
