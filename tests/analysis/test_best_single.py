"""Several tasks against the best single one, by hand; what choosing by the same seeds would give."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stilts.analysis import seeds
from stilts.analysis.best_single import _LARGEST, _SHARED, against_best, seed_means


def held(runs, several="all", singles=("a", "b", "c")):
    """The comparison of {recipe: a list of target seeds' scores for each intermediate seed}."""
    rows = []
    for recipe, outer in runs.items():
        for i, values in enumerate(outer, 1):
            rows += [(recipe, "t", i, t, value) for t, value in enumerate(values, 1)]
    scores = pd.DataFrame(rows, columns=["recipe", "target", "intermediate_seed", "target_seed", "value"])
    found = seeds.pooled(seeds.cells(scores, ["recipe", "target"]), ["target"])
    return against_best(found, seed_means(scores, found), several, singles)


def test_each_half_of_the_seeds_chooses_for_the_other():
    """Seeds 1 and 3 choose b (66, a has 65), whose seeds 2 and 4 have 60; these choose a (62), which has 65 in 1, 3."""
    runs = {"all": [[70.0], [70.0], [71.0], [71.0]], "a": [[65.0], [62.0], [65.0], [62.0]],
            "b": [[66.0], [60.0], [66.0], [60.0]], "c": [[50.0], [50.0], [50.0], [50.0]]}  # fmt: skip
    found = held(runs)
    assert found.chosen == ("b", "a")
    assert found.single == pytest.approx((60 + 65) / 2)
    assert found.gain.estimate == pytest.approx(70.5 - 62.5)
    assert found.same_seeds == pytest.approx(70.5 - 63.5)
    # by hand: the variance pooled over the four recipes; 1/4 of it for all, two halves of 1/8 each and what they share
    variance = (1 + 9 + 36 + 0) / 12
    se = np.sqrt(variance * (1 / 4 + 1 / 4 + 2 * _LARGEST / 8))
    half = stats.t.ppf(0.975, 12) * se
    assert found.gain.df == 12
    assert (found.gain.low, found.gain.high) == pytest.approx((8 - half, 8 + half))
    assert found.gain.p == pytest.approx(2 * stats.t.sf(8 / se, 12))
    assert found.seeds == 4


def test_one_single_task_is_students_t_test():
    random = np.random.default_rng(1)
    runs = {"all": [[v] for v in random.normal(60, 1, 5)], "a": [[v] for v in random.normal(59, 1, 3)]}
    found = held(runs, singles=("a",))
    expected = stats.ttest_ind(*(np.ravel(runs[name]) for name in ("all", "a")))
    assert found.gain.p == pytest.approx(expected.pvalue)
    assert (found.gain.low, found.gain.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_target_seeds_stay_with_their_intermediate_seed():
    """Means of two target seeds are what chooses and is reported; they are the seeds that count."""
    random = np.random.default_rng(2)
    runs = {name: random.normal(60, 1, (4, 2)).tolist() for name in ("all", "a", "b", "c")}
    means = {name: [[float(np.mean(v))] for v in values] for name, values in runs.items()}
    one, other = held(runs), held(means)
    for name in ("estimate", "low", "high", "p", "df"):
        assert getattr(one.gain, name) == pytest.approx(getattr(other.gain, name))
    assert one.seeds == 4


def test_one_intermediate_seed_is_divided_by_target_seeds():
    runs = {name: [[60.0 + k, 61.0 + k, 60.5 + k]] for k, name in enumerate(("all", "a", "b", "c"))}
    found = held(runs)
    assert found.seeds == 3
    assert found.chosen == ("c", "c")
    assert found.gain.estimate == pytest.approx(-3)
    assert found.gain.df == 8


def test_one_seed_gives_no_interval():
    found = held({"all": [[70.0]], "a": [[60.0]], "b": [[61.0]], "c": [[50.0], [51.0]]})
    assert np.isnan([found.gain.low, found.gain.p]).all()
    assert found.gain.estimate == pytest.approx(9)


def test_what_halves_share_is_what_draws_say():
    """Of k equally good tasks: the covariance of the two reports, which are each of variance 1."""
    random = np.random.default_rng(3)
    for k, given in (*_SHARED.items(), (3, _LARGEST), (4, _LARGEST), (9, _LARGEST)):
        one, other = random.normal(size=(2, 100_000, k))
        rows = np.arange(len(one))
        drawn = np.mean(other[rows, one.argmax(axis=1)] * one[rows, other.argmax(axis=1)])
        if k > 1:
            assert drawn <= given + 0.012
        if k in (2, 3):
            assert drawn == pytest.approx(given, abs=0.012)
        assert abs(other[rows, one.argmax(axis=1)].mean()) < 0.012


def test_the_best_of_equal_tasks_looks_better_by_its_own_seeds():
    """Nine equal tasks of sd 0.7 and three seeds: 0.6 points by the seeds that chose, none by others."""
    random = np.random.default_rng(4)
    names = [f"s{k}" for k in range(9)]
    found = []
    for _ in range(25):
        runs = {name: [[v] for v in random.normal(60, 0.7, 3)] for name in ("all", *names)}
        found.append(held(runs, singles=names))
    assert np.mean([one.same_seeds for one in found]) == pytest.approx(-0.6, abs=0.3)
    assert np.mean([one.gain.estimate for one in found]) == pytest.approx(0, abs=0.3)
