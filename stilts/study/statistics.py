"""What a study's scores say, with their uncertainty: deltas.csv and statistics.json."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from stilts.analysis.bootstrap import DRAWS
from stilts.analysis.claims import RecipeFacts, checklist
from stilts.analysis.differences import SCORE, TargetRuns, differences
from stilts.analysis.families import ALL, LANGUAGE, METHODS, TARGET, families, negative_transfer
from stilts.analysis.intervals import LEVEL
from stilts.config import Recipe
from stilts.kept_step import kept_step
from stilts.outcome import Outcome, read_outcome
from stilts.study.best import METHODS as CHOICES
from stilts.study.best import best_recipe, dev_scores
from stilts.study.degenerate import degenerate, examined
from stilts.study.deviations import deviations
from stilts.study.graded_items import TargetItems, read_items
from stilts.study.marks import Marks, find_marks
from stilts.study.plan import Plan
from stilts.study.score_table import ScoreTable, main_metric, score_tables
from stilts.study.scores import Scores
from stilts.tasks import get_task

COLUMNS = (
    "recipe", "baseline", "target", "language", "metric", "delta", "low", "high", "p", "n", "seeds", "df",
    "low_test_set", "high_test_set", "p_test_set", "low_combined", "high_combined", "p_combined", "detectable",
    "family", "tests", "p_adjusted", "stars", "marks",
)  # fmt: skip
Progress = Callable[[str, int, int], None]
"""Hears what is done: a name, how much of how much."""


@dataclass(frozen=True)
class Statistics:
    """What was found.

    Attributes:
        deltas: the rows of deltas.csv, COLUMNS; None where there is nothing.
        content: statistics.json.
        problems: what is wrong with predictions, a line each.
    """

    deltas: list[list[Any]] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def statistics(plan: Plan, scores: Scores, said: Progress = lambda what, done, of: None) -> Statistics:
    """Differences to the baseline with intervals, the best recipes, the paper's claims, and what is out of order.

    Intervals over seeds are Student's t with variances pooled over the recipes of a target; those over test sets come
    from clusters of items, where predictions are left. `said` hears of the progress.
    """
    tables = score_tables(plan, scores)
    items = read_items(plan, tables, lambda done, of: said("reading predictions", done, of))
    by_target = {one.target: one for one in items}
    rows = pd.DataFrame()
    if plan.baseline is not None:
        rows = _differences(plan.baseline, tables, by_target, said)
    outcomes = _outcomes(plan)
    dev = dev_scores(plan, outcomes)
    best: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(tables, 1):
        own = best_recipe(table, by_target[table.target], dev, DRAWS)
        if own is not None:
            best[table.target] = own
        said("best recipes", number, len(tables))
    main = rows[rows["main"]] if len(rows) else rows
    content = {
        "baseline": plan.baseline,
        "interval": LEVEL,
        "draws": DRAWS,
        "families": METHODS,
        "best": best,
        "methods": {
            name: text for name, text in CHOICES.items() if any(own["method"] == name for own in best.values())
        },
        "negative_transfer": {name: _negative(main, name) for name in (TARGET, LANGUAGE)},
        "best_average": _best_average(best, len(plan.targets)),
        "claims": _claims(plan, tables, main, best),
        "degenerate": degenerate(plan, items, outcomes),
        "examined": examined(items, outcomes),
        "deviations": deviations(plan),
    }
    problems = [problem for one in items for problem in one.problems]
    return Statistics(_rows(rows, plan, find_marks(plan, scores)), content, problems)


def _differences(
    baseline: str, tables: Sequence[ScoreTable], items: dict[str, TargetItems], said: Progress
) -> pd.DataFrame:
    """`differences` for the score of every target and their mean, and for each metric where several make the score."""
    targets = [
        _target_runs(table, items[table.target], metric)
        for table in tables
        for metric in dict.fromkeys((main_metric(table.target), *get_task(table.target).metrics))
    ]
    rows = differences(targets, baseline, said=lambda done, of: said("resampling test sets", done, of))
    if not len(rows):
        return rows
    main = [
        target == ALL or metric == main_metric(target)
        for target, metric in zip(rows["target"], rows["metric"], strict=True)
    ]
    rows = rows.assign(p=rows["p_seeds"], main=main)
    rows = pd.concat([families(rows[rows["main"]]), rows[~rows["main"]]])
    counted = pd.concat([table.of(main_metric(table.target)).assign(target=table.target) for table in tables])
    return rows.merge(_counts(counted), on=["target", "language"], how="left")


def _counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Target and language -> n, the scored examples; for "all" their sum."""
    each = rows.groupby(["target", "language"], sort=False)["n"].first().reset_index()
    whole = each.groupby("target", sort=False)["n"].sum().reset_index().assign(language=ALL)
    total = pd.DataFrame({"target": [ALL], "language": [ALL], "n": [whole["n"].sum()]})
    return pd.concat([each, whole, total], ignore_index=True)


def _target_runs(table: ScoreTable, items: TargetItems, metric: str) -> TargetRuns:
    rows = table.of(metric)[["recipe", "intermediate_seed", "target_seed", "language", "value"]]
    names = table.runs.groupby("recipe", sort=False)["run"].agg(list)
    own = [name for name, runs in names.items() if all(run in items.runs for run in runs)]
    runs = table.runs[table.runs["recipe"].isin(own)].reset_index(drop=True)
    task = get_task(table.target)
    sums = items.sums(list(runs["run"]), task.score_metrics if metric == SCORE else [metric]) if len(runs) else None
    averaged = metric == main_metric(table.target)
    return TargetRuns(table.target, runs, sums, rows, metric, averaged, len(table.languages))


def _outcomes(plan: Plan) -> dict[str, Outcome]:
    """Run id -> what training came to, of runs that trained to their end."""
    found = {run.run: read_outcome(plan.run_folder(run.run)) for run in plan.runs if run.trains_on}
    return {name: own for name, own in found.items() if own is not None}


def _facts(plan: Plan) -> list[RecipeFacts]:
    """The recipes; of one that keeps steps the last step, as the published claims are of whole phases."""
    last: dict[str, Recipe] = {}
    for recipe in plan.recipes:
        found = kept_step(recipe.name)
        last[f"{found.recipe}@{found.design}" if found else recipe.name] = recipe
    return [
        RecipeFacts(one.name, tuple(one.tasks), one.mlm is not None, bool(one.translated_from)) for one in last.values()
    ]


def _claims(
    plan: Plan, tables: Sequence[ScoreTable], main: pd.DataFrame, best: Mapping[str, Any]
) -> list[dict[str, Any]]:
    rows = _averaged(main) if len(tables) == 1 else main
    found = checklist(rows, _facts(plan), best, plan.baseline, _baseline_scores(plan, tables), _Against(tables))
    over = f"over {' '.join(table.target for table in tables)}, {plan.study.evaluation.split} sets"
    for claim in found:
        if claim["delta"] is not None and claim["target"] is None:
            claim["note"] = "; ".join(filter(None, [claim["note"], over]))
    return found


def _baseline_scores(plan: Plan, tables: Sequence[ScoreTable]) -> dict[str, float]:
    """Target -> the baseline's score, where it is complete."""
    return {
        table.target: float(rows["value"].mean())
        for table in tables
        if plan.baseline in table.whole()
        for rows in [table.of(main_metric(table.target)).query("recipe == @plan.baseline")]
    }


def _best_average(best: Mapping[str, Mapping[str, Any]], targets: int) -> dict[str, Any]:
    """The mean score of the best recipes (None where a target has none), and how many targets have a winner."""
    score = sum(own["score"] for own in best.values()) / targets if len(best) == targets else None
    winners = sum(own["winner"] is not None for own in best.values())
    return {"score": score, "targets": len(best), "targets_with_winner": winners}


def _averaged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a study's only target, those over its languages also as the benchmark's average."""
    if not len(rows):
        return rows
    return pd.concat([rows, rows[rows["language"] == ALL].assign(target=ALL)], ignore_index=True)


class _Against:
    """Compares two recipes over all targets, by their seeds, with variances pooled over all recipes."""

    def __init__(self, tables: Sequence[ScoreTable]) -> None:
        self._targets = [
            TargetRuns(table.target, table.runs.iloc[:0], None, table.of(main_metric(table.target)),
                       languages=len(table.languages))
            for table in tables
        ]  # fmt: skip
        self._found: dict[str, pd.DataFrame] = {}

    def __call__(self, mine: str, theirs: str) -> pd.DataFrame:
        if theirs not in self._found:
            rows = differences(self._targets, theirs)
            self._found[theirs] = _averaged(rows) if len(self._targets) == 1 else rows
        rows = self._found[theirs]
        return rows[rows["recipe"] == mine] if len(rows) else rows


def _negative(rows: pd.DataFrame, family: str) -> dict[str, Any]:
    """How many cells of a family lost, by the intervals over seeds, or over test sets where no cell has seeds."""
    if not len(rows):
        return {"interval": None, "cells": 0, "negative": 0, "positive": 0, "expected": 0.0}
    own = rows[rows["family"] == family]
    kind = "seeds" if own["low_seeds"].notna().any() else "test_set"
    return {"interval": kind, **negative_transfer(own[f"low_{kind}"].to_numpy(), own[f"high_{kind}"].to_numpy())}


def _rows(rows: pd.DataFrame, plan: Plan, marks: Marks) -> list[list[Any]]:
    """The rows of deltas.csv: by recipe, target and language as planned, means after what they are over."""
    if not len(rows):
        return []
    order = {name: place for place, name in enumerate([*(one.name for one in plan.recipes), *plan.targets])}
    rows = rows.rename(columns={"low_seeds": "low", "high_seeds": "high", "df_seeds": "df"}).assign(
        baseline=plan.baseline,
        place=rows["target"].map(lambda name: order.get(name, math.inf)),
        first=rows["recipe"].map(order),
        over=rows["language"] == ALL,
    )
    rows = rows.sort_values(["first", "place", "over"], kind="stable")
    rows["marks"] = [
        "" if target == ALL else " ".join(marks.of(recipe, target, None if language == ALL else language))
        for recipe, target, language in zip(rows["recipe"], rows["target"], rows["language"], strict=True)
    ]
    for name in ("n", "seeds", "tests"):
        rows[name] = rows[name].astype("Int64")
    table = rows[list(COLUMNS)].astype(object)
    found: list[list[Any]] = table.where(table.notna(), None).to_numpy().tolist()
    return found
