"""The best of several recipes: chosen on one part and scored on another, and no winner among equals."""

from __future__ import annotations

import numpy as np
import pytest

from stilts.analysis.clusters import Block, Sums
from stilts.analysis.selection import chosen_on_dev, cross_fitted, divisible

TEN = [f"recipe{k}" for k in range(10)]


def _sums(quality: np.ndarray, clusters: int, random: np.random.Generator, languages: int = 2) -> Sums:
    """Three parallel items a cluster, right with a probability that each run and cluster shift; runs as `quality`."""
    hard = random.normal(0, 0.1, (clusters, 1, 1))
    right = random.binomial(3, np.clip(quality + hard, 0, 1), (clusters, languages, len(quality))).astype(float)
    names = tuple(f"l{k}" for k in range(languages))
    return Sums(names, len(quality), (Block(np.arange(languages), right, np.full_like(right, 3.0)),))


def test_dev_chooses_and_test_reports() -> None:
    """Test would choose b, whose 90 must not be reported as what choosing a recipe gives."""
    dev = np.array([[70, 71, 70, 71], [60, 61, 60, 61], [50, 50, 50, 50]], dtype=float)
    test = np.array([[80, 81, 80, 81], [90, 91, 90, 91], [50, 50, 50, 50]], dtype=float)
    found = chosen_on_dev(["a", "b", "c"], dev, test)
    assert (found.recipe, found.chosen, found.reported, found.score) == ("a", ("a", "a"), 80.5, 80.5)
    assert found.gain.estimate == pytest.approx(-10)
    assert found.winner is None
    assert chosen_on_dev(["a", "b", "c"], dev, dev).winner == "a"


def test_seeds_that_choose_do_not_report() -> None:
    """b has one lucky run, on dev and test alike: it wins with it, and not without."""
    scores = np.array([[70.0, 70.0, 70.0, 70.0], [85.0, 66.0, 66.0, 66.0]])
    found = chosen_on_dev(["a", "b"], scores, scores)
    assert found.recipe == "b"
    assert found.reported == 70.75
    assert set(found.chosen) == {"a", "b"}
    assert found.score == pytest.approx((66 + 70) / 2)  # chosen with the lucky run, and without it
    assert found.winner is None
    assert "chooses" in found.note


def test_one_seed_has_no_winner() -> None:
    found = chosen_on_dev(["a", "b"], np.array([[80.0], [60.0]]), np.array([[79.0], [61.0]]))
    assert (found.recipe, found.score, found.winner) == ("a", 79.0, None)
    assert "one seed" in found.note
    sums = _sums(np.array([0.8, 0.5]), 200, np.random.default_rng(0))
    crossed = cross_fitted(["a", "b"], sums, [0, 1], [1, 1], draws=200)
    assert (crossed.chosen, crossed.winner) == (("a", "a"), None)


def test_seeds_may_be_missing() -> None:
    dev = np.array([[80.0, 81.0, 82.0], [60.0, np.nan, np.nan]])
    found = chosen_on_dev(["a", "b"], dev, dev)
    assert found.winner == "a"
    assert found.gain.df == 2
    assert found.gain.estimate == pytest.approx(81.0 - 60.0)


def test_cross_fitting_does_not_report_the_luck_of_items() -> None:
    """Planted: a cluster set where b is right by luck. All items choose b; neither half confirms it on the other."""
    clusters = 40
    right = np.full((clusters, 1, 4), 6.0)  # runs a1 a2 b1 b2, of ten items each
    right[:, :, 2:] = 5.0
    sums = Sums(("en",), 4, (Block(np.array([0]), right, np.full_like(right, 10.0)),))
    half = np.random.default_rng(0).permutation(clusters) % 2 == 0  # as `cross_fitted` halves with seed 0
    lucky = np.flatnonzero(half)[:5]
    right[lucky, :, 2:] = 10.0
    right[np.flatnonzero(half)[5:14], :, 2:] = 8.0
    assert sums.scores[0].argmax() in (2, 3)
    found = cross_fitted(["a", "b"], sums, [0, 0, 1, 1], [1, 2, 1, 2], draws=300, seed=0)
    assert found.recipe == "b"
    assert found.chosen == ("b", "a")
    assert found.score == pytest.approx((50.0 + 60.0) / 2)
    assert found.score < 60.0 < found.reported
    assert found.winner is None


def test_a_better_recipe_wins() -> None:
    quality = np.repeat([0.75, 0.65, 0.64], 4) + np.random.default_rng(1).normal(0, 0.005, 12)
    sums = _sums(quality, 300, np.random.default_rng(2))
    found = cross_fitted(["a", "b", "c"], sums, np.repeat([0, 1, 2], 4), [*range(4)] * 3, draws=500)
    assert found.winner == "a"
    assert found.gain.low > 0
    assert found.gain.kind == "combined"
    assert found.score == pytest.approx(sums.scores[:, :4].mean(), abs=2)


def test_target_seeds_stay_with_their_intermediate_seed() -> None:
    """Two runs of an intermediate seed count as one, so there are two seeds an arm, one on each side."""
    quality = np.array([0.8, 0.8, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5])
    sums = _sums(quality, 200, np.random.default_rng(3))
    found = cross_fitted(["a", "b"], sums, [0] * 4 + [1] * 4, [1, 1, 2, 2] * 2, draws=300)
    assert found.winner == "a"
    means = sums.scores.mean(axis=0).reshape(4, 2).mean(axis=1)
    assert found.reported == pytest.approx(means[:2].mean())


def test_ten_equal_recipes_give_no_winner() -> None:
    """60 tables by dev and test, 15 cross-fitted. What is reported is too good where the same data choose."""
    random = np.random.default_rng(4)
    winners, naive, honest = 0, [], []
    for _ in range(60):
        luck = random.normal(0, 0.7, (10, 4))
        dev, test = (60 + luck + random.normal(0, 0.5, luck.shape) for _ in range(2))
        found = chosen_on_dev(TEN, dev, test)
        winners += found.winner is not None
        naive.append(found.reported)
        honest.append(found.score)
    assert winners <= 4  # in tables of equal recipes 2 in 100 on average
    assert np.mean(naive) > 60.25
    assert abs(np.mean(honest) - 60) < 4 * np.std(honest) / 60**0.5
    crossed = [
        cross_fitted(TEN, _sums(0.6 + random.normal(0, 0.007, 40), 100, random), np.repeat(range(10), 4),
                     [*range(4)] * 10, draws=200, seed=k)
        for k in range(15)
    ]  # fmt: skip
    assert sum(found.winner is not None for found in crossed) <= 2
    assert np.mean([found.reported - found.score for found in crossed]) > 0.5


def test_an_arm_without_seeds_adds_no_variance() -> None:
    """Retrieval by the published encoder is what it is: only the other arm's seeds differ."""
    scores = np.array([[70.0, 71.0, 72.0, 73.0], [60.0, np.nan, np.nan, np.nan]])
    gain = chosen_on_dev(["a", "b"], scores, scores, fixed=[False, True]).gain
    assert gain.se == pytest.approx(np.std([70, 71, 72, 73], ddof=1) / 2)
    assert gain.df == 3
    assert chosen_on_dev(["a", "b"], scores, scores).gain.se > gain.se


@pytest.mark.parametrize(("clusters", "enough"), [(1, False), (3, False), (4, True)])
def test_few_clusters_are_not_divided(clusters: int, enough: bool) -> None:
    sums = _sums(np.full(4, 0.5), clusters, np.random.default_rng(0))
    assert divisible(sums) == enough
    if enough:
        cross_fitted(["a", "b"], sums, [0, 0, 1, 1], [1, 2, 1, 2], draws=20)
