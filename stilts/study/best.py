"""The best recipe for each target, chosen on other numbers than it is reported on (`stilts.analysis.selection`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.selection import Selection, chosen_on_dev, cross_fitted, divisible
from stilts.outcome import Outcome
from stilts.study.graded_items import TargetItems
from stilts.study.plan import Plan
from stilts.study.score_table import ScoreTable, main_metric
from stilts.tasks import get_task

DEV_TO_TEST, CROSS_FITTED, SEEDS_ONLY = "dev_to_test", "cross_fitted", "cross_fitted_seeds"
METHODS = {
    DEV_TO_TEST: "chosen on dev (by what chose the checkpoints) with half of the seeds, reported on the study's set "
    "with the rest, both ways",
    CROSS_FITTED: "chosen on half of the item clusters and seeds, scored on the rest, both ways",
    SEEDS_ONLY: "chosen by half of the seeds, scored with the rest, both ways: no predictions are left to divide, or "
    "too few articles",
}
CHOSEN_BY_IT = "the score is of what chose it: there is one seed of it, and no items to divide"
"""The note of a choice that could not be made on other numbers."""


def dev_scores(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[tuple[str, str], float]:
    """Run id, target -> the score that chose the run's checkpoint, where none of the sets it is of is reported.

    Where English dev chooses and dev is reported (TyDiQA always), there is none: those scores are not two sets'.
    """
    found = {}
    for run in plan.runs:
        outcome = outcomes.get(run.run)
        if outcome is None or outcome.chosen_score is None:
            continue
        for target in {ref.task for ref in run.evaluation_sets}:
            reported = {ref.name for ref in run.evaluation_sets if ref.task == target}
            if reported.isdisjoint(outcome.chosen_on):
                found[run.run, target] = outcome.chosen_score
    return found


def best_recipe(
    table: ScoreTable, items: TargetItems, dev: Mapping[tuple[str, str], float], draws: int
) -> dict[str, Any] | None:
    """The entry of `best` in statistics.json for one target; None with less than two complete recipes.

    Args:
        dev: `dev_scores`; used where every run of the complete recipes has one.
    """
    names = table.whole()
    if len(names) < 2:
        return None
    rows = table.of(main_metric(table.target))
    runs = table.runs[table.runs["recipe"].isin(names)].reset_index(drop=True)
    scores = rows.groupby("run")["value"].mean().reindex(runs["run"]).to_numpy(float)
    units = _units(runs, names)
    chosen = np.array([dev.get((name, table.target), np.nan) for name in runs["run"]], dtype=np.float64)
    fixed = [bool(own) for own in _fixed(runs).reindex(names)]
    if not np.isnan(chosen).any():
        found = chosen_on_dev(names, _table(chosen, units), _table(scores, units), fixed)
        return {"method": DEV_TO_TEST, **_content(found)}
    if all(name in items.runs for name in runs["run"]):
        sums = items.sums(list(runs["run"]), get_task(table.target).score_metrics)
        if divisible(sums):
            arms = [names.index(name) for name in runs["recipe"]]
            return {
                "method": CROSS_FITTED,
                **_content(cross_fitted(names, sums, arms, _outer(runs), draws, fixed=fixed)),
            }
    own = _table(scores, units)
    found = chosen_on_dev(names, own, own, fixed)
    alone = any(len(units[names.index(name)]) == 1 for name in found.chosen)
    if alone:
        found = replace(found, note="; ".join(filter(None, [found.note, CHOSEN_BY_IT])))
    return {"method": SEEDS_ONLY, **_content(found, apart=not alone)}


def _content(found: Selection, apart: bool = True) -> dict[str, Any]:
    """`apart`: whether the score is of other sets, items or seeds than those that chose."""
    gain = found.gain
    return {
        "recipe": found.recipe, "chosen": list(found.chosen), "score": found.score, "reported": found.reported,
        "gain": _number(gain.estimate), "low": _number(gain.low), "high": _number(gain.high),
        "winner": found.winner, "note": found.note, "apart": apart,
    }  # fmt: skip


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _fixed(runs: pd.DataFrame) -> pd.Series:
    """Recipe -> whether it has no seed at all."""
    seeded = runs["intermediate_seed"].notna() | runs["target_seed"].notna()
    return ~seeded.groupby(runs["recipe"]).any()


def _outer(runs: pd.DataFrame) -> list[int]:
    """Each run's seed of the outermost phase in which its recipe has several: those are what is halved."""
    several = runs.groupby("recipe")["intermediate_seed"].transform("nunique") > 1
    seeds = runs["intermediate_seed"].where(several, runs["target_seed"]).fillna(0)
    return [int(seed) for seed in seeds]


def _units(runs: pd.DataFrame, names: Sequence[str]) -> list[list[list[int]]]:
    """Arm -> seed -> places of the runs."""
    outer = _outer(runs)
    found: list[list[list[int]]] = []
    for name in names:
        own: dict[int, list[int]] = {}
        for place in np.flatnonzero((runs["recipe"] == name).to_numpy()):
            own.setdefault(outer[place], []).append(int(place))
        found.append(list(own.values()))
    return found


def _table(values: np.ndarray, units: Sequence[Sequence[Sequence[int]]]) -> np.ndarray:
    """(arms, seeds), NaN where an arm has fewer seeds."""
    out = np.full((len(units), max(map(len, units))), np.nan)
    for arm, seeds in enumerate(units):
        for place, own in enumerate(seeds):
            out[arm, place] = values[list(own)].mean()
    return out
