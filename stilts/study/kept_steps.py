"""Recipes that keep steps: the recipes that a plan has instead, their runs, and what contradicts them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stilts.config import Budget, Recipe, Study, Training
from stilts.errors import InputError
from stilts.kept_step import SNAPSHOTS, TRUNK, KeptStep

BASELINE = Recipe("none")  # what a study without recipes runs


def is_baseline(recipe: Recipe) -> bool:
    """True for the recipe without an intermediate phase."""
    return not recipe.tasks and recipe.mlm is None


def kept(recipe: Recipe) -> list[int]:
    """The steps of a recipe that are trained for, in order; step 0 is the baseline's."""
    return sorted(set(recipe.keep_steps) - {0})


def arms(recipe: Recipe) -> list[Recipe]:
    """The recipes that a plan has for one of the study: one a kept step, or itself."""
    return [_arm(recipe, step) for step in kept(recipe)] or [recipe]


def all_recipes(study: Study) -> list[Recipe]:
    """The recipes of a study, and the baseline where one keeps step 0."""
    recipes = study.intermediate or [BASELINE]
    absent = not any(map(is_baseline, recipes)) and any(0 in recipe.keep_steps for recipe in recipes)
    return [BASELINE, *recipes] if absent else list(recipes)


@dataclass(frozen=True)
class PhaseRun:
    """One intermediate run of a recipe.

    Attributes:
        recipe: by whose name the run is called; its budget is the run's.
        named: the recipe in the plan's row.
        serves: names of the recipes whose targets start from it, and from which step (None: its last).
        first_branch: the smallest step of which there is a branch, of a trunk and its branches.
        decay_from, branch_step, branch_steps, snapshot_steps: as in `stilts.config.RunSettings`.
    """

    recipe: Recipe
    named: str
    serves: tuple[tuple[str, int | None], ...] = ()
    first_branch: int | None = None
    decay_from: int | None = None
    branch_step: int | None = None
    branch_steps: tuple[int, ...] = ()
    snapshot_steps: tuple[int, ...] = ()

    def training(self, training: Training) -> Training:
        """The run's settings: of a trunk, a warm-up that is a share is one of the first branch's step."""
        warmup = training.warmup or 0.0
        if self.first_branch is None or not 0 < warmup < 1:
            return training
        return replace(training, warmup=float(round(warmup * self.first_branch)))


def phase_runs(recipe: Recipe) -> list[PhaseRun]:
    """The intermediate runs of a recipe and seed, a trunk before its branches."""
    steps = kept(recipe)
    if steps and recipe.design == TRUNK:
        return _trunk_and_branches(recipe, steps)
    if steps and recipe.design == SNAPSHOTS:
        last = _length(recipe)
        serves = tuple((_arm(recipe, step).name, step if step < last else None) for step in steps)
        whole, before = _run_of(recipe, SNAPSHOTS, last), tuple(step for step in steps if step < last)
        return [PhaseRun(whole, recipe.name, serves, snapshot_steps=before)]
    return [PhaseRun(one, one.name, ((one.name, None),)) for one in arms(recipe)]


def _trunk_and_branches(recipe: Recipe, steps: list[int]) -> list[PhaseRun]:
    first, last = steps[0], steps[-1]
    trunk = _run_of(recipe, "trunk", last)
    runs = [PhaseRun(trunk, recipe.name, (), first, decay_from=last, branch_steps=tuple(steps))]
    for step in steps:
        own = _arm(recipe, step)
        branch = replace(own, budget=Budget(steps=_branch_end(recipe, step)))
        runs.append(PhaseRun(branch, own.name, ((own.name, None),), first, decay_from=step, branch_step=step))
    return runs


def _arm(recipe: Recipe, step: int) -> Recipe:
    """The recipe of one kept step."""
    name = KeptStep(recipe.name, step, recipe.design).name
    return replace(recipe, name=name, keep_steps=[], budget=Budget(steps=step))


def _run_of(recipe: Recipe, what: str, steps: int) -> Recipe:
    """The recipe of a run that serves several kept steps."""
    return replace(recipe, name=f"{recipe.name}@{what}", keep_steps=[], budget=Budget(steps=steps))


def _length(recipe: Recipe) -> int:
    """Optimizer steps of the one run that all snapshots are of."""
    return recipe.budget.steps or kept(recipe)[-1]


def _branch_end(recipe: Recipe, step: int) -> int:
    """The last optimizer step of the branch from a kept step, counted from the trunk's start."""
    return step + max(1, round(recipe.cooldown * step))


def check_kept_steps(study: Study, recipe: Recipe, where: str) -> None:
    """Raise InputError for a recipe whose kept steps contradict its other settings."""
    if not recipe.keep_steps:
        return
    _check_length(recipe, where)
    if recipe.select == "best" or study.training.average_last > 1:
        other = f"{where}.select is best" if recipe.select == "best" else "training.average_last is above 1"
        raise InputError(
            f"{other}, and {where} has keep_steps", "the model of each kept step itself",
            f"set {where}.select: last and training.average_last: 1, or remove keep_steps",
        )  # fmt: skip
    warmup = study.training.warmup or 0.0
    if recipe.design == TRUNK and warmup >= 1 and warmup > kept(recipe)[0]:
        raise InputError(
            f"training.warmup is {warmup:g} steps and {where} keeps step {kept(recipe)[0]}",
            "steps after the warm-up", "keep later steps, or let the warm-up be a share (of the smallest of them)",
        )  # fmt: skip


def _check_length(recipe: Recipe, where: str) -> None:
    steps = kept(recipe)
    if is_baseline(recipe) or not steps:
        what = "in a recipe without tasks" if steps else "and no step above it"
        raise InputError(
            f"{where}.keep_steps is {recipe.keep_steps} {what}", "steps above 0 of a recipe that trains",
            f"change {where}.keep_steps, or remove it",
        )  # fmt: skip
    if len(set(recipe.keep_steps)) < len(recipe.keep_steps):
        raise InputError(f"{where}.keep_steps has a step twice", "each once", "remove one")
    budget = recipe.budget
    if recipe.design != SNAPSHOTS and budget != Budget():
        raise InputError(
            f"{where} has a budget and keep_steps by {recipe.design}", "its length from keep_steps alone",
            f"remove {where}.budget",
        )  # fmt: skip
    if budget.examples is not None or budget.epochs is not None or (budget.steps or steps[-1]) < steps[-1]:
        raise InputError(
            f"{where} keeps step {steps[-1]} of a run that is not known to be so long",
            f"budget: {{steps: N}}, {steps[-1]} at least", f"change {where}.budget, or remove it",
        )  # fmt: skip


def what_it_takes(recipe: Recipe, seeds: int) -> str:
    """A line for the plan: how many optimizer steps the design takes, and what a whole run a step would."""
    steps, apart = kept(recipe), sum(kept(recipe))
    taken, how, instead = apart, " + ".join(map(str, steps)), f"; a whole run a step would take {seeds * apart:,}"
    if recipe.design == TRUNK:
        down = sum(_branch_end(recipe, step) - step for step in steps)
        taken, how = steps[-1] + down, f"a trunk of {steps[-1]:,}, trained once, and {down:,} of cool-down"
    elif recipe.design == SNAPSHOTS:
        taken, how = _length(recipe), "one run"
    else:
        instead = ""
    often = f", for each of {seeds} seeds" if seeds > 1 else ""
    return f"kept steps of {recipe.name} by {recipe.design}: {seeds * taken:,} optimizer steps ({how}{often}){instead}"
