"""Sends logits that a test makes up through the real prediction path: features on disk, packed batches, decoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from stilts.data.balance import Cost
from stilts.data.store import PreparedSet, write_set
from stilts.distributed import World
from stilts.evaluation.predict import Predictor
from stilts.formats import get_format
from stilts.formats.batch import Batch
from stilts.tasks.base import Task


class MadeUp:
    """Stands for a `MultiTaskModel`: its logits are a function of the batch, which holds the gold columns."""

    training = False

    def __init__(self, logits: Callable[[Batch], torch.Tensor]) -> None:
        self.logits = logits

    def __call__(self, batch: Batch, head: str) -> torch.Tensor:
        return self.logits(batch)

    def eval(self) -> None:
        """Nothing to switch."""

    def train(self, mode: bool) -> None:
        """Nothing to switch."""

    def cost(self, tokens: int) -> Cost:
        """As a packed model's."""
        return Cost(32, tokens)


def predict(
    folder: Path, task: Task, examples: Sequence[Any], rows: list[dict], logits: Callable[[Batch], torch.Tensor]
) -> list[dict]:
    """The predictions of all examples. `rows` were made with gold columns (`training`)."""
    write_set(folder, task.format, examples, rows, {})
    predictor = Predictor(MadeUp(logits), World(0, 1, 0, torch.device("cpu")), tokens=4096)
    found = predictor.predict(task, task.name, PreparedSet(folder))
    assert found is not None
    return found


def grade(task: Task, language: str, examples: Sequence[Any], predictions: list[dict]) -> dict[str, float]:
    """The metrics of the task's format."""
    return get_format(task.format).grade(task, language, examples, predictions).metrics
