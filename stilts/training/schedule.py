"""Length and learning rate of a run: pure functions of the settings and the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from stilts.config import Budget, Mlm, Training
from stilts.errors import InputError
from stilts.tasks.text import MLM

T = TypeVar("T")


def labelled(tasks: Mapping[str, T]) -> dict[str, T]:
    """The tasks whose rows make an epoch: those with labels; raw text only where there is nothing else.

    So a recipe has as many steps with masked LM as without it.
    """
    return {name: value for name, value in tasks.items() if name != MLM.name} or dict(tasks)


def total_steps(training: Training, budget: Budget, rows: int) -> int:
    """Optimizer steps of a run over `rows` training rows (an epoch). A budget beats the training section."""
    assert training.batch_size is not None
    if budget.steps is not None:
        return budget.steps
    if budget.examples is not None:
        return math.ceil(budget.examples / training.batch_size)
    if budget.epochs is None and training.max_steps is not None:
        return training.max_steps
    epochs = budget.epochs if budget.epochs is not None else training.epochs
    if not epochs:
        raise InputError("the run has no length", "training.max_steps or training.epochs above 0", "set one of them")
    return max(1, math.ceil(epochs * rows / training.batch_size))


def warmup_steps(training: Training, steps: int) -> int:
    """Warm-up in steps: a share of the run below 1, a number of steps from 1 on."""
    warmup = training.warmup or 0.0
    return round(warmup * steps) if warmup < 1 else int(warmup)


def rate_factors(training: Training, mlm: Mlm | None) -> dict[str, float]:
    """Task -> factor of the schedule's rate in its steps: masked LM has a peak rate of its own, the shape is shared."""
    if mlm is None or not training.learning_rate:
        return {}
    return {MLM.name: mlm.learning_rate / training.learning_rate}


def learning_rate(training: Training, step: int, steps: int, decay_from: int | None = None) -> float:
    """The rate of optimizer step `step` (from 0): linear warm-up from 0, the peak, then linear decay to 0.

    The decay begins with step `decay_from`, and at `steps` the rate would be 0; without it, it begins where the warm-up
    ends: the same as transformers' `get_linear_schedule_with_warmup`, so step 0 has rate 0 where there is a warm-up.
    A run whose decay would begin at its end is constant.
    """
    assert training.learning_rate is not None
    warm = warmup_steps(training, steps)
    if step < warm:
        return training.learning_rate * step / warm
    begin = warm if decay_from is None else max(warm, decay_from)
    return training.learning_rate * min(1.0, max(0.0, (steps - step) / max(1, steps - begin)))
