"""Recipes under noise, against scipy's t-test and statsmodels' corrections."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stilts.analysis.families import ALL
from stilts.analysis.noise_contrasts import BASELINE, PAIR, cells_of, contrasts, means
from stilts.analysis.power import detectable_with

KINDS = ("swap", "ocr", "drop")


@pytest.fixture
def values():
    """Slopes of three recipes of four intermediate seeds with two target seeds: two targets, three languages."""
    random = np.random.default_rng(3)
    keys = [
        (recipe, kind, target, language, i, s)
        for recipe in "abc" for kind in KINDS for target in ("t", "u") for language in ("de", "sw", "th")
        for i in "1234" for s in "12"
    ]  # fmt: skip
    columns = ["recipe", "kind", "target", "language", "intermediate_seed", "target_seed"]
    rows = pd.DataFrame(keys, columns=columns).assign(measure="slope")
    shift = random.normal(0, 1, (3, 3, 4))
    place = [("abc".index(r), KINDS.index(k), int(i) - 1) for r, k, _, _, i, _ in keys]
    return rows.assign(value=random.normal(-3, 0.5, len(rows)) + [shift[one] for one in place])


def units(values, recipe, kind):
    """The mean of each intermediate seed, over targets, languages and target seeds."""
    own = values[(values["recipe"] == recipe) & (values["kind"] == kind)]
    return own.groupby("intermediate_seed")["value"].mean().to_numpy()


def test_a_pair_is_a_t_test_over_intermediate_seeds(values):
    two = values[values["recipe"] != "c"]
    rows = contrasts(cells_of(two), [(PAIR, "a", "b")])
    whole = rows[(rows["target"] == ALL)].set_index("kind")
    assert set(whole.index) == set(KINDS)
    for kind, row in whole.iterrows():
        test = stats.ttest_ind(units(two, "a", kind), units(two, "b", kind))
        interval = test.confidence_interval()
        assert (row["low"], row["high"], row["p"]) == pytest.approx((interval.low, interval.high, test.pvalue))
        assert (row["df"], row["seeds"], row["scope"]) == (6, 4, "intermediate and target seeds")
        sd = np.sqrt(np.mean([np.var(units(two, name, kind), ddof=1) for name in "ab"]))
        assert row["detectable"] == pytest.approx(detectable_with(sd, (4, 4)))
    assert whole.loc[list(KINDS), "p_adjusted"].tolist() == pytest.approx(
        multipletests(whole.loc[list(KINDS), "p"], method="holm")[1]
    )


def test_holm_is_over_recipes_and_kinds(values):
    rows = contrasts(cells_of(values), [(PAIR, "b", "a"), (BASELINE, "b", "c"), (BASELINE, "a", "c")])
    whole = rows[(rows["target"] == ALL) & (rows["comparison"] == BASELINE)]
    assert len(whole) == 2 * len(KINDS)
    assert whole["p_adjusted"].tolist() == pytest.approx(multipletests(whole["p"], method="holm")[1])
    pooled = [np.var(units(values, name, "swap"), ddof=1) for name in "abc"]  # the variance is of all three recipes
    row = whole[(whole["kind"] == "swap") & (whole["recipe"] == "a")].iloc[0]
    assert (row["se"], row["df"]) == pytest.approx((np.sqrt(np.mean(pooled) / 2), 9))
    apart = rows[(rows["target"] == ALL) & (rows["comparison"] == PAIR)]
    assert apart["p_adjusted"].tolist() == pytest.approx(multipletests(apart["p"], method="holm")[1])


def test_within_a_language_and_a_target(values):
    rows = contrasts(cells_of(values), [(PAIR, "a", "b")]).set_index(["kind", "target", "language"])
    mean = values.groupby(["recipe", "kind", "target", "language"])["value"].mean()
    assert rows.loc[("ocr", "u", "th"), "estimate"] == pytest.approx(
        mean["a", "ocr", "u", "th"] - mean["b", "ocr", "u", "th"]
    )
    over = mean.groupby(level=["recipe", "kind", "target"]).mean()
    assert rows.loc[("ocr", "u", ALL), "estimate"] == pytest.approx(over["a", "ocr", "u"] - over["b", "ocr", "u"])


def test_a_recipe_that_lacks_a_language_has_no_mean(values):
    lacking = values[~((values["recipe"] == "a") & (values["language"] == "th") & (values["target"] == "t"))]
    rows = contrasts(cells_of(lacking), [(PAIR, "a", "b")])
    assert set(map(tuple, rows.loc[rows["language"] == ALL, ["target", "kind"]].to_numpy())) == {
        ("u", k) for k in KINDS
    }


def test_the_mean_of_a_recipe(values):
    own = means(cells_of(values[values["recipe"] == "a"]))
    row = own[(own["target"] == ALL) & (own["kind"] == "swap")].iloc[0]
    seeds = units(values, "a", "swap")
    low, high = stats.t.interval(0.95, 3, seeds.mean(), stats.sem(seeds))
    assert (row["value"], row["low"], row["high"], row["df"]) == pytest.approx((seeds.mean(), low, high, 3))


def test_an_encoder_without_seeds_stands_beside_seeded_targets(values):
    """Retrieval by the published encoder: its score has no seed, so the interval is over the recipe's."""
    own = values[(values["target"] == "t") & (values["target_seed"] == "1") & (values["recipe"] != "c")]
    own = own.assign(target_seed=np.nan)
    bare = own["recipe"] == "b"
    fixed = own[bare & (own["intermediate_seed"] == "1")].assign(intermediate_seed=np.nan)
    alone = pd.concat([own[~bare], fixed], ignore_index=True)
    rows = contrasts(cells_of(alone), [(BASELINE, "a", "b")]).set_index(["kind", "target"])
    seeds, level = units(alone, "a", "swap"), fixed.loc[fixed["kind"] == "swap", "value"].mean()
    low, high = stats.t.interval(0.95, 3, seeds.mean() - level, stats.sem(seeds))
    row = rows.loc[("swap", ALL)]
    assert (row["low"], row["high"], row["df"]) == pytest.approx((low, high, 3))
    seeded = values[(values["target"] == "u") & (values["recipe"] != "c")]
    other = seeded[~((seeded["recipe"] == "b") & (seeded["intermediate_seed"] != "1"))].copy()
    other.loc[other["recipe"] == "b", "intermediate_seed"] = np.nan
    both = contrasts(cells_of(pd.concat([alone, other], ignore_index=True)), [(BASELINE, "a", "b")])
    both = both.set_index(["kind", "target", "language"])["estimate"]
    assert both["swap", ALL, ALL] == pytest.approx((both["swap", "t", ALL] + both["swap", "u", ALL]) / 2)
