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
        sums: their graded items; None where no predictions are left, so that there are intervals over seeds only.
        scores: rows of recipe, intermediate_seed, target_seed, language and value (points), for what has a score and
            maybe no predictions; None: those of the sums. A recipe has all runs or none in a language.
    """

    target: str
    runs: pd.DataFrame
    sums: Sums | None
    scores: pd.DataFrame | None = None

    def table(self) -> pd.DataFrame:
        """All scores, with a column target."""
        if self.scores is not None:
            return self.scores.assign(target=self.target)
        assert self.sums is not None
        return pd.concat([
            self.runs.assign(target=self.target, language=language, value=values)
            for language, values in zip(self.sums.languages, self.sums.scores, strict=True)
        ])  # fmt: skip


def differences(targets: Sequence[TargetRuns], baseline: str, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """A row a recipe, target and language, with "all" for means over languages, and over the targets given.

    Columns: recipe, target, language, delta (points); low, high, p, se and df of each kind of interval (`low_test_set`,
    `low_seeds`, `low_combined`, ...), NaN where there is none; seeds (of the smaller arm) and scope (what those are);
    detectable, the difference that the test over seeds finds four times of five. A target's draws depend on its name
    and the seed only. Targets without the baseline give no rows; a mean over languages is of recipes that have all of
    the target's, one over targets of recipes that have all of theirs.
    """
    found = [
        part for target in targets if (part := _TargetDifferences(target, baseline, draws, seed)).rows
    ]  # fmt: skip
    if not found:
        return pd.DataFrame()
    rows = [part for target in found for part in target.rows]
    shared = [name for name in found[0].whole if all(name in target.whole for target in found)]
    if shared and len(found) == len(targets) > 1:
        rows.append(_over_targets(found, shared, baseline))
    return pd.concat(rows, ignore_index=True)


class _TargetDifferences:
    """One target's rows, and what a mean over targets needs. The draws of single runs, most of the memory, are let go.

    Attributes:
        rows: by language, and over languages; empty where the baseline or any other recipe is missing.
        whole: recipes that have a mean over languages.
        sampled: those of them whose items are there.
        average: draws of their differences over languages, `shared` their overlap; None without items.
        scores: over languages, run by run.
    """

    def __init__(self, target: TargetRuns, baseline: str, draws: int, seed: int) -> None:
        scores = target.table()
        languages = list(dict.fromkeys(scores["language"]))
        there = scores.groupby("recipe", sort=False)["language"].unique()
        recipes = [name for name in there.index if name != baseline]
        self.rows: list[pd.DataFrame] = []
        self.whole: list[str] = []
        if baseline not in there.index or not recipes:
            return
        if len(there[baseline]) == len(languages):
            self.whole = [name for name in recipes if len(there[name]) == len(languages)]
        self.scores = seeds.average(scores, "language", ["target"])
        self.sampled: list[str] = []
        self.average: Draws | None = None
        self.shared = np.empty(0)
        keys = [
            (name, code) for code in languages if code in there[baseline] for name in recipes if code in there[name]
        ]
        each = self._sample(target, recipes, baseline, draws, seed)
        self.rows.append(_rows(keys, *each, scores, baseline))
        if self.whole:
            average = self.average.interval() if self.average else None
            sampled = [(name, ALL) for name in self.sampled]
            whole = [(name, ALL) for name in self.whole]
            over = self.scores.assign(language=ALL)
            self.rows.append(_rows(whole, sampled, average, self.shared, over, baseline))

    def _sample(
        self, target: TargetRuns, recipes: Sequence[str], baseline: str, draws: int, seed: int
    ) -> tuple[list[tuple[str, str]], Interval | None, np.ndarray]:
        """Recipe and language of all that is resampled, the intervals and the overlaps; sets `average`."""
        runs, sums = target.runs, target.sums
        own = [name for name in recipes if name in set(runs["recipe"])] if sums is not None else []
        if sums is None or not own or baseline not in set(runs["recipe"]):
            return [], None, np.empty(0)
        weights, arms = seeds.run_weights(runs, own, baseline), pd.factorize(runs["recipe"])[0]
        drawn, single = resample(sums, draws, [seed, crc32(target.target.encode())]), np.eye(len(arms))
        self.sampled = own
        self.average = drawn.over_languages(weights)
        self.shared = overlap(drawn.over_languages(single), arms, weights)
        shared = overlap(Draws(drawn.estimate, drawn.values, drawn.df[:, None]), arms, weights)
        keys = [(recipe, language) for language in sums.languages for recipe in own]
        return keys, _flat(drawn.by_language(weights).interval()), shared.ravel()


def _over_targets(parts: Sequence[_TargetDifferences], recipes: list[str], baseline: str) -> pd.DataFrame:
    scores = pd.concat([part.scores for part in parts])
    averaged = seeds.average(scores[scores["recipe"].isin([*recipes, baseline])], "target")
    own = [name for name in recipes if all(name in part.sampled for part in parts)]
    test_set, shared = None, np.empty(0)
    if own:
        draws = []
        shared = np.zeros(len(own))
        for part in parts:
            assert part.average is not None
            places = [part.sampled.index(name) for name in own]
            whole = part.average
            draws.append(Draws(whole.estimate[places], whole.values[:, places], whole.df[places]))
            shared = shared + part.shared[places] / len(parts) ** 2
        test_set = over_tasks(draws).interval()
    over = averaged.assign(target=ALL, language=ALL)
    return _rows([(name, ALL) for name in recipes], [(name, ALL) for name in own], test_set, shared, over, baseline)


def _rows(
    keys: Sequence[tuple[str, str]],
    sampled: Sequence[tuple[str, str]],
    test_set: Interval | None,
    shared: np.ndarray,
    scores: pd.DataFrame,
    baseline: str,
) -> pd.DataFrame:
    """Rows of recipes and languages (`keys`), all of one target; `test_set` and `shared` are of those in `sampled`."""
    cells = seeds.pooled(seeds.cells(scores, CELL), POOL)
    pairs, found = seeds.differences(cells, baseline, POOL)
    index = pd.MultiIndex.from_tuples(keys, names=["recipe", "language"])
    found_at = pairs.assign(delta=found.estimate, se=found.se, df=found.df).set_index(["recipe", "language"])
    over = found_at.reindex(index).reset_index()
    items = _aligned(index, sampled, test_set, over["delta"].to_numpy(float))
    own = t_interval(SEEDS, items.estimate, over["se"].to_numpy(float), over["df"].to_numpy(float))
    both = pd.Series(shared, index=pd.MultiIndex.from_tuples(sampled)).reindex(index) if sampled else np.nan
    out = pd.DataFrame({"recipe": over["recipe"], "target": scores["target"].iloc[0], "language": over["language"]})
    out["delta"] = items.estimate
    for kind in (items, own, combined(items, own, np.asarray(both, dtype=np.float64))):
        for name in ("low", "high", "p", "se", "df"):
            out[f"{name}_{KINDS[kind.kind]}"] = getattr(kind, name)
    out["seeds"], out["scope"] = over["seeds"].fillna(0).astype(int), over["scope"]
    return out.assign(detectable=detectable(own.se, own.df))


def _aligned(
    index: pd.MultiIndex, keys: Sequence[tuple[str, str]], interval: Interval | None, estimate: np.ndarray
) -> Interval:
    """An interval in the order of `index`, NaN with `estimate` where it has none of its own."""
    names = ("estimate", "low", "high", "p", "se", "df")
    if interval is None:
        nothing = np.full(len(index), np.nan)
        return Interval(TEST_SET, estimate, *(nothing for _ in names[1:]))
    table = pd.DataFrame({name: getattr(interval, name) for name in names}, index=pd.MultiIndex.from_tuples(keys))
    found = table.reindex(index)
    # around the same estimate: where runs have failed, a mean over targets has fewer seeds than its test sets have runs
    parts = {name: found[name].to_numpy(float) for name in names[1:]}
    return Interval(TEST_SET, found["estimate"].fillna(pd.Series(estimate, index=index)).to_numpy(float), **parts)


def _flat(interval: Interval) -> Interval:
    parts = (interval.estimate, interval.low, interval.high, interval.p, interval.se, interval.df)
    return Interval(interval.kind, *(part.ravel() for part in parts))
