"""What a kept step is: how many optimizer steps, examples and epochs are behind the model that targets start from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stilts.config import RunSettings
from stilts.kept_step import kept_step
from stilts.study.kept_steps import what_it_takes
from stilts.study.plan import Plan
from stilts.study.volume import Volumes

COLUMNS = ("name", "recipe", "design", "step", "trained_steps", "batch_size", "examples", "epoch_rows", "epochs")


def axis(plan: Plan) -> Iterator[dict[str, Any]]:
    """A row a kept step of a recipe; COLUMNS.

    name: as scores and tables call it. step: as the study keeps it. trained_steps: optimizer steps behind the model,
    a cool-down among them. batch_size, epoch_rows: training rows of an optimizer step and of an epoch. examples and
    epochs are of trained_steps; epoch_rows and epochs are None where the sizes of the sets are not known.
    """
    volumes = Volumes(plan)
    runs = {run.run: run for run in plan.runs}
    starts: dict[str, tuple[RunSettings, int]] = {}
    for run in plan.runs:
        before = runs.get(run.init_run or "")
        if before is not None and before.kind == "intermediate" and kept_step(run.recipe):
            starts.setdefault(run.recipe, (before, run.init_step or before.training.max_steps or 0))
    for name, (run, trained) in starts.items():
        found, batch, epoch = kept_step(name), run.training.batch_size or 0, volumes.epoch(run)
        assert found is not None
        yield {
            "name": name, "recipe": found.recipe, "design": found.design, "step": found.step, "trained_steps": trained,
            "batch_size": batch, "examples": trained * batch, "epoch_rows": epoch,
            "epochs": round(trained * batch / epoch, 4) if epoch else None,
        }  # fmt: skip


def kept_step_lines(plan: Plan) -> list[str]:
    """What a reader of the plan is told about kept steps, a line a recipe."""
    rows = list(axis(plan))
    lines = []
    for recipe in plan.study.intermediate:
        own = [row for row in rows if (row["recipe"], row["design"]) == (recipe.name, recipe.design)]
        if recipe.keep_steps and own:
            epochs = [f"{row['step']:,}" + (f" ({row['epochs']:.2g})" if row["epochs"] else "") for row in own]
            batch = f"  steps (epochs), of {own[0]['batch_size']} rows a step: {', '.join(epochs)}"
            lines += [what_it_takes(recipe, len(recipe.seeds or plan.study.seeds)), batch]
    return lines
