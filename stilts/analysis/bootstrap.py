"""Cluster bootstrap of test sets: intervals for scores, differences of arms, means over languages and over tasks.

A draw takes as many clusters as there are, with replacement; a cluster drawn twice counts twice in every language and
run that has it, so differences are paired. Blocks of languages that share no cluster, and tasks, are drawn
independently. Davison and Hinkley, Bootstrap Methods and their Application (1997), chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from stilts.analysis.clusters import Sums, ratio
from stilts.analysis.intervals import LEVEL, TEST_SET, Interval, satterthwaite, t_interval

DRAWS = 2000
MOST_CLUSTERS = 2000
"""More clusters of a block are dealt at random into so many groups, which are then drawn: the variance of a sum of
independent clusters is estimated without bias from groups of them, too, with degrees of freedom enough."""
_CELLS = 4_000_000  # counts that are held at once, 32 MB


@dataclass(frozen=True)
class Resampled:
    """Scores of one task in points, as they are and as drawn.

    Attributes:
        estimate: (languages, runs).
        values: (draws, languages, runs).
        block: int64 (languages,), equal for languages that were drawn together.
        df: (languages,) clusters of the language's block less one.
    """

    estimate: np.ndarray
    values: np.ndarray
    block: np.ndarray
    df: np.ndarray

    def by_language(self, weights: np.ndarray) -> Draws:
        """Linear combinations of the runs in each language: `weights` (runs, K) gives estimates (languages, K)."""
        df = np.broadcast_to(self.df[:, None], (len(self.df), weights.shape[1]))
        return Draws(self.estimate @ weights, self.values @ weights, df)

    def over_languages(self, weights: np.ndarray, languages: Sequence[int] | None = None) -> Draws:
        """The same, averaged over all or these languages: estimates (K,)."""
        chosen = np.arange(len(self.block)) if languages is None else np.asarray(languages)
        shares, parts = [], []
        for label in np.unique(self.block[chosen]):
            own = chosen[self.block[chosen] == label]
            values = self.values[:, own].mean(axis=1) @ weights
            df = np.full(weights.shape[1], self.df[own[0]])
            parts.append(Draws(self.estimate[own].mean(axis=0) @ weights, values, df))
            shares.append(len(own) / len(chosen))
        return weighted(parts, shares)


@dataclass(frozen=True)
class Draws:
    """Estimates of any shape, with their bootstrap draws.

    Attributes:
        estimate: (...,).
        values: (draws, ...).
        df: (...,), of the draws' variance.
    """

    estimate: np.ndarray
    values: np.ndarray
    df: np.ndarray

    @property
    def se(self) -> np.ndarray:
        """Standard error: the draws' standard deviation, freed of the bootstrap's bias of (clusters - 1) / clusters."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.values.std(axis=0, ddof=1) * np.sqrt((self.df + 1) / self.df)

    def interval(self, level: float = LEVEL) -> Interval:
        """The expanded percentile interval, for a test set of the same kind and size.

        Percentiles are taken so far out that few clusters do not make the interval too short: at the normal
        distribution's probability of sqrt((df + 1) / df) t(df) (Hesterberg, What Teachers Should Know About the
        Bootstrap, 2015: "expanded percentile"; 48 clusters make it 4 % longer). p is that of t = estimate / se, so that
        it is not limited by the number of draws, as one counted from them would be.
        """
        test = t_interval(TEST_SET, self.estimate, self.se, self.df, level)
        reach = stats.norm.sf(np.sqrt((test.df + 1) / test.df) * stats.t.ppf(0.5 + level / 2, test.df))
        ordered = np.sort(self.values, axis=0)
        ends = [np.where(np.isnan(reach), np.nan, _quantile(ordered, share)) for share in (reach, 1 - reach)]
        return Interval(TEST_SET, test.estimate, ends[0], ends[1], test.p, test.se, test.df)


def resample(sums: Sums, draws: int = DRAWS, seed: int | Sequence[int] = 0) -> Resampled:
    """Scores of all languages and runs over test sets drawn anew.

    Args:
        seed: the same seed gives the same draws. Tasks that are averaged need seeds of their own.
    """
    random = np.random.default_rng(seed)
    values = np.empty((draws, len(sums.languages), sums.runs))
    labels = np.empty(len(sums.languages), dtype=np.int64)
    df = np.empty(len(sums.languages))
    sizes: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    for label, block in enumerate(sums.blocks):
        parts = _dealt(np.stack([block.numerator, block.denominator], axis=1), random)
        sizes.setdefault(len(parts), []).append((block.languages, parts))
        labels[block.languages], df[block.languages] = label, len(parts) - 1
    for size, blocks in sizes.items():
        # blocks of a size share the counts, each in another order of the draws, so that they stay independent
        orders = [random.permutation(draws) for _ in blocks]
        table = np.concatenate([parts.reshape(size, -1) for _, parts in blocks], axis=1)
        ends = np.cumsum([parts[0].size for _, parts in blocks])[:-1]
        for first, counts in _counts(size, draws, random):
            for (languages, parts), order, totals in zip(
                blocks, orders, np.split(counts @ table, ends, 1), strict=True
            ):
                above, below = totals.reshape(len(counts), *parts.shape[1:]).swapaxes(0, 1)
                values[order[first : first + len(counts), None], languages] = ratio(above, below)
    return Resampled(sums.scores, values, labels, df)


def weighted(parts: Sequence[Draws], shares: Sequence[float]) -> Draws:
    """The weighted sum of estimates that were drawn independently (blocks of languages, tasks), of one shape."""
    estimate = sum(share * part.estimate for part, share in zip(parts, shares, strict=True))
    values = sum(share * part.values for part, share in zip(parts, shares, strict=True))
    variances = np.stack([(share * part.se) ** 2 for part, share in zip(parts, shares, strict=True)])
    return Draws(np.asarray(estimate), np.asarray(values), satterthwaite(variances, np.stack([p.df for p in parts])))


def over_tasks(parts: Sequence[Draws]) -> Draws:
    """The mean over tasks, each resampled with a seed of its own."""
    return weighted(parts, [1.0 / len(parts)] * len(parts))


def overlap(runs: Draws, arms: Sequence[int] | np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The variance that the seeds' and the test set's both hold, of combinations of runs: (..., K).

    A run's wrong answers are partly chance, its own and the item's. The difference between runs shows that chance, and
    so do draws of items. Drawn test sets show it twice: runs of an arm differ in them by more than they do in the
    real one, and this excess is what is counted double.

    Args:
        runs: estimates (..., R) of single runs, as with weights `numpy.eye(R)`.
        arms: (R,) which runs are of one arm; the excess is pooled over arms.
        weights: (R, K) as given to `Resampled.over_languages`.
    """
    labels = np.asarray(arms)
    within = [labels == label for label in np.unique(labels)]
    freedom = sum(int(own.sum()) - 1 for own in within)
    if not freedom:
        return np.zeros((*runs.estimate.shape[:-1], weights.shape[1]))
    drawn, seen = (
        sum((own.sum() - 1) * part[..., own].var(axis=-1, ddof=1) for own in within if own.sum() > 1) / freedom
        for part in (runs.values, runs.estimate)
    )
    clusters = runs.df.min(axis=-1)
    excess = np.maximum(np.mean(drawn, axis=0) - seen, 0.0) * (clusters + 1) / clusters
    return np.asarray(excess)[..., None] * (weights**2).sum(axis=0)


def _dealt(parts: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The sums (clusters, ...) of at most MOST_CLUSTERS groups of clusters, each cluster in one group."""
    if len(parts) <= MOST_CLUSTERS:
        return parts
    starts = np.linspace(0, len(parts), MOST_CLUSTERS, endpoint=False).astype(np.int64)
    return np.asarray(np.add.reduceat(parts[random.permutation(len(parts))], starts))


def _counts(size: int, draws: int, random: np.random.Generator) -> Iterator[tuple[int, np.ndarray]]:
    """How often each of `size` clusters is drawn, float64 (some draws, size), with the number of the first draw."""
    step = max(1, _CELLS // size)
    for first in range(0, draws, step):
        some = min(step, draws - first)
        drawn = random.integers(0, size, size=(some, size)) + np.arange(some)[:, None] * size
        yield first, np.bincount(drawn.ravel(), minlength=some * size).reshape(some, size).astype(np.float64)


def _quantile(ordered: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Quantiles by linear interpolation; `ordered` (draws, ...) ascending, `share` (...) 0-1."""
    place = np.nan_to_num(share) * (len(ordered) - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, len(ordered) - 1)
    ends = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high)]
    return ends[0] + (place - low) * (ends[1] - ends[0])
