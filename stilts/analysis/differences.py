"""What recipes bought: differences to the baseline by language, target and benchmark, each with three intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.bootstrap import DRAWS, Draws, over_tasks, overlap, resample
from stilts.analysis.clusters import Sums
from stilts.analysis.families import ALL
from stilts.analysis.intervals import COMBINED, SEEDS, TEST_SET, Interval, combined, t_interval
from stilts.analysis.power import detectable

KINDS = {TEST_SET: "test_set", SEEDS: "seeds", COMBINED: "combined"}
"""Kind of interval -> what its columns low_, high_, p_, se_ and df_ end with."""
SCORE = "score"
"""The metric of a mean over targets."""
_TABLE = ["target", "metric"]
_POOL = [*_TABLE, "language"]
_CELL = ["recipe", *_POOL]
_PARTS = ("low", "high", "p", "se", "df")


@dataclass(frozen=True)
class TargetRuns:
    """One target's runs.

    Attributes:
        target: its name.
        runs: a row a run, in the order of the sums' run axis: recipe, intermediate_seed, target_seed (missing: none).
        sums: their graded items; None where no predictions are left, so that there are intervals over seeds only.
        scores: rows of recipe, intermediate_seed, target_seed, language and value (points), for what has a score and
            maybe no predictions; None: those of the sums. A recipe has all runs or none in a language.
        metric: of which all this is; a target's draws are the same for each of its metrics.
        averaged: whether it is part of the mean over targets.
        languages: how many there are to be; with fewer scored, there is no mean over them. 0: those that are scored.
    """

    target: str
    runs: pd.DataFrame
    sums: Sums | None
    scores: pd.DataFrame | None = None
    metric: str = SCORE
    averaged: bool = True
    languages: int = 0

    def table(self) -> pd.DataFrame:
        """All scores, with the columns target and metric."""
        if self.scores is not None:
            return self.scores.assign(target=self.target, metric=self.metric)
        assert self.sums is not None
        return pd.concat([
            self.runs.assign(target=self.target, metric=self.metric, language=language, value=values)
            for language, values in zip(self.sums.languages, self.sums.scores, strict=True)
        ])  # fmt: skip


def differences(
    targets: Sequence[TargetRuns],
    baseline: str,
    draws: int = DRAWS,
    seed: int = 0,
    said: Callable[[int, int], None] = lambda done, of: None,
) -> pd.DataFrame:
    """A row a recipe, target, metric and language, with "all" for means over languages, and over the targets given.

    Columns: recipe, target, metric, language, delta (points); low, high, p, se and df of each kind of interval
    (`low_test_set`, `low_seeds`, `low_combined`, ...), NaN where there is none; seeds (of the smaller arm) and scope
    (what those are); detectable, the difference that the test over seeds finds four times of five. A target's draws
    depend on its name and the seed only. Targets without the baseline give no rows; a mean over languages is of recipes
    that have all of the target's, one over targets of recipes that have all of theirs. `said` hears how many of how
    many targets are resampled.
    """
    used = [target for target in targets if _has_pairs(target, baseline)]
    if not used:
        return pd.DataFrame()
    scores = _all_scores([target.table() for target in used], targets, baseline)
    cells = seeds.pooled(seeds.cells(scores, _CELL), _POOL)
    pairs, found = seeds.differences(cells, baseline, _POOL)
    over = pairs.assign(delta=found.estimate, se=found.se, df=found.df)[
        [*_CELL, "delta", "se", "df", "seeds", "scope"]
    ].reset_index(drop=True)  # fmt: skip
    return _intervals(over, _resampled(used, over, baseline, draws, seed, said))


def _has_pairs(target: TargetRuns, baseline: str) -> bool:
    recipes = set((target.runs if target.scores is None else target.scores)["recipe"])
    return baseline in recipes and len(recipes) > 1


def _all_scores(tables: Sequence[pd.DataFrame], targets: Sequence[TargetRuns], baseline: str) -> pd.DataFrame:
    """The scores by language, over languages and, of recipes that have all averaged targets, over those."""
    each = pd.concat(tables, ignore_index=True)
    scored = each.groupby(_TABLE)["language"].nunique()
    whole = [(one.target, one.metric) for one in targets if scored.get((one.target, one.metric), 0) >= one.languages]
    over = seeds.average(_of(each, whole), "language", _TABLE).assign(language=ALL)
    parts = [each, over]
    averaged = [(target.target, target.metric) for target in targets if target.averaged]
    if len(averaged) > 1:
        own = _of(over, averaged)
        count = own.groupby("recipe")["target"].nunique()
        shared = set(count[count == len(averaged)].index)
        if baseline in shared and len(shared) > 1:
            mean = seeds.average(own[own["recipe"].isin(shared)], "target")
            parts.append(mean.assign(target=ALL, metric=SCORE, language=ALL))
    return pd.concat(parts, ignore_index=True)


def _of(rows: pd.DataFrame, tables: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The rows of these targets and metrics."""
    return rows[pd.MultiIndex.from_frame(rows[_TABLE]).isin(tables)]


def _resampled(
    targets: Sequence[TargetRuns],
    over: pd.DataFrame,
    baseline: str,
    draws: int,
    seed: int,
    said: Callable[[int, int], None],
) -> pd.DataFrame | None:
    """Rows of the cells that are resampled: _CELL, the parts of the interval and shared (`overlap`)."""
    sampled = []
    for number, one in enumerate(targets, 1):
        if _has_items(one, baseline):
            sampled.append(_Sampled(one, baseline, draws, seed))
        said(number, len(targets))
    if not sampled:
        return None
    rows = [part for one in sampled for part in one.rows]
    wanted = set(over.loc[over["target"] == ALL, "recipe"])
    parts = [one for one in sampled if one.averaged]
    own = [name for name in sampled[0].recipes if name in wanted and all(name in part.recipes for part in parts)]
    if own and parts and len(parts) == sum(one.averaged for one in targets):
        rows.append(_over_targets(parts, own))
    return pd.concat(rows, ignore_index=True)


def _has_items(target: TargetRuns, baseline: str) -> bool:
    recipes = set(target.runs["recipe"]) if target.sums is not None else set()
    return baseline in recipes and len(recipes) > 1


class _Sampled:
    """One target's test sets drawn anew. The draws of single runs, most of the memory, are let go.

    Attributes:
        recipes: those whose items are there.
        averaged: as of the target.
        rows: by language, and over languages.
        average: draws of the differences over languages, in the order of `recipes`; `shared`: their overlap.
    """

    def __init__(self, target: TargetRuns, baseline: str, draws: int, seed: int) -> None:
        runs, sums = target.runs, target.sums
        assert sums is not None
        self.averaged = target.averaged
        self.recipes = [name for name in dict.fromkeys(runs["recipe"]) if name != baseline]
        weights, arms = seeds.run_weights(runs, self.recipes, baseline), pd.factorize(runs["recipe"])[0]
        drawn, single = resample(sums, draws, [seed, crc32(target.target.encode())]), np.eye(len(arms))
        self.average: Draws = drawn.over_languages(weights)
        self.shared = overlap(drawn.over_languages(single), arms, weights)
        shared = overlap(Draws(drawn.estimate, drawn.values, drawn.df[:, None]), arms, weights)
        keys = [(name, target.target, target.metric, code) for code in sums.languages for name in self.recipes]
        whole = [(name, target.target, target.metric, ALL) for name in self.recipes]
        self.rows = [
            _frame(keys, drawn.by_language(weights).interval(), shared),
            _frame(whole, self.average.interval(), self.shared),
        ]


def _over_targets(parts: Sequence[_Sampled], recipes: list[str]) -> pd.DataFrame:
    draws, shared = [], np.zeros(len(recipes))
    for part in parts:
        places = [part.recipes.index(name) for name in recipes]
        whole = part.average
        draws.append(Draws(whole.estimate[places], whole.values[:, places], whole.df[places]))
        shared = shared + part.shared[places] / len(parts) ** 2
    return _frame([(name, ALL, SCORE, ALL) for name in recipes], over_tasks(draws).interval(), shared)


def _frame(keys: Sequence[tuple[str, str, str, str]], interval: Interval, shared: np.ndarray) -> pd.DataFrame:
    rows = pd.DataFrame(keys, columns=_CELL)
    return rows.assign(
        estimate=interval.estimate.ravel(),
        shared=shared.ravel(),
        **{f"items_{name}": getattr(interval, name).ravel() for name in _PARTS},
    )


def _intervals(over: pd.DataFrame, items: pd.DataFrame | None) -> pd.DataFrame:
    """The three kinds of interval of each cell."""
    if items is None:
        items = pd.DataFrame(columns=[*_CELL, "estimate", "shared", *(f"items_{name}" for name in _PARTS)])
    both = over.merge(items, on=_CELL, how="left")
    # around the same estimate: where runs have failed, a mean over targets has fewer seeds than its test sets have runs
    estimate = both["estimate"].astype(float).fillna(both["delta"]).to_numpy()
    test_set = Interval(TEST_SET, estimate, *(both[f"items_{name}"].to_numpy(np.float64) for name in _PARTS))
    own = t_interval(SEEDS, estimate, both["se"].to_numpy(float), both["df"].to_numpy(float))
    out = both[_CELL].assign(delta=estimate)
    for kind in (test_set, own, combined(test_set, own, both["shared"].to_numpy(np.float64))):
        for name in _PARTS:
            out[f"{name}_{KINDS[kind.kind]}"] = getattr(kind, name)
    out["seeds"], out["scope"] = both["seeds"].fillna(0).astype(int), both["scope"]
    return out.assign(detectable=detectable(own.se, own.df))
