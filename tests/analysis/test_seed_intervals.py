"""Intervals over seeds against scipy's and statsmodels' own, and against the analysis of variance done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from stilts.analysis import seeds

CELL, POOL = ["recipe", "target"], ["target"]


def _table(sizes: dict[str, list[int]], random: np.random.Generator, outer: float = 1.0) -> pd.DataFrame:
    """Runs of one target: recipe -> target seeds of each intermediate seed; the recipe "none" has no such phase."""
    rows = []
    for recipe, counts in sizes.items():
        for intermediate, count in enumerate(counts, 1):
            shift = 60 + random.normal(0, outer)
            rows += [
                (recipe, "xnli", np.nan if recipe == "none" else intermediate, t + 1, shift + random.normal(0, 0.5))
                for t in range(count)
            ]
    columns = ["recipe", "target", "intermediate_seed", "target_seed", "value"]
    return pd.DataFrame(rows, columns=columns)


def _pooled(table: pd.DataFrame) -> pd.DataFrame:
    return seeds.pooled(seeds.cells(table, CELL), POOL)


def test_two_arms_are_students_t_test() -> None:
    table = _table({"none": [5], "a": [3]}, np.random.default_rng(0))
    found, interval = seeds.differences(_pooled(table), "none", POOL)
    values = table.groupby("recipe")["value"].apply(list)
    expected = stats.ttest_ind(values["a"], values["none"])
    assert interval.p[0] == pytest.approx(expected.pvalue)
    assert (interval.low[0], interval.high[0]) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert interval.df[0] == 6
    assert found[["seeds", "scope"]].to_numpy().tolist() == [[3, "target seeds"]]


def test_variance_pooled_over_recipes_is_the_linear_models() -> None:
    table = _table({"none": [3], "a": [3], "b": [2], "c": [4]}, np.random.default_rng(1))
    found, interval = seeds.differences(_pooled(table), "none", POOL)
    model = smf.ols("value ~ C(recipe, Treatment('none'))", table).fit()
    names = [f"C(recipe, Treatment('none'))[T.{recipe}]" for recipe in found["recipe"]]
    assert list(found["recipe"]) == ["a", "b", "c"]
    assert interval.estimate == pytest.approx(model.params[names].to_numpy())
    assert np.stack([interval.low, interval.high], axis=1) == pytest.approx(model.conf_int().loc[names].to_numpy())
    assert interval.p == pytest.approx(model.pvalues[names].to_numpy())
    assert set(interval.df) == {model.df_resid}
    alone = seeds.means(_pooled(table))
    assert alone.se == pytest.approx(np.sqrt(model.mse_resid / np.array([3, 3, 2, 4])))


def test_nested_seeds_count_once_an_intermediate_seed() -> None:
    """Equal numbers of target seeds: the t-interval of the intermediate seeds' means, pooled over both recipes."""
    table = _table({"a": [3, 3, 3, 3], "b": [3, 3, 3]}, np.random.default_rng(2))
    means = table.groupby(["recipe", "intermediate_seed"])["value"].mean().rename("value").reset_index()
    model = smf.ols("value ~ C(recipe) - 1", means).fit()
    found = _pooled(table)
    interval = seeds.means(found)
    assert np.stack([interval.low, interval.high], axis=1) == pytest.approx(model.conf_int().to_numpy())
    assert set(interval.df) == {5}
    assert set(seeds.scope(found)) == {seeds.NESTED}
    one = _table({"a": [3, 3, 3, 3]}, np.random.default_rng(3))
    per_seed = one.groupby("intermediate_seed")["value"].mean()
    expected = stats.ttest_1samp(per_seed, 0).confidence_interval(0.95)
    single = seeds.means(_pooled(one))
    assert (single.low[0], single.high[0]) == pytest.approx(tuple(expected))


def test_difference_of_a_nested_arm_and_the_baseline() -> None:
    """Var = ms_between / runs + ms_within / baseline runs, where ms_within is pooled, too."""
    table = _table({"none": [4], "a": [2, 2, 2]}, np.random.default_rng(4))
    found, interval = seeds.differences(_pooled(table), "none", POOL)
    a, none = table[table["recipe"] == "a"], table[table["recipe"] == "none"]["value"]
    by_seed = a.groupby("intermediate_seed")["value"]
    between = 2 * by_seed.mean().var(ddof=1)
    within = (by_seed.var(ddof=1).sum() * 1 + none.var(ddof=1) * 3) / (3 * 1 + 3)
    parts = np.array([between / 6, within / 4])
    df = parts.sum() ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 6)
    half = stats.t.ppf(0.975, df) * parts.sum() ** 0.5
    assert interval.df[0] == pytest.approx(df)
    assert interval.high[0] - interval.estimate[0] == pytest.approx(half)
    assert found["seeds"].tolist() == [3]
    baseline, recipe = seeds.components(_pooled(table)).to_dict("records")
    outer = (between - within) / 2
    assert outer > 0
    assert recipe == pytest.approx({"var_target": within, "var_intermediate": outer, "sd": (within + outer) ** 0.5})
    assert baseline == pytest.approx({"var_target": within, "var_intermediate": 0.0, "sd": within**0.5})


def test_one_target_seed_each_tells_no_parts() -> None:
    table = _table({"a": [1, 1, 1, 1]}, np.random.default_rng(10))
    parts = seeds.components(_pooled(table)).iloc[0]
    assert np.isnan(parts["var_target"])
    assert parts["sd"] == pytest.approx(table["value"].std(ddof=1))


def test_unequal_numbers_of_target_seeds() -> None:
    """The method of moments by hand: n0, and the variance of the unweighted mean of intermediate seeds' means."""
    counts = [1, 2, 5, 3]
    table = _table({"a": counts}, np.random.default_rng(5))
    groups = table.groupby("intermediate_seed")["value"]
    n = groups.size().to_numpy(float)
    between = float((n * (groups.mean() - table["value"].mean()) ** 2).sum() / 3)
    within = float(groups.var(ddof=1).fillna(0).mul(n - 1).sum() / (n.sum() - 4))
    size = (n.sum() - (n**2).sum() / n.sum()) / 3
    outer = (between - within) / size
    variance = outer / 4 + within * (1 / n).sum() / 16
    interval = seeds.means(_pooled(table))
    assert interval.estimate[0] == pytest.approx(groups.mean().mean())
    assert interval.se[0] == pytest.approx(variance**0.5)
    parts = np.array([between / size / 4, within * ((1 / n).mean() - 1 / size) / 4])
    assert interval.df[0] == pytest.approx(parts.sum() ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 7))


def test_components_are_unbiased() -> None:
    """300 tables of unequal nested seeds: the mean of the estimates is the truth within four errors."""
    random = np.random.default_rng(6)
    tables = [_table({"a": [1, 3, 2]}, random, outer=0.8).assign(target=str(k)) for k in range(300)]
    found = seeds.pooled(seeds.cells(pd.concat(tables), CELL), ["target"])
    one = found["ms_within"]
    outer = (found["ms_between"] - one) / found["pool_size"]
    assert abs(one.mean() - 0.25) < 4 * one.std() / 300**0.5
    assert abs(outer.mean() - 0.64) < 4 * outer.std() / 300**0.5


def test_one_run_an_arm_has_no_interval() -> None:
    found, interval = seeds.differences(
        _pooled(_table({"none": [1], "a": [1]}, np.random.default_rng(7))), "none", POOL
    )
    assert np.isfinite(interval.estimate[0])
    assert np.isnan([interval.low[0], interval.high[0], interval.p[0], interval.df[0]]).all()
    assert found["seeds"].tolist() == [1]


def test_seeds_that_change_nothing() -> None:
    table = _table({"none": [3], "a": [3]}, np.random.default_rng(8)).assign(value=50.0)
    _, interval = seeds.differences(_pooled(table), "none", POOL)
    assert (interval.low[0], interval.high[0], interval.p[0], interval.df[0]) == (0, 0, 1, 4)


def test_pools_are_kept_apart() -> None:
    noisy = _table({"none": [3], "a": [3]}, np.random.default_rng(9))
    still = noisy.assign(target="pawsx", value=noisy["value"] / 100)
    both, _ = seeds.differences(_pooled(pd.concat([noisy, still])), "none", POOL)
    assert both["ms_within"].to_numpy()[0] == pytest.approx(1e4 * both["ms_within"].to_numpy()[1])


def _languages(values: dict[tuple[str, str, float, float], dict[str, float]]) -> pd.DataFrame:
    rows = [(*key, language, value) for key, own in values.items() for language, value in own.items()]
    return pd.DataFrame(rows, columns=["recipe", "target", "intermediate_seed", "target_seed", "language", "value"])


def test_average_over_languages_leaves_incomplete_runs_out() -> None:
    table = _languages({
        ("none", "xnli", np.nan, 1): {"en": 80, "de": 70},
        ("none", "xnli", np.nan, 2): {"en": 81},
        ("a", "xnli", 1, 1): {"en": 82, "de": 74},
    })  # fmt: skip
    found = seeds.average(table, "language", ["target"])
    assert found[["recipe", "target_seed", "value"]].to_numpy().tolist() == [["none", 1, 75.0], ["a", 1, 78.0]]


def test_average_over_targets_repeats_what_has_no_target_seed() -> None:
    """Retrieval by the encoder as it is has one value an intermediate seed; a mean over targets needs all of them."""
    nan = np.nan
    rows = [
        ("a", "xnli", 1, 1, 60), ("a", "xnli", 1, 2, 62), ("a", "tatoeba", 1, nan, 40),
        ("a", "xnli", 2, 1, 64), ("none", "xnli", nan, 1, 50), ("none", "tatoeba", nan, nan, 30),
    ]  # fmt: skip
    columns = ["recipe", "target", "intermediate_seed", "target_seed", "value"]
    found = seeds.average(pd.DataFrame(rows, columns=columns), "target")
    values = {(r.recipe, r.target_seed): r.value for r in found.itertuples()}
    assert values == {("a", 1): 50.0, ("a", 2): 51.0, ("none", 1): 40.0}
