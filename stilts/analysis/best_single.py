"""Several tasks against the best single one, which is chosen by one half of the seeds and reported with the other.

The best of nine equal recipes looks better than it is, so a comparison with the best by the same seeds is unfair to
several tasks, and one with a fixed single task is unfair to single ones (facts, question 1). Here each half of the
seeds chooses for the other, and the two reports are averaged (weighted by their seeds). The reports are of other seeds
than their choices, but each half both chooses and is reported, so their errors go together: with equal single tasks
most, with one that is clearly best not at all. The covariance is taken at its largest, as it cannot be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.intervals import SEEDS, Interval, t_interval
from stilts.analysis.selection import halves

_SHARED = {1: 0.0, 2: 0.32}
"""Single tasks -> the largest covariance of the halves' errors, as a share of one half's variance: m^2 / (k - 1) of
k that are equally good, m being the expected largest of k standard normal numbers; the largest of all is at k = 3."""
_LARGEST = 0.36


@dataclass(frozen=True)
class AgainstBest:
    """A recipe of several tasks against the best single task of one target.

    Attributes:
        several, single: mean scores in points; of the single ones that were chosen, with seeds that did not choose.
        chosen: by either half.
        gain: several less single; without an interval where a single task has one seed.
        same_seeds: what the gain would be over the best by all seeds, which is too small.
        seeds: of the recipe with the fewest.
    """

    several: float
    single: float
    chosen: tuple[str, ...]
    gain: Interval
    same_seeds: float
    seeds: int


def against_best(
    found: pd.DataFrame, units: Mapping[str, np.ndarray], several: str, singles: Sequence[str]
) -> AgainstBest:
    """Compare on one target.

    Args:
        found: its pooled cells (`stilts.analysis.seeds`), a row a recipe.
        units: recipe -> the means that its interval stands on, one a seed (`seed_means`).
    """
    own = found.set_index("recipe")
    alone = seeds.means(found)
    count = seeds.counted(found).astype(float)
    # of one seed's mean, in the order of `found`; a recipe's mean has this over its seeds
    variance = pd.Series(alone.se**2 * count, index=own.index)
    table = np.full((len(singles), max(len(units[name]) for name in singles)), np.nan)
    for place, name in enumerate(singles):
        table[place, : len(units[name])] = units[name]
    best, weights = _crossed(table)
    spread = variance[list(singles)].to_numpy(float)
    parts = np.sqrt(np.array([float(((w**2).sum(axis=1) * spread).sum()) for w in weights]))
    shared = _SHARED.get(len(singles), _LARGEST) if len(parts) > 1 else 0.0
    error = float((parts**2).sum() + 2 * shared * parts.prod()) + variance[several] / len(units[several])
    used = [several, *singles]
    enough = all(len(units[name]) > 1 for name in singles)
    df = float(pd.Series(alone.df, index=own.index)[used].min())
    single = float(sum(np.nansum(w * table) for w in weights))
    mean = float(np.mean(units[several]))
    gain = t_interval(
        SEEDS,
        np.asarray(mean - single),
        np.asarray(np.sqrt(error) if enough else np.nan),
        np.asarray(df),
    )
    fewest = min(len(units[name]) for name in used)
    naive = mean - float(np.nanmean(table, axis=1).max())
    return AgainstBest(mean, single, tuple(singles[arm] for arm in best), gain, naive, fewest)


def seed_means(scores: pd.DataFrame, found: pd.DataFrame) -> dict[str, np.ndarray]:
    """Recipe -> the mean of each intermediate seed, or of each run where intervals are over target seeds.

    Args:
        scores: one target's runs: recipe, intermediate_seed, target_seed and value.
        found: its pooled cells.
    """
    nested = set(found.loc[seeds.scope(found) == seeds.NESTED, "recipe"])
    out = {}
    for recipe, rows in scores.groupby("recipe", sort=False):
        by = [seeds.OUTER] if recipe in nested else [seeds.OUTER, seeds.INNER]
        out[str(recipe)] = rows.groupby(by, dropna=False)[seeds.VALUE].mean().to_numpy(float)
    return out


def _crossed(table: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """The arm that each half of the seeds chooses, and the weights (arms, seeds) of its report by the other half."""
    best, weights = [], []
    for chosen_by, reported_by in halves(table):
        arm = int(np.argmax(np.nanmean(np.where(chosen_by, table, np.nan), axis=1)))
        best.append(arm)
        weights.append(np.zeros(table.shape))
        weights[-1][arm, reported_by[arm]] = 1.0
    whole = sum(w.sum() for w in weights)
    return best, [w / whole for w in weights]
