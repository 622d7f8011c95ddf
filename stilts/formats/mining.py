"""Bitext mining without training: which sentences of two corpora are translations of each other?

One row a sentence (column `side`: 0 the language, 1 English). Search and margin scores are in
`stilts.evaluation.mining`; what is graded here are the English sentences that were extracted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from stilts.formats.base import Graded, Prediction
from stilts.formats.untrained import ENGLISH, LANGUAGE, UntrainedFormat
from stilts.metrics.accuracy import aligned, f1
from stilts.tasks.base import Task
from stilts.tasks.examples import BitextExample


class MiningFormat(UntrainedFormat):
    """Features and score of bitext mining; there is no head."""

    name: ClassVar[str] = "mining"
    mines: ClassVar[bool] = True

    def sentences(self, examples: Sequence[BitextExample]) -> Iterator[tuple[int, int, str]]:
        """The sentence of each example."""
        for index, example in enumerate(examples):
            yield index, example.side, example.text

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
        metrics = {"f1": f1(sum(right), sum(given is not None for given in found), len(gold))}
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
