"""Corrections, stars, counts of losses and detectable effects, against computations of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import TTestIndPower

from stilts.analysis import families, power


def _holm(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p)
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    out = np.empty(len(p))
    out[order] = np.minimum(steps, 1)
    return out


def _bh(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p)[::-1]
    steps = np.minimum.accumulate(len(p) / (len(p) - np.arange(len(p))) * p[order])
    out = np.empty(len(p))
    out[order] = np.minimum(steps, 1)
    return out


@pytest.fixture
def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    names = [("all", "all"), ("xnli", "all"), ("pawsx", "all"), ("xnli", "de"), ("xnli", "sw"), ("pawsx", "de")]
    table = pd.DataFrame([(r, *name) for r in "abcd" for name in names], columns=["recipe", "target", "language"])
    table["p"], table["seeds"] = random.random(len(table)) ** 4, 5
    table.loc[3, "p"] = np.nan
    return table.sample(frac=1, random_state=1)


def test_each_family_is_corrected_by_itself(rows: pd.DataFrame) -> None:
    found = families.families(rows)
    assert found.index.equals(rows.index)
    own = {
        "benchmark": (rows["target"] == "all", _holm),
        "target": ((rows["target"] != "all") & (rows["language"] == "all"), _holm),
        "language": (rows["language"] != "all", _bh),
    }
    for family, (member, rule) in own.items():
        assert (found["family"] == family).equals(member)
        tested = member & rows["p"].notna()
        assert found.loc[tested, "p_adjusted"].to_numpy() == pytest.approx(rule(rows.loc[tested, "p"].to_numpy()))
        assert set(found.loc[member, "tests"]) == {tested.sum()}
    assert np.isnan(found.loc[3, "p_adjusted"])
    assert found.loc[3, "tests"] == 11
    assert set(found.loc[found["family"] == "language", "method"]) == {"fdr_bh"}


def test_stars_need_five_seeds_an_arm() -> None:
    assert [families.stars(p, 5) for p in (0.06, 0.05, 0.049, 0.0099, 0.0009)] == ["", "", "*", "**", "***"]
    assert families.stars(0.0001, 4) == ""
    assert families.stars(float("nan"), 9) == ""


def test_stars_are_of_the_corrected_p(rows: pd.DataFrame) -> None:
    found = families.families(rows.assign(p=0.04))
    assert set(found.loc[found["family"] != "language", "stars"]) == {""}  # Holm: 4 or 8 times as much
    assert set(found.loc[found["family"] == "language", "stars"]) == {"*"}  # Benjamini-Hochberg: all alike stay
    assert set(families.families(rows.assign(p=1e-9, seeds=4))["stars"]) == {""}


def test_no_tests_at_all(rows: pd.DataFrame) -> None:
    found = families.families(rows.assign(p=np.nan))
    assert found["p_adjusted"].isna().all()
    assert set(found["tests"]) == {0}


def test_negative_transfer_beside_chance() -> None:
    low = [-3.0, -2.0, 1.0, np.nan, -1.0]
    high = [-1.0, 2.0, 4.0, np.nan, 0.0]
    found = families.negative_transfer(low, high)
    assert found == {"cells": 4, "negative": 1, "positive": 1, "expected": pytest.approx(0.1)}


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
def test_detectable_effect_is_statsmodels(seeds: int) -> None:
    expected = TTestIndPower().solve_power(nobs1=seeds, alpha=0.05, power=0.8, ratio=1.0)
    assert power.detectable_with(0.7, (seeds, seeds)) == pytest.approx(0.7 * expected, rel=1e-3)


def test_pooling_makes_smaller_effects_detectable() -> None:
    assert power.detectable_with(0.7, (3, 3), df=20) < 0.8 * power.detectable_with(0.7, (3, 3))
    found = power.detectable([1.0, np.nan, 2.0, 1.0], [4.0, 4.0, 4.0, np.nan])
    assert found[2] == pytest.approx(2 * found[0])
    assert np.isnan(found[[1, 3]]).all()


def test_detectable_effect_is_found_four_times_of_five() -> None:
    random = np.random.default_rng(1)
    effect = power.detectable_with(1.0, (4, 6))
    one, two = random.normal(0, 1, (20000, 4)), random.normal(effect, 1, (20000, 6))
    from scipy.stats import ttest_ind

    assert np.mean(ttest_ind(one, two, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=4 * (0.16 / 20000) ** 0.5)


@pytest.mark.parametrize(
    ("low", "high", "least", "claimed", "said"),
    [
        (0.5, 9.0, 6.0, 7.0, "supported"),
        (-1.0, 3.0, 4.0, 7.0, "not supported"),  # would have been found, and is excluded
        (-3.0, 9.0, 8.5, 7.0, "underpowered"),  # could not have been found
        (-1.0, 3.0, 9.0, 7.0, "not supported"),  # could hardly have been found, and is excluded all the same
        (-1.0, 1.0, 2.0, 0.0, "underpowered"),  # only a sign is claimed
        (-2.0, -1.0, 2.0, 0.0, "not supported"),
        (float("nan"), float("nan"), float("nan"), 7.0, "underpowered"),
    ],
)
def test_verdict_on_a_claim(low: float, high: float, least: float, claimed: float, said: str) -> None:
    assert power.verdict(low, high, least, claimed) == said
