"""The best of several recipes, without the luck of choosing.

The best of nine equal recipes looks better than it is, on the items and with the seeds that it was chosen by (facts,
question 1). So it is chosen on one part and scored on another, both ways, and the two are averaged (cross-fitting):

- `chosen_on_dev`: on dev with one half of the seeds, on test with the other half.
- `cross_fitted`, where there is one set only: on half of its clusters with half of the seeds, on the rest.

A winner is named where both ways choose the same recipe and it beats the runner-up, which is found in the same way, by
an interval above 0. One seed a recipe cannot tell a recipe from its luck, so there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stilts.analysis.bootstrap import DRAWS, Draws, resample, weighted
from stilts.analysis.clusters import Sums
from stilts.analysis.intervals import SEEDS, Interval, combined, t_interval

Fold = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""What is chosen on, what is reported, each (arms, seeds), and which of the seeds on either side."""


@dataclass(frozen=True)
class Selection:
    """The best of several recipes.

    Attributes:
        recipe: what all that may be chosen on chooses; of equal ones the first.
        reported: its score on the reported set, all seeds; for `cross_fitted` that set is also what chose.
        chosen: the choice of either way.
        score: of these, on what they were not chosen by: the number to report. In points, as all here.
        gain: of the chosen over the runner-up, in the same way; with its interval.
        winner: the recipe that may be called best, or None.
        note: why there is none.
    """

    recipe: str
    reported: float
    chosen: tuple[str, ...]
    score: float
    gain: Interval
    winner: str | None
    note: str


LEAST_CLUSTERS = 4
"""Clusters of a block below which items are not divided: a half of them would say nothing, or be empty."""


def chosen_on_dev(
    names: Sequence[str], dev: np.ndarray, test: np.ndarray, fixed: Sequence[bool] | None = None
) -> Selection:
    """The best recipe by dev, reported on test. The interval is over seeds.

    Args:
        names: of the arms, two at least.
        dev, test: (arms, seeds) scores in points of the same runs, NaN where an arm has fewer; of several target seeds
            in an intermediate seed, their mean.
        fixed: arms without any seed, which training again would not change (the published encoder's retrieval).
    """
    assert np.array_equal(np.isnan(dev), np.isnan(test)), "the same runs on both sets"
    folds = [(dev, test, *parts) for parts in halves(dev)]
    found = [_fold(fold) for fold in folds]
    weights = np.mean([w for _, w in found], axis=0)
    gain = t_interval(SEEDS, np.asarray(np.nansum(weights * test)), *_seed_error([test], [weights], fixed))
    return _selection(names, dev, test, folds, [best for best, _ in found], gain)


def cross_fitted(
    names: Sequence[str],
    sums: Sums,
    arms: Sequence[int],
    seeds: Sequence[int],
    draws: int = DRAWS,
    seed: int = 0,
    fixed: Sequence[bool] | None = None,
) -> Selection:
    """The best recipe on the one set there is, averaged over its languages. The interval is over items and seeds.

    Args:
        names: of the arms, two at least.
        arms, seeds: (runs,) each run's place in `names`, and its seed; equal ones of an arm (target seeds of one
            intermediate seed) are averaged.
        seed: of the halves and the draws.
        fixed: as for `chosen_on_dev`.
    """
    assert divisible(sums), "too few clusters to divide"
    random = np.random.default_rng(seed)
    units = _units(np.asarray(arms), np.asarray(seeds), len(names))
    shape = (len(names), units.shape[1] // len(names))
    half = [random.permutation(len(block.numerator)) % 2 == 0 for block in sums.blocks]
    parts = [sums.subset(rows, range(sums.runs)) for rows in (half, [~rows for rows in half])]
    tables = [_table(part, units, shape) for part in parts]
    ways = list(halves(tables[0]))
    ways = ways if len(ways) > 1 else ways * 2
    folds = [(tables[k], tables[1 - k], *ways[k]) for k in (0, 1)]
    found = [_fold(fold) for fold in folds]
    drawn: list[Draws] = []
    for number, (_, weights) in enumerate(found):
        runs = np.nan_to_num(units) @ np.nan_to_num(weights).reshape(-1, 1)
        drawn.append(resample(parts[1 - number], draws, seed + number).over_languages(runs))
    both = weighted(drawn, [0.5, 0.5])
    items = Draws(both.estimate[0], both.values[:, 0], both.df[0]).interval()
    reports = [fold[1] for fold in folds]
    error = _seed_error(reports, [weights / 2 for _, weights in found], fixed)
    # what both hold is not taken off: the halves are too small to tell it well, and a longer interval names no winner
    gain = combined(items, t_interval(SEEDS, items.estimate, *error))
    whole = _table(sums, units, shape)
    return _selection(names, whole, whole, folds, [best for best, _ in found], gain)


def _fold(fold: Fold) -> tuple[int, np.ndarray]:
    """The chosen arm, and the weights (arms, seeds) of its gain over the runner-up."""
    choose, _, chosen_by, reported_by = fold
    means = np.nanmean(np.where(chosen_by, choose, np.nan), axis=1)
    best, second = np.argsort(-means, kind="stable")[:2]
    weights = np.zeros(choose.shape)
    for arm, sign in ((best, 1.0), (second, -1.0)):
        weights[arm, reported_by[arm]] = sign / reported_by[arm].sum()
    return int(best), weights


def halves(table: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Which seeds choose and which report, each (arms, seeds), both ways; once, with all, where no arm has two.

    An arm with a single seed is chosen and reported by that.
    """
    there = ~np.isnan(table)
    if (there.sum(axis=1) < 2).all():
        yield there, there
        return
    even = np.cumsum(there, axis=1) % 2 == 0
    alone = (there.sum(axis=1) == 1)[:, None]
    first, second = there & (~even | alone), there & (even | alone)
    yield first, second
    yield second, first


def _units(arms: np.ndarray, seeds: np.ndarray, count: int) -> np.ndarray:
    """(runs, arms x seeds) weights that average the runs of an arm and seed; NaN columns where there are none."""
    lists = [list(dict.fromkeys(seeds[arms == arm].tolist())) for arm in range(count)]
    width = max(map(len, lists))
    out = np.full((len(arms), count * width), np.nan)
    for arm, own in enumerate(lists):
        for place, name in enumerate(own):
            member = (arms == arm) & (seeds == name)
            out[:, arm * width + place] = member / member.sum()
    return out


def _table(sums: Sums, units: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Scores averaged over languages: (arms, seeds)."""
    return np.asarray(sums.scores.mean(axis=0) @ units).reshape(shape)


def divisible(sums: Sums) -> bool:
    """Whether every block of languages has clusters enough for two halves."""
    return all(len(block.numerator) >= LEAST_CLUSTERS for block in sums.blocks)


def _seed_error(
    reports: Sequence[np.ndarray], weights: Sequence[np.ndarray], fixed: Sequence[bool] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error over seeds of a sum of weighted scores, one table after the other, and its degrees of freedom.

    The variance is pooled over arms and tables; tables of the same runs add no degrees of freedom. Arms that are fixed
    add nothing.
    """
    if fixed is not None:
        weights = [np.where(np.asarray(fixed)[:, None], 0.0, own) for own in weights]
    n = (~np.isnan(reports[0])).sum(axis=1)
    df = int((n - 1).sum())
    squares = [np.nansum((table - np.nanmean(table, axis=1, keepdims=True)) ** 2) for table in reports]
    variance = float(np.mean(squares)) / df if df else np.nan
    return np.asarray(np.sqrt(variance * sum((w**2).sum() for w in weights))), np.asarray(float(df))


def _selection(
    names: Sequence[str],
    choose: np.ndarray,
    report: np.ndarray,
    folds: Sequence[Fold],
    best: Sequence[int],
    gain: Interval,
) -> Selection:
    recipe = int(np.argmax(np.nanmean(choose, axis=1)))
    scores = [np.nanmean(fold[1][arm, fold[3][arm]]) for fold, arm in zip(folds, best, strict=True)]
    low = float(gain.low)
    if np.isnan(low):
        note = "one seed a recipe: its luck and the recipe cannot be told apart"
    elif len(set(best)) > 1:
        note = f"one half chooses {names[best[0]]}, the other {names[best[1]]}"
    else:
        note = "" if low > 0 else "the interval of its gain over the runner-up holds 0"
    return Selection(
        names[recipe],
        float(np.nanmean(report[recipe])),
        tuple(names[arm] for arm in best),
        float(np.mean(scores)),
        gain,
        None if note else names[best[0]],
        note,
    )
