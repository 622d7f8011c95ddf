"""Question 1 asked of a table: what is read, and the answer in words, rows and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from stilts.analysis.answer import Answer, Shown
from stilts.analysis.claims import MARGIN
from stilts.analysis.families import ALL
from stilts.analysis.language_effects import baseline_of
from stilts.analysis.multitask import Found, compare, runs_of
from stilts.analysis.multitask_words import notes, sentences
from stilts.analysis.task_sets import (
    SEVERAL,
    SINGLE,
    Names,
    TaskSet,
    labelled,
    read_task_sets,
    task_sets,
    tasks_of,
)  # fmt: skip
from stilts.analysis.wording import finite, p_text, points
from stilts.errors import InputError
from stilts.settings import plain, setting

EVERY, OWN = "every", "own"


@dataclass
class MultitaskSettings:
    """What `stilts analyse multitask` may be told."""

    baseline: str | None = setting(None, "recipe to compare with; default the one without an intermediate seed")
    recipes: dict[str, str] = setting({}, "RECIPE: its tasks joined by `+`; default what its name says")
    recipes_file: str | None = setting(None, "the same as a CSV: recipe, tasks and, where recipes have one, arm")
    all_tasks: str = setting("all", "name for all tasks together")
    leave_one_out: str = setting("leave-one-out", "begins the name of all but one, as `leave-one-out:TASK`")
    among: str = setting(EVERY, "the best single task is one of every one, or of the recipe's own", (EVERY, OWN))
    margin: float = setting(MARGIN, "points; a smaller difference is none", minimum=0)


@dataclass(frozen=True)
class MultitaskAnswer(Answer):
    """The answer.

    Attributes:
        question: "multitask".
        answer: sentences made from the numbers.
        baseline: the recipe that the others are compared with.
        recipes: what they train on.
        found: all comparisons.
        notes: what was left out, and on what the numbers rest.
    """

    question: str
    answer: list[str]
    baseline: str
    recipes: list[TaskSet]
    found: Found
    notes: list[str] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """For JSON: what is no number is null."""
        found = self.found
        return dict(
            finite({
                "question": self.question,
                "answer": self.answer,
                "baseline": self.baseline,
                "recipes": plain(self.recipes),
                "deltas": found.deltas.to_dict("records"),
                "best_single": found.best.to_dict("records"),
                "added": found.added.to_dict("records"),
                "arms": found.arms.to_dict("records"),
                "affinity": found.affinity.to_dict("records"),
                "negative_transfer": found.negative,
                "notes": self.notes,
            })
        )  # fmt: skip

    def tables(self) -> list[Shown]:
        """The gains, and what they are compared with; "±" is half of the 95 % interval."""
        return _tables(self.found)


def ask(scores: pd.DataFrame, settings: MultitaskSettings) -> MultitaskAnswer:
    """Answer question 1 from score rows (`stilts.analysis.score_table.read_scores`, with the column `arm`).

    Raises InputError where there is no baseline, for unknown recipes, and where no recipe trains on several tasks or
    none on a single one.
    """
    given, arms = read_task_sets(Path(settings.recipes_file)) if settings.recipes_file else ({}, {})
    given |= {recipe: tasks_of(tasks) for recipe, tasks in settings.recipes.items()}
    baseline = baseline_of(scores, settings.baseline)
    if baseline is None:
        raise InputError(
            "a table without one recipe that has no intermediate seed", "a baseline", "add baseline=RECIPE"
        )
    scores = scores.assign(arm=scores["arm"].where(scores["recipe"] != baseline, ""))
    scores = _single(labelled(scores, arms))
    recipes = [str(name) for name in dict.fromkeys(scores["recipe"])]
    sets = task_sets(recipes, Names(baseline, settings.all_tasks, settings.leave_one_out, given))
    for kind, what in ((SINGLE, "a single task"), (SEVERAL, "several tasks")):
        if not any(one.kind == kind for one in sets):
            raise InputError(
                f"no recipe of {what} among {', '.join(recipes)}", "recipes of one task and of several", "set recipes"
            )
    found = compare(runs_of(scores, baseline), sets, settings.margin, settings.among == OWN)
    if found.deltas.empty:
        raise InputError(f"no target that both {baseline} and another recipe have", "scores of both", "add them")
    return MultitaskAnswer(
        "multitask", sentences(found, sets, settings.margin), baseline, sets, found, notes(found, sets)
    )


def _single(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows without repeated ones; two scores of the baseline, which belongs to all arms, are refused."""
    cell = [column for column in scores if column != "value"]
    kept = scores.drop_duplicates()
    twice = kept[kept.duplicated(cell)]
    if len(twice):
        one = " ".join(str(twice.iloc[0][column]) for column in cell).strip()
        raise InputError(f"two scores of {one} in different arms", "one: it belongs to all arms", "remove one")
    return kept.reset_index(drop=True)


def _tables(found: Found) -> list[Shown]:
    over = found.deltas[found.deltas["language"] == ALL]
    targets = sorted(dict.fromkeys(over["target"]), key=lambda name: name == ALL)
    cells = {(row["recipe"], row["target"]): _plus_minus(row, "delta") for row in over.to_dict("records")}
    rows = [(recipe, *(cells.get((recipe, t)) for t in targets)) for recipe in dict.fromkeys(over["recipe"])]
    parts = [Shown(("gain", *targets), rows)]
    for header, rows_of in (
        ("several tasks less the best single", found.best),
        ("what a task adds to all others", found.added),
        ("arms", found.arms),
    ):
        own = rows_of[rows_of["language"] == ALL]
        if len(own):
            named = (header, "against", "target", "points", "95 %", "p (Holm)", "verdict")
            parts.append(Shown(named, [_contrast(row) for row in own.to_dict("records")]))
    if len(found.affinity):
        names = list(dict.fromkeys(found.affinity["target"]))
        by = {(row["recipe"], row["target"]): _plus_minus(row, "centred") for row in found.affinity.to_dict("records")}
        lines = [(recipe, *(by[recipe, t] for t in names)) for recipe in dict.fromkeys(found.affinity["recipe"])]
        parts.append(Shown(("affinity (double-centred)", *names), lines))
    return parts


def _contrast(row: dict[str, Any]) -> tuple[str, ...]:
    ends = "–" if pd.isna(row["low"]) else f"{row['low']:+.2f} to {row['high']:+.2f}"
    first = f"{row['recipe']}: {row['task']}" if "task" in row else str(row["recipe"])
    return (
        first,
        row["reference"],
        row["target"],
        points(row["delta"]),
        ends,
        p_text(row["p_adjusted"]),
        row["verdict"],
    )


def _plus_minus(row: dict[str, Any], name: str) -> str:
    half = (row["high"] - row["low"]) / 2
    return points(row[name]) if pd.isna(half) else f"{row[name]:+.2f} ± {half:.2f}"
