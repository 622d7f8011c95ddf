"""Tagging of words: part of speech, named entities, supertags.

A word's tag is read off its first sub-word. A sentence that is too long becomes several rows, so no word is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from stilts.errors import InputError, StiltsError
from stilts.formats.base import TRUNCATED, Feature, Format, Graded, Prediction
from stilts.formats.batch import Batch
from stilts.formats.layers import IGNORE, TokenHead
from stilts.formats.pair import unlabelled
from stilts.formats.tokens import layout, token_ids
from stilts.metrics.accuracy import aligned
from stilts.metrics.seqeval import entity_counts, f1_of_counts
from stilts.tasks.base import Task
from stilts.tasks.examples import TaggingExample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TaggingFormat(Format):
    """Columns `labels`, -100 where there is none, and `word`: a word's index at its first sub-word, -1 elsewhere.

    `max_length` counts special tokens. A word of more sub-words than a whole row holds is cut, its first stays.
    A word that the tokenizer drops altogether (white space, zero-width characters) becomes the unknown token.
    """

    name: ClassVar[str] = "tagging"
    output_columns: ClassVar[Sequence[str]] = ("labels",)

    def features(
        self,
        task: Task,
        examples: Sequence[TaggingExample],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        training: bool,
    ) -> list[Feature]:
        """Rows for all sentences. Raises InputError where a training sentence has no tag of the task."""
        single = layout(tokenizer, pair=False)
        room = max_length - single.specials
        if room < 1:
            raise InputError(f"max_length {max_length}", f"more than {single.specials}", "raise max_length")
        words = list(dict.fromkeys(word for example in examples for word in example.words))
        unknown = [tokenizer.unk_token_id]
        pieces = {word: ids or unknown for word, ids in zip(words, token_ids(tokenizer, words), strict=True)}
        numbers = {label: number for number, label in enumerate(task.labels)}
        rows = []
        before, after = len(single.before), len(single.after)
        for index, example in enumerate(examples):
            tags = _tags(task, example, numbers) if training else [IGNORE] * len(example.words)
            for first, split in _rows([pieces[word][:room] for word in example.words], room):
                row = single.row([piece for word in split for piece in word])
                place = [-1] * len(row["input_ids"])
                position = before
                for offset, word in enumerate(split):
                    place[position] = first + offset
                    position += len(word)
                assert position + after == len(place)
                labels = [tags[word] if word >= 0 else IGNORE for word in place]
                cut = any(len(pieces[example.words[first + offset]]) > room for offset in range(len(split)))
                rows.append({**row, "example": index, "labels": labels, "word": place, TRUNCATED: cut})
        return rows

    def head(self, task: Task, hidden_size: int, dropout: float) -> torch.nn.Module:
        """A fresh head with one output a tag."""
        return TokenHead(hidden_size, len(task.labels), dropout)

    def outputs(self, row: Feature) -> np.ndarray:
        """The first sub-word of every word."""
        return np.flatnonzero(np.asarray(row["word"]) >= 0)

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross entropy summed over a row's words."""
        labels = batch.columns["labels"]
        return batch.sum_by_row(F.cross_entropy(logits.float(), labels, reduction="none", ignore_index=IGNORE))

    def units(self, batch: Batch) -> torch.Tensor:
        """The labelled words of each row, float32 (rows,)."""
        return batch.sum_by_row(batch.columns["labels"] != IGNORE)

    def decode(
        self, task: Task, example: TaggingExample, rows: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> Prediction:
        """One tag a word. Raises StiltsError if a word has no row."""
        found = np.full(len(example.words), -1, dtype=np.int64)
        for row, logits in zip(rows, outputs, strict=True):
            place = np.asarray(row["word"], dtype=np.int64)
            found[place[place >= 0]] = np.argmax(logits, axis=-1)
        if (found < 0).any():
            raise StiltsError(f"{task.name} sentence {example.id!r}: word {int(np.argmin(found))} has no output")
        return {"id": example.id, "prediction": [task.labels[tag] for tag in found]}

    def grade(
        self, task: Task, language: str, examples: Sequence[TaggingExample], predictions: Sequence[Prediction]
    ) -> Graded:
        """F1 over the spans of equal tags, as seqeval 0.0.12 counts them over all sentences of the language, or the
        share of words with the right tag, by the task's metric.

        Items: gold tags, number of correct words, and for F1 the (gold, predicted, correct) spans, from which it can
        be computed again over any choice of sentences.
        """
        given = aligned(f"{task.name} {language}", [example.id for example in examples], predictions)
        gold = []
        for number, example in enumerate(examples):
            if example.tags is None:
                raise unlabelled(task, language, number, example.id)
            gold.append(example.tags)
        right = [
            sum(a == b for a, b in zip(tags, answer, strict=True)) for tags, answer in zip(gold, given, strict=True)
        ]
        items: list[dict[str, Any]] = [
            {"gold": list(tags), "correct": correct} for tags, correct in zip(gold, right, strict=True)
        ]
        if "f1" not in task.metrics:
            return Graded({"accuracy": 100.0 * sum(right) / sum(map(len, gold))}, items)
        counts = entity_counts(gold, given)
        for item, row in zip(items, counts, strict=True):
            item["spans"] = [int(count) for count in row]
        return Graded({"f1": f1_of_counts(counts)}, items)


def _rows(words: Sequence[list[int]], room: int) -> Iterator[tuple[int, list[list[int]]]]:
    """Words in order, as many a row as fit: (index of the first word, the words' pieces)."""
    first, used = 0, 0
    for index, word in enumerate(words):
        if used + len(word) > room:
            yield first, list(words[first:index])
            first, used = index, 0
        used += len(word)
    yield first, list(words[first:])


def _tags(task: Task, example: TaggingExample, numbers: Mapping[str, int]) -> list[int]:
    if example.tags is None or len(example.tags) != len(example.words):
        count = "no tags" if example.tags is None else f"{len(example.tags)} tags"
        raise InputError(
            f"{task.name}: training sentence {example.id!r} has {len(example.words)} words and {count}",
            "a tag for every word",
            "mend or drop the sentence",
        )
    for tag in example.tags:
        if tag not in numbers:
            raise InputError(
                f"{task.name}: training sentence {example.id!r} has the tag {tag!r}",
                f"one of {', '.join(task.labels)}",
                "mend or drop the sentence",
            )
    return [numbers[tag] for tag in example.tags]
