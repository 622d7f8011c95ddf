"""What recipes bought: differences to the baseline by language, target and benchmark, each with three intervals."""

from __future__ import annotations

from collections.abc import Sequence
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
CELL, POOL = ["recipe", "target", "language"], ["target", "language"]


@dataclass(frozen=True)
class TargetRuns:
    """One target's runs.

    Attributes:
        target: its name.
        runs: a row a run, in the order of the sums' run axis: recipe, intermediate_seed, target_seed (missing: none).
        sums: their graded items.
    """

    target: str
    runs: pd.DataFrame
    sums: Sums


def differences(targets: Sequence[TargetRuns], baseline: str, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """A row a recipe, target and language, with "all" for means over languages, and over the targets given.

    Columns: recipe, target, language, delta (points); low, high, p, se and df of each kind of interval (`low_test_set`,
    `low_seeds`, `low_combined`, ...), NaN where there is none; seeds (of the smaller arm) and scope (what those are);
    detectable, the difference that the test over seeds finds four times of five. A target's draws depend on its name
    and the seed only. Targets without the baseline give no rows; a mean over targets is of recipes that all have.
    """
    found = [
        _TargetDifferences(target, recipes, baseline, draws, seed)
        for target in targets
        if baseline in set(target.runs["recipe"])
        and (recipes := [name for name in dict.fromkeys(target.runs["recipe"]) if name != baseline])
    ]
    if not found:
        return pd.DataFrame()
    rows = [part for target in found for part in target.rows]
    shared = [name for name in found[0].recipes if all(name in target.recipes for target in found)]
    if shared and len(found) == len(targets) > 1:
        rows.append(_over_targets(found, shared, baseline))
    return pd.concat(rows, ignore_index=True)


class _TargetDifferences:
    """One target's rows, and what a mean over targets needs. The draws of single runs, most of the memory, are let go.

    Attributes:
        rows: by language, and over languages.
        average: draws of the differences over languages, in the order of `recipes`; `shared`: their overlap.
        scores: over languages, run by run.
    """

    def __init__(self, target: TargetRuns, recipes: list[str], baseline: str, draws: int, seed: int) -> None:
        self.recipes = recipes
        languages, sums = target.sums.languages, target.sums
        weights, arms = seeds.run_weights(target.runs, recipes, baseline), pd.factorize(target.runs["recipe"])[0]
        drawn, single = resample(sums, draws, [seed, crc32(target.target.encode())]), np.eye(len(arms))
        self.average: Draws = drawn.over_languages(weights)
        self.shared = overlap(drawn.over_languages(single), arms, weights)
        scores = pd.concat([
            target.runs.assign(target=target.target, language=language, value=values)
            for language, values in zip(languages, sums.scores, strict=True)
        ])  # fmt: skip
        self.scores = seeds.average(scores, "language", ["target"])
        shared = overlap(Draws(drawn.estimate, drawn.values, drawn.df[:, None]), arms, weights)
        keys = [(recipe, language) for language in languages for recipe in recipes]
        whole = [(recipe, ALL) for recipe in recipes]
        each = _flat(drawn.by_language(weights).interval())
        self.rows = [
            _rows(keys, each, shared.ravel(), scores, baseline),
            _rows(whole, self.average.interval(), self.shared, self.scores.assign(language=ALL), baseline),
        ]


def _over_targets(parts: Sequence[_TargetDifferences], recipes: list[str], baseline: str) -> pd.DataFrame:
    places = [[part.recipes.index(name) for name in recipes] for part in parts]
    draws = [
        Draws(part.average.estimate[own], part.average.values[:, own], part.average.df[own])
        for part, own in zip(parts, places, strict=True)
    ]
    shared = np.sum([part.shared[own] for part, own in zip(parts, places, strict=True)], axis=0) / len(parts) ** 2
    scores = pd.concat([part.scores for part in parts])
    averaged = seeds.average(scores[scores["recipe"].isin([*recipes, baseline])], "target")
    keys = [(recipe, ALL) for recipe in recipes]
    test_set = over_tasks(draws).interval()
    return _rows(keys, test_set, shared, averaged.assign(target=ALL, language=ALL), baseline)


def _rows(
    keys: Sequence[tuple[str, str]], test_set: Interval, shared: np.ndarray, scores: pd.DataFrame, baseline: str
) -> pd.DataFrame:
    """Rows of recipes and languages (`keys`, the order of `test_set` and `shared`), all of one target."""
    cells = seeds.pooled(seeds.cells(scores, CELL), POOL)
    pairs, found = seeds.differences(cells, baseline, POOL)
    index = pd.MultiIndex.from_tuples(keys, names=["recipe", "language"])
    over = pairs.assign(se=found.se, df=found.df).set_index(["recipe", "language"]).reindex(index).reset_index()
    # around the same estimate: where runs have failed, a mean over targets has fewer seeds than its test sets have runs
    own = t_interval(SEEDS, test_set.estimate, over["se"].to_numpy(float), over["df"].to_numpy(float))
    out = pd.DataFrame({"recipe": over["recipe"], "target": scores["target"].iloc[0], "language": over["language"]})
    out["delta"] = test_set.estimate
    for kind in (test_set, own, combined(test_set, own, shared)):
        for name in ("low", "high", "p", "se", "df"):
            out[f"{name}_{KINDS[kind.kind]}"] = getattr(kind, name)
    out["seeds"], out["scope"] = over["seeds"].fillna(0).astype(int), over["scope"]
    return out.assign(detectable=detectable(own.se, own.df))


def _flat(interval: Interval) -> Interval:
    parts = (interval.estimate, interval.low, interval.high, interval.p, interval.se, interval.df)
    return Interval(interval.kind, *(part.ravel() for part in parts))
