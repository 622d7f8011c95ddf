"""Slopes over related languages against scipy and statsmodels, and against the likelihood written out."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.stats import permutation_test

from stilts.analysis.related import SHARES, permuted, rank_correlation, slopes

DRAWS = 10_000


@pytest.fixture
def random():
    return np.random.default_rng(7)


def correlation(x, y):
    return np.corrcoef(x, y)[0, 1]


def test_unrelated_languages_are_least_squares(random):
    x, held = random.normal(size=(2, 15))
    design = np.column_stack([np.ones(15), held, x])
    outcomes = random.normal(size=(15, 4)) + x[:, None] * [0, 0.5, 1, -1]
    found = slopes(design, outcomes, [str(i) for i in range(15)])
    for column in range(4):
        fit = sm.OLS(outcomes[:, column], design).fit()
        assert found.estimate[column] == pytest.approx(fit.params[2])
        assert found.se[column] == pytest.approx(fit.bse[2])
        assert found.p_t[column] == pytest.approx(fit.pvalues[2])
        assert [found.low[column], found.high[column]] == pytest.approx(fit.conf_int()[2])
    assert found.df == 12
    assert np.isnan(found.p).all()


def test_related_languages_are_an_average_of_generalised_least_squares(random):
    families = list("aaaaaabbbbccdefg")
    x = random.normal(size=16)
    design = np.column_stack([np.ones(16), x])
    y = 0.7 * x + random.normal(size=16) + np.array([{"a": 4.0, "b": -3.0}.get(f, 0.0) for f in families])
    same = np.equal.outer(np.array(families), np.array(families))
    fits, likelihood = [], []
    for share in SHARES:
        covariance = share * same + (1 - share) * np.eye(16)
        fits.append(sm.GLS(y, design, sigma=covariance).fit())
        # the restricted likelihood with the variance maximised out (Harville 1974)
        quadratic = fits[-1].wresid @ fits[-1].wresid
        information = design.T @ np.linalg.inv(covariance) @ design
        likelihood.append(
            -0.5 * (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1] + 14 * np.log(quadratic))
        )
    weights = np.exp(np.array(likelihood) - max(likelihood))
    weights /= weights.sum()
    estimates, errors = (np.array([getattr(fit, name)[1] for fit in fits]) for name in ("params", "bse"))
    found = slopes(design, y[:, None], families)
    assert found.estimate[0] == pytest.approx(weights @ estimates)
    assert found.se[0] == pytest.approx(np.sqrt(weights @ (errors**2 + (estimates - weights @ estimates) ** 2)))
    assert found.family_share[0] == pytest.approx(weights @ SHARES)
    assert found.family_share[0] > 0.5


def test_permutation_p_is_scipy_s(random):
    x = random.normal(size=12)
    outcomes = random.normal(size=(12, 3)) + x[:, None] * [0, 0.4, 0.8]
    found = slopes(np.column_stack([np.ones(12), x]), outcomes, [str(i) for i in range(12)], DRAWS)
    for column in range(3):
        y = outcomes[:, column]
        reference = permutation_test(
            (y,), lambda values: abs(correlation(x, values)), permutation_type="pairings", alternative="greater",
            n_resamples=DRAWS, rng=np.random.default_rng(1),
        ).pvalue  # fmt: skip
        assert found.p[column] == pytest.approx(
            reference, abs=5 * np.sqrt(reference * (1 - reference) / DRAWS) + 2 / DRAWS
        )


def test_permutation_p_with_a_covariate_is_freedman_and_lane_s(random):
    held, x, noise = random.normal(size=(3, 12))
    y = 2 * held + 0.5 * x + noise
    reduced, full = np.column_stack([np.ones(12), held]), np.column_stack([np.ones(12), held, x])
    fitted, observed = sm.OLS(y, reduced).fit(), abs(sm.OLS(y, full).fit().tvalues[2])
    orders = permuted(12, 300, 5)
    drawn = [abs(sm.OLS(fitted.fittedvalues + fitted.resid[order], full).fit().tvalues[2]) for order in orders]
    reference = (1 + np.sum(np.array(drawn) >= observed)) / 301
    # one permutes residuals, the other the column: each order stands for its inverse
    found = slopes(full, y[:, None], [str(i) for i in range(12)], DRAWS)
    assert found.p[0] == pytest.approx(reference, abs=5 * np.sqrt(reference * (1 - reference) / 300))


def test_rank_correlation_is_spearman_s(random):
    x, y = random.integers(0, 8, size=(2, 14)).astype(float)  # with ties
    rho, p = rank_correlation(x, y, DRAWS)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    reference = permutation_test(
        (x,), lambda values: stats.spearmanr(values, y).statistic, permutation_type="pairings", n_resamples=4000,
        rng=np.random.default_rng(1),
    ).pvalue  # fmt: skip
    assert p == pytest.approx(reference, abs=5 * np.sqrt(reference * (1 - reference) / 4000))
    assert np.isnan(rank_correlation(x, np.ones(14), 99)).all()


def test_nine_languages_need_a_correlation_of_two_thirds():
    """The two-sided 5 % point of Pearson's r at n = 9 is .666: 2.365 / sqrt(2.365^2 + 7)."""
    x = np.arange(9.0) - 4
    other = np.array([1, -2, 0, 3, -1, 2, -3, 1, -1.0])
    other -= other.mean() + x * (x @ other) / (x @ x)
    for r, below in ((0.66, False), (0.67, True)):
        y = r * x / np.linalg.norm(x) + np.sqrt(1 - r**2) * other / np.linalg.norm(other)
        found = slopes(np.column_stack([np.ones(9), x]), y[:, None], [str(i) for i in range(9)])
        assert bool(found.p_t[0] < 0.05) is below


def test_the_same_seed_draws_the_same_orders():
    assert np.array_equal(permuted(6, 10, 3), permuted(6, 10, 3))
    assert not np.array_equal(permuted(6, 10, 3), permuted(6, 10, 4))
    assert all(sorted(order) == list(range(6)) for order in permuted(6, 10).tolist())
