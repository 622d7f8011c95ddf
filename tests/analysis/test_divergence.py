"""Measures between data sets against scipy, statsmodels, double loops and numbers by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse, stats
from scipy.spatial.distance import jensenshannon

from stilts.analysis import divergence


def test_jensen_and_shannons_divergence() -> None:
    one, other = Counter("aabbbcdd"), Counter("abbceeff")
    letters = sorted(set(one) | set(other))
    p, q = ([counts[letter] / 8 for letter in letters] for counts in (one, other))
    assert divergence.js_divergence(one, other) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert divergence.js_divergence(one, other) == pytest.approx(divergence.js_divergence(other, one))
    assert divergence.js_divergence(one, Counter("aabbbcdd" * 3)) == pytest.approx(0, abs=1e-12)
    assert divergence.js_divergence(Counter("ab"), Counter("cd")) == pytest.approx(1)
    # by hand: p = (1, 0), q = (1/2, 1/2), their mean (3/4, 1/4)
    by_hand = 0.5 * np.log2(4 / 3) + 0.5 * (0.5 * np.log2(2 / 3) + 0.5 * np.log2(2))
    assert divergence.js_divergence(Counter("a"), Counter("ab")) == pytest.approx(by_hand)


def test_words_are_drawn_without_replacement() -> None:
    counts = Counter({"a": 600, "b": 300, "c": 100})
    drawn = divergence.sampled(counts, 500, seed=1)
    assert drawn.total() == 500
    assert drawn == divergence.sampled(Counter({"c": 100, "b": 300, "a": 600}), 500, seed=1)
    assert drawn != divergence.sampled(counts, 500, seed=2)
    assert divergence.sampled(counts, 1000, seed=1) == counts
    assert all(stats.hypergeom(1000, counts[one], 500).sf(drawn[one]) > 1e-4 for one in counts)


def test_the_linear_classifier_is_a_logistic_regression() -> None:
    random = np.random.default_rng(0)
    rows, sides = random.normal(size=(60, 4)), np.where(random.uniform(size=60) < 0.5, -1.0, 1.0)
    rows[:, 0] += 0.5 * sides
    weights, bias = divergence.linear_classifier(sparse.csr_matrix(rows), sides)
    # statsmodels divides the log-likelihood by n, and penalises all but the constant
    model = sm.GLM((sides + 1) / 2, sm.add_constant(rows), family=sm.families.Binomial())
    penalty = np.array([0.0, 1, 1, 1, 1]) / 60
    fitted = model.fit_regularized(alpha=penalty, L1_wt=0.0)
    assert np.append(bias, weights) == pytest.approx(fitted.params, abs=1e-3)


def windows(random: np.random.Generator, words: str, count: int) -> tuple[list[Counter[str]], list[Counter[str]]]:
    return tuple([Counter(random.choice(list(words), 8)) for _ in range(count)] for _ in range(2))  # type: ignore[return-value]


def test_proxy_a_distance() -> None:
    random = np.random.default_rng(1)
    abc, other, far = (windows(random, words, 150) for words in ("abcdef", "abcdef", "uvwxyz"))
    assert divergence.a_distance(abc, far) == 2.0
    assert divergence.a_distance(abc, other) == pytest.approx(0, abs=0.35)
    near = windows(random, "abcdxx", 150)
    assert 0.35 < divergence.a_distance(abc, near) < 2.0
    assert divergence.a_distance(abc, near) == pytest.approx(divergence.a_distance(near, abc), abs=0.02)


def test_the_error_is_on_what_was_not_learned_from() -> None:
    """The halves of a data set share no word: what is learned from the one says nothing of the other."""
    one = [Counter("ab")] * 20, [Counter("cd")] * 20
    other = [Counter("cd")] * 20, [Counter("ab")] * 20
    assert divergence.a_distance(one, other) == -2.0


def test_maximum_mean_discrepancy_by_double_loops() -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(size=(7, 3)), random.normal(0.5, 1, size=(9, 3))
    width = divergence.median_distance(np.concatenate([x, y]))
    both = np.concatenate([x, y])
    assert width == pytest.approx(np.median([np.linalg.norm(both[i] - both[j]) for i in range(16) for j in range(i)]))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-np.sum((a - b) ** 2) / (2 * width**2)))

    own = np.mean([kernel(x[i], x[j]) for i in range(7) for j in range(7) if i != j])
    theirs = np.mean([kernel(y[i], y[j]) for i in range(9) for j in range(9) if i != j])
    between = np.mean([kernel(a, b) for a in x for b in y])
    assert divergence.mmd(x, y, width) == pytest.approx(own + theirs - 2 * between)


def test_mmd_of_equal_distributions_has_mean_0() -> None:
    random = np.random.default_rng(3)
    found = [divergence.mmd(random.normal(size=(20, 2)), random.normal(size=(25, 2)), 1.0) for _ in range(300)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(300)
    assert divergence.mmd(random.normal(size=(20, 2)), random.normal(2, 1, size=(20, 2)), 1.0) > max(found)


def test_cosine_of_means() -> None:
    assert divergence.cosine(np.array([[1.0, 0], [3, 0]]), np.array([[0.0, 5]])) == pytest.approx(1)
    assert divergence.cosine(np.array([[1.0, 0], [0, 1]]), np.array([[2.0, 2]])) == pytest.approx(0)
    one = 1 - np.cos(np.pi / 4)
    assert divergence.cosine(np.array([[1.0, 0]]), np.array([[2.0, 2]])) == pytest.approx(one)
