"""95 % intervals hold the truth in 93 to 97 of 100 simulated score tables, each kind the truth that it is about.

A table has parallel items in clusters, six languages in three families, a baseline of five target seeds and two recipes
of four intermediate seeds with two target seeds each. Whether a run is right on an item is drawn with the probability
Phi(recipe + language + family + seed effects + cluster + cluster in the language + item), so the expected accuracy over
items, over seeds or over both follows from Phi(m / sqrt(1 + variance)).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from stilts.analysis import seeds
from stilts.analysis.bootstrap import over_tasks, overlap, resample
from stilts.analysis.clusters import Block, Sums
from stilts.analysis.intervals import Interval, combined

TABLES, DRAWS = 2000, 1000
RECIPES = ("none", "a", "b")
LANGUAGES = tuple("uvwxyz")
FAMILY = np.array([0, 0, 1, 1, 2, 2])
MEAN = np.array([[0.8], [0.9], [0.75]]) + np.array([0.5, 0.2, 0.1, -0.1, -0.3, -0.4])  # (recipes, languages)
RUN = [(0, np.nan, t) for t in range(5)] + [(r, i, t) for r in (1, 2) for i in range(4) for t in range(2)]
ARM = np.array([recipe for recipe, _, _ in RUN])
CLUSTERS, CLUSTER, CLUSTER_LANGUAGE, ITEM = 80, 0.5, 0.2, 0.4  # number, and standard deviations in probits
OUTER, OUTER_FAMILY, INNER, INNER_LANGUAGE = 0.06, 0.04, 0.06, 0.03
OF_ITEMS = CLUSTER**2 + CLUSTER_LANGUAGE**2 + ITEM**2
OF_SEEDS = np.where(np.arange(3) > 0, OUTER**2 + OUTER_FAMILY**2, 0.0)[:, None] + INNER**2 + INNER_LANGUAGE**2
FALSE = 0.2  # spans found that are none, an item: for F1
SCORE = np.where(ARM == 1, 1 / 8, 0.0)
DIFFERENCE = SCORE - np.where(ARM == 0, 1 / 5, 0.0)
WEIGHTS = np.stack([SCORE, DIFFERENCE], axis=1)


def _phi(mean: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    return 100 * norm.cdf(mean / np.sqrt(1 + variance))


def _shifts(random: np.random.Generator) -> np.ndarray:
    """What seeds do to each run in each language, in probits: (languages, runs)."""
    outer = {key: random.normal(0, OUTER) + random.normal(0, OUTER_FAMILY, 3)[FAMILY]
             for key in {(r, i) for r, i, _ in RUN if r}}  # fmt: skip
    own = random.normal(0, INNER, len(RUN)) + random.normal(0, INNER_LANGUAGE, (len(LANGUAGES), len(RUN)))
    return own + np.stack([outer[r, i] if r else np.zeros(len(LANGUAGES)) for r, i, _ in RUN], axis=1)


class Table:
    """One simulated table: sums for accuracy and F1, and what is true of it, (languages, runs or recipes)."""

    def __init__(self, random: np.random.Generator) -> None:
        shifts = _shifts(random)
        cluster = np.repeat(np.arange(CLUSTERS), random.integers(2, 5, CLUSTERS))
        shared = random.normal(0, CLUSTER, CLUSTERS)[cluster] + random.normal(0, ITEM, len(cluster))
        items = shared[:, None] + random.normal(0, CLUSTER_LANGUAGE, (CLUSTERS, len(LANGUAGES)))[cluster]
        levels = MEAN[ARM].T + shifts
        right = (random.random((*items.shape, len(RUN))) < norm.cdf(items[:, :, None] + levels)).astype(float)
        wrong = random.random(right.shape) < FALSE
        self.accuracy = _sums(cluster, right, np.ones_like(right))
        self.f1 = _sums(cluster, 2 * right, 1 + right + wrong)
        self.given_seeds = _phi(levels, OF_ITEMS)
        found = self.given_seeds / 100
        self.f1_given_seeds = 100 * 2 * found / (1 + found + FALSE)
        self.given_items = np.stack(
            [_phi(MEAN[r] + items, OF_SEEDS[r]).mean(axis=0) for r in range(len(RECIPES))], axis=1
        )


def _tables(count: int) -> Iterator[Table]:
    return (Table(np.random.default_rng([7, number])) for number in range(count))


def _sums(cluster: np.ndarray, above: np.ndarray, below: np.ndarray) -> Sums:
    starts = np.flatnonzero(np.diff(cluster, prepend=-1))
    parts = [np.add.reduceat(part, starts, axis=0) for part in (above, below)]
    return Sums(LANGUAGES, len(RUN), (Block(np.arange(len(LANGUAGES)), *parts),))


def _seed_intervals(scores: np.ndarray) -> dict[str, tuple[Interval, Interval]]:
    """Of recipe a, its means and its differences, in the first language and on average; a row a table."""
    columns = ["recipe", "intermediate_seed", "target_seed"]
    runs = pd.DataFrame([(RECIPES[r], i, t) for r, i, t in RUN], columns=columns)
    rows = pd.concat([
        runs.assign(target=table, language=language, value=scores[table, place])
        for table in range(len(scores)) for place, language in enumerate(LANGUAGES)
    ])  # fmt: skip
    one, average = rows[rows["language"] == LANGUAGES[0]], seeds.average(rows, "language", ["target"])
    out = {}
    for name, part in (("language", one), ("average", average)):
        found = seeds.pooled(seeds.cells(part, ["recipe", "target"]), ["target"])
        pairs, differences = seeds.differences(found, "none", ["target"])
        out[name] = _only(seeds.means(found), found), _only(differences, pairs)
    return out


def _only(interval: Interval, rows: pd.DataFrame) -> Interval:
    own = (rows["recipe"] == "a").to_numpy()
    assert rows["target"][own].is_monotonic_increasing
    return Interval(
        interval.kind, *(getattr(interval, key)[own] for key in ("estimate", "low", "high", "p", "se", "df"))
    )


def _intervals(count: int) -> Iterator[tuple[str, Interval, float]]:
    """Kind, interval and truth of every interval. Each table is made twice: all do not fit in memory."""
    scores, items = zip(*((table.accuracy.scores, table.given_items) for table in _tables(count)), strict=True)
    over_seeds = _seed_intervals(np.stack(scores))
    both = _phi(MEAN, OF_ITEMS + OF_SEEDS)
    truths = {"language": both[1, 0] - both[0, 0], "average": (both[1] - both[0]).mean()}
    before = None
    for number, table in enumerate(_tables(count)):
        drawn = resample(table.accuracy, DRAWS, seed=number)
        truth = table.given_seeds @ WEIGHTS
        average, single = drawn.over_languages(WEIGHTS), drawn.by_language(WEIGHTS)
        interval, one = average.interval(), single.interval()
        yield "test set, score", _at(interval, 0), truth[:, 0].mean()
        yield "test set, difference", _at(interval, 1), truth[:, 1].mean()
        yield "test set, difference in a language", _at(one, (0, 1)), truth[0, 1]
        f1 = resample(table.f1, DRAWS, seed=number).over_languages(WEIGHTS[:, 1:]).interval()
        yield "test set, difference of F1", _at(f1, 0), (table.f1_given_seeds @ DIFFERENCE).mean()
        if before is not None:
            tasks = over_tasks([before[0], average]).interval()
            yield "test set, difference over two tasks", _at(tasks, 1), (before[1] + truth).mean(axis=0)[1] / 2
        before = (average, truth)
        shared = {
            "average": overlap(drawn.over_languages(np.eye(len(RUN))), ARM, WEIGHTS[:, 1:])[0],
            "language": overlap(drawn.by_language(np.eye(len(RUN))), ARM, WEIGHTS[:, 1:])[0, 0],
        }
        for name, own in (("average", _at(interval, 1)), ("language", _at(one, (0, 1)))):
            joined = combined(own, _at(over_seeds[name][1], number), shared[name])
            yield f"combined, difference, {name}", joined, truths[name]
            assert joined.se >= max(own.se, over_seeds[name][1].se[number])
    given = np.stack(items)
    for name, values in (("language", given[:, 0]), ("average", given.mean(axis=1))):
        for number in range(count):
            score, difference = (_at(part, number) for part in over_seeds[name])
            yield f"seeds, score, {name}", score, values[number, 1]
            yield f"seeds, difference, {name}", difference, values[number, 1] - values[number, 0]


def _at(interval: Interval, place: int | tuple[int, int]) -> Interval:
    keys = ("estimate", "low", "high", "p", "se", "df")
    return Interval(interval.kind, *(getattr(interval, key)[place] for key in keys))


def coverage(count: int) -> pd.DataFrame:
    """Share of tables whose interval holds the truth, the mean length in points, by kind of interval."""
    rows = [(kind, bool(i.low <= truth <= i.high), float(i.high - i.low)) for kind, i, truth in _intervals(count)]
    found = pd.DataFrame(rows, columns=["interval", "held", "length"])
    return found.groupby("interval").agg(held=("held", "mean"), length=("length", "mean"), tables=("held", "size"))


@pytest.mark.slow
def test_intervals_hold_the_truth_in_95_of_100_tables() -> None:
    found = coverage(TABLES)
    print(found.to_string())
    assert len(found) == 11
    assert found["held"].between(0.93, 0.97).all(), found.to_string()
