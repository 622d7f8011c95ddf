"""The matrix of single tasks and targets against the linear model of its cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stilts.analysis.affinity import affinity

TASKS, TARGETS = ("a", "b", "c"), ("t", "u")


def runs(seeds=5, planted=0.0):
    """Each run is scored on both targets; its luck is in both."""
    random = np.random.default_rng(1)
    rows = []
    for recipe, mean in (("none", 60.0), ("a", 61.0), ("b", 63.0), ("c", 60.5)):
        for seed in range(seeds):
            luck = random.normal(0, 3)
            for target, level in (("t", 0.0), ("u", 10.0)):
                extra = planted if (recipe, target) == ("a", "u") else 0.0
                value = mean + level + luck + extra + random.normal(0, 0.2)
                rows.append((recipe, target, None if recipe == "none" else seed, seed, value))
    return pd.DataFrame(rows, columns=["recipe", "target", "intermediate_seed", "target_seed", "value"])


def test_double_centred_by_hand_with_intervals_from_the_runs():
    scores = runs()
    found = affinity(scores, "none", TASKS).set_index(["recipe", "target"])
    means = scores.groupby(["recipe", "target"])["value"].mean().unstack()
    gains = (means - means.loc["none"]).loc[list(TASKS)]
    assert found["gain"].unstack().to_numpy() == pytest.approx(gains.to_numpy())
    table = gains.to_numpy()
    by_hand = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    assert found["centred"].unstack().to_numpy() == pytest.approx(by_hand)
    # of two targets: half of each run's difference between them, a one-way layout of three tasks
    wide = scores[scores["recipe"] != "none"].pivot(index=["recipe", "target_seed"], columns="target", values="value")
    apart = (wide["t"] - wide["u"]) / 2
    groups = [apart.loc[task].to_numpy() for task in TASKS]
    variance = np.mean([group.var(ddof=1) for group in groups])
    se = np.sqrt(variance / 5 * (1 - 1 / 3))
    row = found.loc["a", "t"]
    assert row["centred"] == pytest.approx(groups[0].mean() - np.mean(groups))
    half = stats.t.ppf(0.975, 12) * se
    assert (row["low"], row["high"], row["df"]) == pytest.approx((row["centred"] - half, row["centred"] + half, 12))
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["centred"]) / se, 12))
    assert found["p_adjusted"].min() == pytest.approx(min(1, 6 * found["p"].min()))


def test_a_planted_affinity_is_found_whatever_the_luck_of_runs():
    found = affinity(runs(planted=2.0), "none", TASKS).set_index(["recipe", "target"])
    # 2 points in one of six cells: 2 x 2/3 x 1/2
    assert found.loc[("a", "u"), "centred"] == pytest.approx(2 / 3, abs=0.15)
    assert found.loc[("a", "u"), "p_adjusted"] < 0.001
    assert found.loc[("a", "t"), "centred"] == pytest.approx(-found.loc[("a", "u"), "centred"])


def test_a_target_without_target_seeds_stands_beside_all_of_a_run():
    """Retrieval by the encoder as it is."""
    scores = runs()
    plain = scores["target"] == "t"
    scores.loc[plain, "target_seed"] = None
    found = affinity(scores, "none", TASKS)
    assert len(found) == 6
    assert found["low"].notna().all()


def test_targets_that_a_task_lacks_are_left_out():
    scores = runs()
    lacking = scores[(scores["recipe"] != "b") | (scores["target"] != "u")]
    assert affinity(lacking, "none", TASKS).empty
    assert set(affinity(lacking, "none", ("a", "c"))["recipe"]) == {"a", "c"}
    assert affinity(runs(), "none", ("a",)).empty


def test_one_seed_has_a_matrix_without_intervals():
    found = affinity(runs(seeds=1), "none", TASKS)
    assert found["centred"].notna().all()
    assert found[["low", "p", "p_adjusted"]].isna().all().all()
