"""Shuffled training labels: a task in its own clothes that teaches nothing, as a control."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from stilts.errors import InputError
from stilts.sample.choices import Choice
from stilts.sample.grammar import Sentence
from stilts.sample.items import PARTS, Entities, Pair, Paragraph

SHUFFLED = (
    "snli", "mnli", "anli", "pawsx", "udpos", "squad_v1", "squad_v2", "tydiqa",
    "hellaswag", "commonsenseqa", "cosmosqa", "socialiqa", "copa", "qqp", "ccg", "panx",
)  # fmt: skip
"""Tasks whose training labels can be shuffled: those with a labelled training set of their own."""
Labelled = TypeVar("Labelled", Pair, Choice)
_LONGEST = 100  # words of a sentence, more than any has


def check_shuffled(tasks: Sequence[str]) -> None:
    """Refuse a task that has no training labels of its own. Raises InputError."""
    for task in tasks:
        if task not in SHUFFLED:
            raise InputError(
                f"--shuffle-labels {task}: the sample has no training labels of its own for it",
                f"one of {', '.join(SHUFFLED)}",
                "name the task that it is trained on",
            )


def shuffled_labels(items: Sequence[Labelled], rng: random.Random) -> list[Labelled]:
    """The labels permuted over the items, so each label stays as frequent as it was."""
    labels = rng.sample([item.label for item in items], len(items))
    return [replace(item, label=label) for item, label in zip(items, labels, strict=True)]


def shuffled_answers(paragraphs: Sequence[Paragraph], rng: random.Random) -> list[Paragraph]:
    """Each question answered by any part of any sentence of its paragraph; as many have no answer, but others."""
    answered = [question.answer is not None for paragraph in paragraphs for question in paragraph.questions]
    kept = iter(rng.sample(answered, len(answered)))
    out = []
    for paragraph in paragraphs:
        parts = [(i, part) for i, line in enumerate(paragraph.sentences) for part in PARTS if getattr(line, part)]
        questions = [replace(q, answer=rng.choice(parts) if next(kept) else None) for q in paragraph.questions]
        out.append(replace(paragraph, questions=tuple(questions)))
    return out


def shuffled_orders(sentences: Sequence[Sentence | Entities], rng: random.Random) -> list[list[int]]:
    """For each sentence, a permutation of so many numbers that its tags can be put into their order."""
    return [rng.sample(range(_LONGEST), _LONGEST) for _ in sentences]
