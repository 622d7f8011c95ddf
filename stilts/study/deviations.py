"""Where a study leaves the recipe that it names: settings that differ from the preset's, and limited data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from stilts.config import Budget, Recipe, RunSettings, Study, Training
from stilts.study.plan import Plan
from stilts.study.resolve import intermediate_training, target_training
from stilts.tasks import get_task

KEYS = ("batch_size", "learning_rate", "warmup", "weight_decay", "max_length", "select")
LENGTH = "length"
"""The name of epochs or steps, whichever is set."""


def deviations(plan: Plan) -> list[dict[str, Any]]:
    """`{"setting", "preset", "expected", "found", "runs", "example"}`, a row a phase, key and pair of values.

    `setting` is `<phase>.<key>`; `expected` is the preset's value for the task. What a preset
    says nothing about (ZeRO, precision, which tasks) is no deviation.
    """
    study = plan.study
    preset = study.training.preset
    bare = replace(study, training=_bare(study.training), target=replace(study.target, per_task={}))
    recipes = {recipe.name: recipe for recipe in (*study.intermediate, *plan.recipes)}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for run in plan.runs:
        if not run.trains_on:
            continue
        expected = _expected(bare, run, recipes[run.recipe])
        for key in (*KEYS, LENGTH):
            wanted, found = _value(expected, key), _value(run.training, key)
            if wanted != found:
                name = f"{run.kind}.{key}"
                row = {"setting": name, "preset": preset, "expected": wanted, "found": found, "runs": 0,
                       "example": run.run}  # fmt: skip
                rows.setdefault((name, f"{wanted} {found}"), row)["runs"] += 1
    return [*rows.values(), *_limits(study, preset)]


def _expected(bare: Study, run: RunSettings, recipe: Recipe) -> Training:
    """The settings that the run would have with nothing but the preset."""
    if run.kind == "intermediate":
        plain = replace(recipe, budget=Budget(), select=_default(Recipe, "select"))
        return intermediate_training(bare, plain, [get_task(name) for name in recipe.tasks])
    if not run.evaluates:  # a stage of a chain that another follows: only the last one can choose
        return replace(target_training(bare, get_task(run.trains_on[-1])), select="last")
    return target_training(bare, get_task(run.evaluates[0]))


def _bare(training: Training) -> Training:
    """The preset alone: every key that it decides is null."""
    nothing: dict[str, Any] = dict.fromkeys((*KEYS, "epochs", "max_steps"))
    return replace(training, **nothing)


def _value(training: Training, key: str) -> Any:
    if key != LENGTH:
        return getattr(training, key)
    return f"{training.epochs:g} epochs" if training.max_steps is None else f"{training.max_steps} steps"


def _default(owner: type, key: str) -> Any:
    return next(field.default for field in fields(owner) if field.name == key)


def _limits(study: Study, preset: str) -> Iterator[dict[str, Any]]:
    for task, splits in study.data.limit.items():
        for split, n in splits.items():
            yield {"setting": f"data.limit.{task}.{split}", "preset": preset, "expected": "all examples", "found": n,
                   "runs": 0, "example": ""}  # fmt: skip
