"""What recipes train on, for question 1: no task, one alone, several; and the arm that a recipe belongs to.

An arm is a way in which the recipes of several tasks are matched with single ones or sampled: as many steps, as many
examples of each task, uniform sampling. A recipe of a single task without an arm belongs to all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stilts.analysis.named_rows import read_named_rows
from stilts.settings import unknown
from stilts.tasks import MLM

BASELINE, SINGLE, SEVERAL, OTHER = "baseline", "single", "several", "other"
ARM_MARK = "--"
"""Between a recipe's name and its arm; a recipe of a study may be called so."""
_AFTER_PREFIX = ":-._"


@dataclass(frozen=True)
class TaskSet:
    """One recipe.

    Attributes:
        recipe: its name, with its arm.
        tasks: what it trains on; none of the baseline and of what is no task (`kind` "other").
        arm: "" where it belongs to none.
        kind: "baseline", "single", "several" or "other".
    """

    recipe: str
    tasks: tuple[str, ...]
    arm: str
    kind: str


@dataclass(frozen=True)
class Names:
    """How names of recipes are read.

    Attributes:
        baseline: the recipe that trains on nothing.
        every: the name for all tasks that any recipe trains on.
        left_out: what the name of all but one begins with, before `:`, `-`, `.` or `_` and the task.
        given: recipe -> its tasks; the others are read by their names, where `+` joins tasks.
    """

    baseline: str
    every: str
    left_out: str
    given: Mapping[str, tuple[str, ...]]


def labelled(scores: pd.DataFrame, arms: Mapping[str, str]) -> pd.DataFrame:
    """Score rows whose recipes carry their arm in their names, from the column `arm` or else `arms` (recipe -> arm)."""
    arm = scores["arm"].where(scores["arm"] != "", scores["recipe"].map(arms).fillna(""))
    marked = [
        name if not one or name.endswith(ARM_MARK + one) else f"{name}{ARM_MARK}{one}"
        for name, one in zip(scores["recipe"], arm, strict=True)
    ]
    return scores.assign(recipe=marked).drop(columns="arm")


def task_sets(recipes: Sequence[str], names: Names) -> list[TaskSet]:
    """What each recipe (with its arm) trains on. Raises InputError for a name in `given` that no recipe has."""
    bare = {recipe: recipe.partition(ARM_MARK)[0] for recipe in recipes}
    for name in names.given:
        if name not in bare and name not in bare.values():
            raise unknown(f"recipe {name!r}", name, list(bare), "change recipes")
    every: dict[str, None] = {}
    for recipe in recipes:
        named = () if recipe == names.baseline else _named(recipe, bare[recipe], names)
        if names.every not in named:
            every |= dict.fromkeys(task for task in named if task != MLM.name)
    return [_task_set(recipe, bare[recipe], names, list(every)) for recipe in recipes]


def singles_for(sets: Sequence[TaskSet], arm: str) -> list[TaskSet]:
    """The single tasks that a recipe of this arm is held against: those of its arm, else those without one.

    Of two recipes of one task and arm it is the first.
    """
    found: dict[tuple[str, ...], TaskSet] = {}
    for one in sets:
        if one.kind == SINGLE and one.arm in (arm, ""):
            known = found.get(one.tasks)
            if known is None or known.arm != arm == one.arm:
                found[one.tasks] = one
    return list(found.values())


def all_of(sets: Sequence[TaskSet], arm: str) -> TaskSet | None:
    """The arm's recipe of three tasks or more that has every recipe's, and no others if it can be; None without one."""
    every = {task for one in sets for task in one.tasks} - {MLM.name}
    whole = [one for one in sets if one.arm == arm and len(one.tasks) > 2 and every <= set(one.tasks)]
    return min(whole, key=lambda one: len(one.tasks), default=None)


def one_less(sets: Sequence[TaskSet], whole: TaskSet) -> dict[str, TaskSet]:
    """Task -> the recipe of the same arm that leaves only this task out."""
    found = {}
    for one in sets:
        rest = set(whole.tasks) - set(one.tasks)
        if one.arm == whole.arm and one.kind == SEVERAL and len(rest) == 1:
            found[rest.pop()] = one
    return found


def matched(sets: Sequence[TaskSet]) -> list[tuple[TaskSet, TaskSet]]:
    """Pairs of recipes of several tasks that differ in their arm only; the first found is the second of each pair."""
    first: dict[frozenset[str], TaskSet] = {}
    out = []
    for one in sets:
        if one.kind == SEVERAL:
            other = first.setdefault(frozenset(one.tasks), one)
            if other.arm != one.arm:
                out.append((one, other))
    return out


def read_task_sets(path: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """A CSV of recipes: their tasks (joined by `+`, empty: no task), and their arms where it has a column `arm`.

    Raises InputError for a file that is not one, and for a recipe that comes twice.
    """
    table = read_named_rows(path, "recipe", ["tasks"], "recipes_file")
    arms = dict(table["arm"]) if "arm" in table else {}
    return {recipe: tasks_of(tasks) for recipe, tasks in table["tasks"].items()}, arms


def tasks_of(text: str) -> tuple[str, ...]:
    """The tasks in `a+b`."""
    return tuple(dict.fromkeys(part.strip() for part in text.split("+") if part.strip()))


def _task_set(recipe: str, bare: str, names: Names, every: Sequence[str]) -> TaskSet:
    if recipe == names.baseline:
        return TaskSet(recipe, (), "", BASELINE)
    named = _named(recipe, bare, names)
    if recipe not in names.given and bare not in names.given and _left_out(bare, names):
        tasks = tuple(task for task in every if task not in named)
    else:
        tasks = tuple(dict.fromkeys(t for part in named for t in (every if part == names.every else [part])))
    kind = SEVERAL if len(tasks) > 1 else SINGLE if tasks else OTHER
    return TaskSet(recipe, tasks, recipe.partition(ARM_MARK)[2], kind)


def _named(recipe: str, bare: str, names: Names) -> tuple[str, ...]:
    """The tasks that a recipe's entry or its name has, also one that is left out."""
    own = names.given.get(recipe, names.given.get(bare))
    without = _left_out(bare, names)
    return own if own is not None else (without,) if without else tasks_of(bare)


def _left_out(bare: str, names: Names) -> str:
    """The task that a name says is left out; "" where it says none."""
    rest = bare[len(names.left_out) :]
    return rest[1:] if bare.startswith(names.left_out) and rest[:1] and rest[0] in _AFTER_PREFIX else ""
