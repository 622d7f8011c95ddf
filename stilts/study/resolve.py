"""Which hyper-parameters a run has: per_task or budget before training before the preset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stilts.config import Recipe, Study, TargetTask, Training
from stilts.tasks import MLM, Task, preset_values

_SHARED = ("batch_size", "learning_rate", "warmup", "weight_decay", "max_length", "select")


def target_training(study: Study, task: Task, target: str | None = None) -> Training:
    """The settings of a target's fine-tune: `target.per_task` over `training` over the preset's values for the task.

    `target`: whose entry of `target.per_task` counts; default the task's own.
    """
    preset = preset_values(study.training.preset, task)
    own = study.target.per_task.get(target or task.name, TargetTask())
    values = {key: _first(getattr(own, key, None), getattr(study.training, key), preset[key]) for key in _SHARED}
    length = _length((own.max_steps, own.epochs), (study.training.max_steps, study.training.epochs), preset["epochs"])
    return replace(study.training, **values, **length)


def intermediate_training(study: Study, recipe: Recipe, tasks: Sequence[Task]) -> Training:
    """The settings of an intermediate run: `budget` over `training` over the preset's values for its tasks.

    Where the presets of several tasks differ, the run takes the smallest batch size, learning rate and number of
    epochs (what fits and suits every task), the first task's warm-up and decay, and the greatest length; each
    task's features are cut at its own `intermediate_length`. Masked LM has a say only where it is alone; its own
    learning rate is in the recipe.
    """
    text = [preset_values(study.training.preset, MLM)] if recipe.mlm is not None else []
    presets = [preset_values(study.training.preset, task) for task in tasks] if recipe.tasks else text
    if not presets:
        return study.training
    merged: dict[str, Any] = {key: min(p[key] for p in presets) for key in ("batch_size", "learning_rate", "epochs")}
    merged |= {key: presets[0][key] for key in ("warmup", "weight_decay")}
    merged |= {"max_length": max(p["max_length"] for p in [*presets, *text])}
    values = {key: _first(getattr(study.training, key), merged.get(key)) for key in _SHARED}
    values["select"] = "last" if recipe.select == "none" else recipe.select
    if recipe.mlm is not None and not recipe.tasks:
        values["learning_rate"] = recipe.mlm.learning_rate
    budget = recipe.budget
    steps = budget.steps
    if budget.examples is not None:
        steps = math.ceil(budget.examples / values["batch_size"])
    length = _length((steps, budget.epochs), (study.training.max_steps, study.training.epochs), merged["epochs"])
    return replace(study.training, **values, **length)


def intermediate_length(study: Study, task: Task) -> int:
    """The longest row of one task of an intermediate run, in tokens."""
    return int(_first(study.training.max_length, preset_values(study.training.preset, task)["max_length"]))


def _length(*levels: Any) -> dict[str, Any]:
    """Steps or epochs from the first level that has any; within a level, steps go before epochs."""
    *pairs, epochs = levels
    for max_steps, own_epochs in pairs:
        if max_steps is not None:
            return {"max_steps": max_steps, "epochs": None}
        if own_epochs is not None:
            return {"max_steps": None, "epochs": own_epochs}
    return {"max_steps": None, "epochs": epochs}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
