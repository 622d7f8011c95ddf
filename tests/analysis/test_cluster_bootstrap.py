"""The cluster bootstrap against formulas, and against one that resamples a table of items with pandas, draw by draw."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stilts.analysis.bootstrap import MOST_CLUSTERS, Draws, over_tasks, overlap, resample
from stilts.analysis.clusters import Block, Sums, cluster_sums
from stilts.analysis.intervals import combined, satterthwaite, t_interval
from stilts.analysis.items import Items

ALONE = np.ones((1, 1))
DIFFERENCE = np.array([[-1.0], [1.0]])


def _items(table: pd.DataFrame, arm: int) -> dict[str, Items]:
    """Language -> items of one arm."""
    return {
        str(language): Items(
            tuple(own["id"]), tuple(own["group"]), own[f"above{arm}"].to_numpy(), own[f"below{arm}"].to_numpy()
        )
        for language, own in table.groupby("language", sort=False)
    }


def _spans(random: np.random.Generator, clusters: int, languages: list[str], qualities: list[float]) -> pd.DataFrame:
    """Items with counts of spans for each arm, whose difficulty is shared within a cluster, in all languages."""
    rows = []
    for cluster in range(clusters):
        hard = random.normal(0, 0.15)
        for item in range(int(random.integers(1, 5))):
            gold = int(random.integers(1, 6))
            for language in languages:
                row = {"language": language, "id": f"{cluster}.{item}", "group": f"{cluster}"}
                for arm, quality in enumerate(qualities):
                    right = random.binomial(gold, np.clip(quality + hard, 0.02, 0.98))
                    row |= {f"above{arm}": 2.0 * right, f"below{arm}": float(gold + right + random.poisson(0.5))}
                rows.append(row)
    return pd.DataFrame(rows)


def _by_hand(table: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """F1 of both arms in each language over clusters drawn with replacement: a row a draw, columns (arm, language)."""
    random = np.random.default_rng(seed)
    counts = table.drop(columns="id").groupby(["group", "language"]).sum().unstack("language")
    drawn = [counts.iloc[random.integers(0, len(counts), len(counts))].to_numpy().sum(axis=0) for _ in range(draws)]
    totals = pd.DataFrame(drawn, columns=counts.columns)
    return pd.concat({arm: 100 * totals[f"above{arm}"] / totals[f"below{arm}"] for arm in (0, 1)}, axis=1)


def test_f1_and_differences_of_parallel_languages_as_by_hand() -> None:
    languages = ["en", "de", "sw"]
    table = _spans(np.random.default_rng(3), 150, languages, [0.6, 0.63])
    runs = [_items(table, arm) for arm in (0, 1)]
    ours = resample(cluster_sums(runs, parallel=True), draws=4000, seed=1)
    hand = _by_hand(table, 2000, seed=2)
    differences = hand[1] - hand[0]
    single, paired = ours.by_language(np.eye(2)), ours.by_language(DIFFERENCE)
    average = ours.over_languages(DIFFERENCE)
    for place, name in enumerate(languages):
        _same_draws(single.values[:, place, 0], hand[0, name])
        _same_draws(paired.values[:, place, 0], differences[name])
    _same_draws(average.values[:, 0], differences.mean(axis=1))
    # resampled apart, the mean of three parallel languages would look much surer than it is
    apart = resample(cluster_sums(runs, parallel=False), draws=1000, seed=1)
    assert apart.over_languages(np.eye(2)).se[0] < 0.8 * ours.over_languages(np.eye(2)).se[0]


def _same_draws(ours: np.ndarray, theirs: pd.Series) -> None:
    """Equal within four Monte-Carlo errors: means, standard deviations and the ends of the 95 % interval."""
    sd = float(theirs.std())
    few = 1 / len(ours) + 1 / len(theirs)
    assert abs(ours.mean() - theirs.mean()) < 4 * sd * few**0.5
    assert abs(np.log(ours.std(ddof=1) / sd)) < 4 * (few / 2) ** 0.5
    at = stats.norm.ppf(0.975)
    error = sd * (0.025 * 0.975 * few) ** 0.5 / stats.norm.pdf(at)
    for share in (0.025, 0.975):
        assert abs(np.quantile(ours, share) - theirs.quantile(share)) < 4 * error


@pytest.mark.parametrize("clusters", [60, 1000, 3 * MOST_CLUSTERS])
def test_standard_error_of_a_mean_is_the_formula(clusters: int) -> None:
    """Of equal clusters: the standard deviation of their means over the root of their number; groups of them, too."""
    values = np.random.default_rng(clusters).integers(0, 5, size=clusters).astype(float)
    sums = Sums(("en",), 1, (Block(np.array([0]), values.reshape(-1, 1, 1), np.full((clusters, 1, 1), 4.0)),))
    drawn = resample(sums, draws=4000, seed=5).over_languages(ALONE)
    expected = 100 * values.std(ddof=1) / 4 / clusters**0.5
    used = min(clusters, MOST_CLUSTERS)
    grouped = 0.0 if clusters == used else 1 / (2 * used)  # groups estimate the variance, with an error of their own
    assert abs(np.log(drawn.se[0] / expected)) < 4 * (1 / (2 * 4000) + grouped) ** 0.5
    assert drawn.df[0] == used - 1
    found, exact = drawn.interval(), stats.t.interval(0.95, used - 1, drawn.estimate[0], expected)
    assert np.allclose([found.low[0], found.high[0]], exact, atol=0.15 * expected + 0.1 * 2 * expected * grouped**0.5)
    assert found.p[0] == pytest.approx(2 * stats.t.sf(drawn.estimate[0] / drawn.se[0], used - 1))


def test_few_clusters_make_the_interval_longer() -> None:
    """Hesterberg's expanded percentiles: with 10 clusters about as long as t's, which the plain percentiles are not."""
    values = np.random.default_rng(0).normal(50, 10, size=10)
    sums = Sums(("en",), 1, (Block(np.array([0]), values.reshape(-1, 1, 1), np.full((10, 1, 1), 100.0)),))
    drawn = resample(sums, draws=20000).over_languages(ALONE)
    found = drawn.interval()
    low, high = stats.t.interval(0.95, 9, values.mean(), values.std(ddof=1) / 10**0.5)
    plain = np.diff(np.quantile(drawn.values[:, 0], [0.025, 0.975]))[0]
    assert (found.high - found.low)[0] == pytest.approx(high - low, rel=0.06)
    assert plain < 0.85 * (high - low)


def test_one_cluster_has_no_interval() -> None:
    sums = Sums(("en",), 1, (Block(np.array([0]), np.ones((1, 1, 1)), np.full((1, 1, 1), 2.0)),))
    found = resample(sums, draws=10).over_languages(ALONE).interval()
    assert found.estimate[0] == 50
    assert np.isnan([found.low[0], found.high[0], found.p[0]]).all()


def test_arms_that_answer_alike_differ_by_nothing() -> None:
    right = np.random.default_rng(1).binomial(1, 0.5, (50, 1, 1)).repeat(2, axis=2).astype(float)
    blocks = tuple(Block(np.array([k]), right, np.ones_like(right)) for k in range(2))
    found = resample(Sums(("a", "b"), 2, blocks), draws=100).over_languages(DIFFERENCE).interval()
    assert [found.estimate[0], found.low[0], found.high[0], found.p[0], found.df[0]] == [0, 0, 0, 1, 98]


def test_independent_languages_and_tasks_add_their_variances() -> None:
    random = np.random.default_rng(8)
    blocks = [
        Block(np.array([place]), random.binomial(1, 0.5, (size, 1, 1)).astype(float), np.ones((size, 1, 1)))
        for place, size in enumerate((100, 400, 400))
    ]
    ours = resample(Sums(("a", "b", "c"), 1, tuple(blocks)), draws=8000)
    each = ours.by_language(ALONE)
    mean = ours.over_languages(ALONE)
    variances = (each.se[:, 0] / 3) ** 2
    assert mean.se[0] == pytest.approx(variances.sum() ** 0.5, rel=0.04)
    assert mean.df[0] == pytest.approx(float(satterthwaite(variances, np.array([99, 399, 399]))), rel=0.05)
    # two blocks of a size are drawn with the same counts in another order: unrelated
    assert abs(np.corrcoef(ours.values[:, 1, 0], ours.values[:, 2, 0])[0, 1]) < 4 / 8000**0.5
    both = over_tasks([mean, resample(Sums(("x",), 1, blocks[:1]), draws=8000, seed=9).over_languages(ALONE)])
    assert both.estimate[0] == pytest.approx((mean.estimate[0] + each.estimate[0, 0]) / 2)
    assert both.se[0] == pytest.approx(((mean.se[0] ** 2 + each.se[0, 0] ** 2) ** 0.5) / 2, rel=0.04)
    some = ours.over_languages(ALONE, [1, 2])
    assert some.estimate[0] == pytest.approx(each.estimate[1:, 0].mean())


def test_draws_are_a_function_of_the_seed() -> None:
    values = np.random.default_rng(1).random((2500, 2, 3))
    sums = Sums(("a", "b"), 3, (Block(np.arange(2), values, np.ones((2500, 2, 3))),))
    first, again, other = (resample(sums, draws=50, seed=seed).values for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_metric_without_denominator_is_zero() -> None:
    """A draw of sentences in which nothing is gold and nothing is found."""
    sums = Sums(("a",), 1, (Block(np.array([0]), np.array([[[0.0]], [[2.0]]]), np.array([[[0.0]], [[2.0]]])),))
    values = resample(sums, draws=200).values[:, 0, 0]
    assert set(values) == {0.0, 100.0}


def test_t_interval_and_its_p() -> None:
    sample = np.random.default_rng(2).normal(1, 2, size=7)
    found = t_interval("seeds", sample.mean(), sample.std(ddof=1) / 7**0.5, np.array(6.0))
    expected = stats.ttest_1samp(sample, 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert np.isnan(t_interval("seeds", np.array(1.0), np.array(1.0), np.array(0.0)).low)
    assert t_interval("seeds", np.array(0.0), np.array(0.0), np.array(4.0)).p == 1
    assert t_interval("seeds", np.array(1.0), np.array(0.0), np.array(4.0)).p == 0


def test_satterthwaite_is_welch() -> None:
    random = np.random.default_rng(6)
    one, two = random.normal(0, 1, 5), random.normal(0, 3, 8)
    df = satterthwaite(np.array([one.var(ddof=1) / 5, two.var(ddof=1) / 8]), np.array([4, 7]))
    assert float(df) == pytest.approx(stats.ttest_ind(one, two, equal_var=False).df)


def test_what_seeds_and_test_sets_share_is_counted_once() -> None:
    """Runs that differ by chance alone, item by item: both intervals see it, their sum has it once."""
    random = np.random.default_rng(4)
    items, runs = 400, 6
    right = random.binomial(1, 0.7, (items, 1, runs)).astype(float)
    drawn = resample(Sums(("a",), runs, (Block(np.array([0]), right, np.ones_like(right)),)), draws=4000)
    weights = np.full((runs, 1), 1 / runs)
    test_set = drawn.over_languages(weights)
    scores = drawn.estimate[0]
    seeds = t_interval("seeds", np.array([scores.mean()]), np.array([scores.std(ddof=1) / runs**0.5]), np.array([5.0]))
    shared = overlap(drawn.over_languages(np.eye(runs)), [0] * runs, weights)
    once = 1e4 * 0.7 * 0.3 / items / runs
    assert shared[0] == pytest.approx(once, rel=0.25)
    both = combined(test_set.interval(), seeds, shared)
    assert both.se[0] ** 2 == pytest.approx(
        max(test_set.se[0] ** 2 + seeds.se[0] ** 2 - shared[0], test_set.se[0] ** 2)
    )
    assert both.kind == "combined"
    assert overlap(drawn.over_languages(np.eye(runs)), range(runs), weights)[0] == 0


def test_forty_languages_are_drawn_in_a_second() -> None:
    """2,000 draws for two arms: parallel languages, and languages of 10,000 items of their own (panx)."""
    random = np.random.default_rng(0)
    parallel = random.binomial(3, 0.7, (1670, 40, 2)).astype(float)
    own = [random.binomial(1, 0.7, (10000, 1, 2)).astype(float) for _ in range(40)]
    names = tuple(map(str, range(40)))
    joint = Sums(names, 2, (Block(np.arange(40), parallel, np.full_like(parallel, 3.0)),))
    apart = Sums(names, 2, tuple(Block(np.array([k]), part, np.ones_like(part)) for k, part in enumerate(own)))
    for sums in (joint, apart):
        began = time.process_time()
        found: Draws = resample(sums).over_languages(DIFFERENCE)
        found.interval()
        assert time.process_time() - began < 3.0  # CPU seconds of a busy machine; a loop over draws takes minutes
