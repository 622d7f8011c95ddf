"""Question 1: several intermediate tasks against each alone. What is compared with what, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.affinity import affinity
from stilts.analysis.best_single import AgainstBest, against_best, seed_means
from stilts.analysis.differences import TargetRuns, differences
from stilts.analysis.families import ALL, LANGUAGE, TARGET, families, negative_transfer
from stilts.analysis.power import ALPHA, SUPPORTED, UNDERPOWERED, detectable
from stilts.analysis.power import verdict as over_zero
from stilts.analysis.score_table import SEEDS
from stilts.analysis.task_sets import BASELINE, SEVERAL, SINGLE, TaskSet, all_of, matched, one_less, singles_for

REVERSED = "reversed"
"""The verdict on a claim that a difference is above 0 where it is below."""
_INTERVAL = ("low", "high", "p", "se", "df")
_CONTRAST = ["recipe", "reference", "target", "language", "delta", *_INTERVAL, "seeds", "scope", "detectable"]


@dataclass(frozen=True)
class Found:
    """All comparisons.

    Rows have recipe, reference, target, language ("all": the mean over them), delta (points), low, high, p, se, df,
    seeds, scope, detectable, family, method, tests, p_adjusted, stars and verdict.

    Attributes:
        deltas: every recipe less the baseline.
        best: several tasks less the best single one, with `several` and `single` (scores), `same_seeds` (the gain over
            the best of the same seeds) and `over_each` (single task -> delta, low, high, p).
        added: all tasks less all but one, with `task`; what the task adds.
        arms: recipes of the same tasks in another arm.
        affinity: `stilts.analysis.affinity`.
        negative: family (target or language) -> kind of recipe -> `stilts.analysis.families.negative_transfer`.
    """

    deltas: pd.DataFrame
    best: pd.DataFrame
    added: pd.DataFrame
    arms: pd.DataFrame
    affinity: pd.DataFrame
    negative: dict[str, dict[str, dict[str, float]]]


def compare(scores: pd.DataFrame, sets: Sequence[TaskSet], margin: float, own_only: bool = False) -> Found:
    """All comparisons of a table.

    Args:
        scores: rows of `runs_of`.
        sets: what its recipes train on; one is the baseline.
        margin: points; a difference below it is none.
        own_only: the best single task is one of those that the recipe trains on.
    """
    baseline = next(one.recipe for one in sets if one.kind == BASELINE)
    deltas = _finished(_against(scores, baseline), margin)
    totals = averaged(scores)
    return Found(
        deltas,
        _finished(_best(totals, sets, own_only), margin),
        _finished(_added(scores, sets), margin),
        _finished(_arms(scores, sets), margin),
        affinity(totals[totals["target"] != ALL], baseline, [one.recipe for one in sets if one.kind == SINGLE]),
        _negative(deltas, sets),
    )


def runs_of(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """A row a run, target and language: the mean over the target's metrics; no seed is None.

    What a baseline calls its intermediate seed is one more target seed, as it has no intermediate phase.
    """
    rows = scores.groupby(["recipe", "target", "language", *SEEDS], sort=False)["value"].mean().reset_index()
    bare = (rows["recipe"] == baseline) & (rows[SEEDS[0]] != "")
    rows.loc[bare, SEEDS[1]] = rows.loc[bare, SEEDS[0]] + "/" + rows.loc[bare, SEEDS[1]]
    rows.loc[bare, SEEDS[0]] = ""
    for seed in SEEDS:
        rows[seed] = rows[seed].astype(object).where(rows[seed] != "", None)
    return rows


def averaged(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores averaged over languages, and (target "all") over targets, of the recipes that have all of them."""
    over = seeds.average(scores, "language", ["target"])
    if over["target"].nunique() < 2:
        return over
    return pd.concat([over, seeds.average(over, "target").assign(target=ALL)], ignore_index=True)


def verdict(row: Mapping[str, object], margin: float) -> str:
    """What a row says about the claim that its difference is above 0, after correction at 5 %.

    "supported"; "reversed" where it is below 0; "not supported" where a difference of `margin` is excluded or would
    have been found; else "underpowered".
    """
    delta, low, high, p, least = (float(row[k]) for k in ("delta", "low", "high", "p_adjusted", "detectable"))  # type: ignore[arg-type]
    if p <= ALPHA:
        return SUPPORTED if delta > 0 else REVERSED
    said = over_zero(min(low, 0.0), high, least, margin)
    return UNDERPOWERED if np.isnan(p) else said


def _against(scores: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Every recipe less this one, by language, target and over targets: _CONTRAST."""
    targets = [TargetRuns(str(name), rows, None, rows) for name, rows in scores.groupby("target", sort=False)]
    found = differences(targets, reference)
    if found.empty:
        return pd.DataFrame(columns=_CONTRAST)
    renamed = found.rename(columns={f"{name}_seeds": name for name in _INTERVAL})
    return renamed.assign(reference=reference)[_CONTRAST]


def _finished(rows: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Rows with their families' corrections and verdicts."""
    out = families(rows.astype({"p": float})).reset_index(drop=True)
    return out.assign(verdict=[verdict(row, margin) for row in out.to_dict("records")])


def _best(totals: pd.DataFrame, sets: Sequence[TaskSet], own_only: bool) -> pd.DataFrame:
    out = []
    cells = dict(list(seeds.pooled(seeds.cells(totals, ["recipe", "target"]), ["target"]).groupby("target")))
    for target, rows in totals.groupby("target", sort=False):
        found = cells[target]
        scopes = dict(zip(found["recipe"], map(str, seeds.scope(found)), strict=True))
        units = seed_means(rows, found)
        over: dict[str, dict[str, dict[str, float]]] = {}  # single task's recipe -> recipe -> what it is more
        for one in sets:
            singles = [s for s in singles_for(sets, one.arm) if s.recipe in units]
            if own_only:
                singles = [s for s in singles if s.tasks[0] in one.tasks]
            if one.kind == SEVERAL and one.recipe in units and singles:
                names = [s.recipe for s in singles]
                held = against_best(found, units, one.recipe, names)
                over |= {name: _over(found, name) for name in names if name not in over}
                each = {name: over[name][one.recipe] for name in names}
                out.append(_best_row(one.recipe, str(target), held, scopes[one.recipe], each))
    return pd.DataFrame(out, columns=[*_CONTRAST, "several", "single", "same_seeds", "over_each"])


def _best_row(
    recipe: str, target: str, held: AgainstBest, scope: str, each: dict[str, dict[str, float]]
) -> dict[str, object]:
    interval = {name: float(getattr(held.gain, name)) for name in _INTERVAL}
    return {
        "recipe": recipe,
        "reference": " / ".join(dict.fromkeys(held.chosen)),
        "target": target,
        "language": ALL,
        "delta": float(held.gain.estimate),
        **interval,
        "seeds": held.seeds,
        "scope": scope,
        "detectable": float(detectable(interval["se"], interval["df"])),
        "several": held.several,
        "single": held.single,
        "same_seeds": held.same_seeds,
        "over_each": each,
    }


def _over(found: pd.DataFrame, single: str) -> dict[str, dict[str, float]]:
    """Each recipe less a single one, not corrected: all of the intervals above 0 is more than the best beaten."""
    rows, interval = seeds.differences(found, single, ["target"])
    numbers = {"delta": interval.estimate, "low": interval.low, "high": interval.high, "p": interval.p}
    return {
        str(recipe): {name: float(values[place]) for name, values in numbers.items()}
        for place, recipe in enumerate(rows["recipe"])
    }


def _added(scores: pd.DataFrame, sets: Sequence[TaskSet]) -> pd.DataFrame:
    out = [pd.DataFrame(columns=[*_CONTRAST, "task"])]
    for arm in dict.fromkeys(one.arm for one in sets):
        whole = all_of(sets, arm)
        less = {one.recipe: task for task, one in one_less(sets, whole).items()} if whole else {}
        if whole and less:
            rows = _against(scores, whole.recipe)
            rows = rows[rows["recipe"].isin(list(less))]
            ends = {"low": -rows["high"], "high": -rows["low"]}
            turned = rows.assign(recipe=whole.recipe, reference=rows["recipe"], delta=-rows["delta"], **ends)
            out.append(turned.assign(task=rows["recipe"].map(less)))
    return _joined(out)


def _arms(scores: pd.DataFrame, sets: Sequence[TaskSet]) -> pd.DataFrame:
    out, pairs = [pd.DataFrame(columns=_CONTRAST)], matched(sets)
    for reference in dict.fromkeys(other.recipe for _, other in pairs):
        rows = _against(scores, reference)
        out.append(rows[rows["recipe"].isin([one.recipe for one, other in pairs if other.recipe == reference])])
    return _joined(out)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The tables that have rows, one below the other; the first, empty one says which columns there are."""
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else tables[0]


def _negative(deltas: pd.DataFrame, sets: Sequence[TaskSet]) -> dict[str, dict[str, dict[str, float]]]:
    kinds = deltas["recipe"].map({one.recipe: one.kind for one in sets})
    out: dict[str, dict[str, dict[str, float]]] = {}
    for family in (TARGET, LANGUAGE):
        own = deltas[deltas["family"] == family]
        out[family] = {
            kind: negative_transfer(own.loc[kinds == kind, "low"], own.loc[kinds == kind, "high"])
            for kind in dict.fromkeys(kinds)
        }
    return out
