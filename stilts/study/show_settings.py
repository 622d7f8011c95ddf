"""What each run of a plan will use, as rows of a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stilts.config import RunSettings, Training
from stilts.study.plan import Plan

_HEADER = (
    "phase",
    "of",
    "trains on",
    "head",
    "length",
    "batch",
    "rate",
    "warm-up",
    "decay",
    "max tokens",
    "checkpoint",
)


def settings_table(plan: Plan) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Header and rows; runs that differ in nothing but recipe or seed are one row, of intermediate runs each has one.

    Runs that train nothing are left out.
    """
    rows: dict[tuple[Any, ...], None] = {}
    for run in plan.runs:
        if run.kind == "evaluation":
            continue
        t, target = run.training, run.kind == "target"
        name = " + ".join(run.evaluates or ["a stage of a chain"]) if target else run.recipe
        trains_on = " ".join(run.trains_on) if target else None  # of a recipe it is shown above
        values = (t.batch_size, t.learning_rate, f"{t.warmup:g}", t.weight_decay, t.max_length, chosen_on(run))
        rows[(run.kind, name, trains_on, _head(run), length(run), *values)] = None
    return _HEADER, list(rows)


def settings_of_all(training: Training) -> str:
    """The settings that no preset and no task changes."""
    t = training
    examples = f"{t.validation_examples} examples" if t.validation_examples is not None else "all examples"
    return (
        f"all runs: {t.optimizer}, epsilon {t.adam_epsilon:g}, gradients clipped to {t.max_grad_norm:g}; the best "
        f"checkpoint is looked for every {t.validate_every} steps on {examples} a set, until {t.patience} in a row are "
        "no better"
    )


def settings_json(run: RunSettings) -> dict[str, Any]:
    """The same of one run, by the keys of `training`."""
    keys = ("max_steps", "epochs", "batch_size", "learning_rate", "warmup", "weight_decay", "max_length")
    own = {key: getattr(run.training, key) for key in keys}
    return {"trains_on": run.trains_on, "head": _head(run), **own, "checkpoint": chosen_on(run)}


def length(run: RunSettings) -> str | None:
    """Steps or epochs of a run that trains; of one that goes on from another, after how many steps it begins."""
    training = run.training
    if run.kind == "evaluation":
        return None
    if training.max_steps is None:
        return f"{training.epochs:g} epochs"
    begin = run.branch_step or 0
    return f"{begin} + {training.max_steps - begin} steps" if begin else f"{training.max_steps} steps"


def chosen_on(run: RunSettings) -> str:
    """ "last", or "best" with the sets it is chosen on: task/split/language, or how many languages."""
    if run.training.select != "best" or not run.selection_sets:
        return "last"
    sets: dict[str, list[str]] = {}
    for ref in run.selection_sets:
        sets.setdefault(f"{ref.task}/{ref.split}", []).append(ref.language)
    named = [f"{name}/{codes[0] if len(codes) == 1 else f'{len(codes)} languages'}" for name, codes in sets.items()]
    return f"best: {' + '.join(named)}"


def _head(run: RunSettings) -> str:
    return run.init_head if run.init_run else "fresh"
