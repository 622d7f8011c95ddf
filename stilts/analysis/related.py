"""Regression over languages that are related: a family's languages err together, by how much is not known.

With a covariance that takes all languages for independent, a family in which a covariate is alike passes for many
witnesses (a fifth of true null hypotheses rejected). Here the share of the residual variance that a family has in
common is weighed over a grid by its restricted likelihood, instead of being set to one estimate, which is often 0 by
chance. Permutations are those of Freedman and Lane (1983) on residuals made independent for each share (Winkler et al.
2014, NeuroImage 92).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

SHARES = np.arange(0.05, 1.0, 0.1)
"""Of the residual variance, in common to a family: equally likely beforehand."""
_BLOCK = 2**22  # numbers of one block of permuted statistics: 32 MB


@dataclass(frozen=True)
class Slopes:
    """What the last column of a design does to outcomes; all arrays are (outcomes,).

    Attributes:
        estimate, se: in the outcome's unit a unit of the column.
        low, high: the 95 % interval, Student's t.
        df: languages less columns.
        p: of permuted languages; NaN where none were permuted.
        p_t: of Student's t.
        family_share: expected share of the residual variance that families have in common.
    """

    estimate: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    df: int
    p: np.ndarray
    p_t: np.ndarray
    family_share: np.ndarray


def slopes(
    design: np.ndarray, outcomes: np.ndarray, families: Sequence[str], permutations: int = 0, seed: int = 0
) -> Slopes:
    """Regress outcomes on a design over languages.

    Args:
        design: (languages, columns), with a column of ones; the last column is what is asked about.
        outcomes: (languages, outcomes), each for itself.
        families: of the languages.
        permutations: of whole languages, 0 for none.
        seed: of the permutations.
    """
    n, columns = design.shape
    fits = [_Fit(design, outcomes, w, log_det) for w, log_det in _whiteners(families)]
    likelihood = np.stack([fit.likelihood for fit in fits])
    weights = np.exp(likelihood - likelihood.max(axis=0))
    weights /= weights.sum(axis=0)
    each, variances = np.stack([fit.estimate for fit in fits]), np.stack([fit.variance for fit in fits])
    estimate = np.sum(weights * each, axis=0)
    se = np.sqrt(np.sum(weights * (variances + (each - estimate) ** 2), axis=0))
    df = n - columns
    half = stats.t.ppf(0.975, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        p_t = 2 * stats.t.sf(np.where(se > 0, np.abs(estimate) / se, np.where(estimate == 0, 0, np.inf)), df)
    p = np.full(outcomes.shape[1], np.nan)
    if permutations:
        orders = permuted(n, permutations, seed)
        p = np.sum(weights * np.stack([fit.permuted(orders) for fit in fits]), axis=0)
    return Slopes(estimate, se, estimate - half, estimate + half, df, p, p_t, weights.T @ SHARES)


@lru_cache(8)
def permuted(n: int, count: int, seed: int = 0) -> np.ndarray:
    """Random orders of n languages, (count, n)."""
    return np.random.default_rng(seed).permuted(np.tile(np.arange(n), (count, 1)), axis=1)


def rank_correlation(one: np.ndarray, other: np.ndarray, permutations: int, seed: int = 0) -> tuple[float, float]:
    """Spearman's correlation of two rows of numbers, and the two-sided p of permuting one of them."""
    ranks = [stats.rankdata(values) - (len(values) + 1) / 2 for values in (one, other)]
    lengths = np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1])
    if lengths == 0:
        return np.nan, np.nan
    found = float(ranks[0] @ ranks[1])
    drawn = ranks[0][permuted(len(one), permutations, seed)] @ ranks[1]
    return float(found / lengths), float(_share(np.abs(drawn), np.abs(found)))


def _share(drawn: np.ndarray, found: np.ndarray | float) -> np.ndarray:
    """The share of draws, the found one among them, that are at least as large; along the first axis."""
    return (1 + np.sum(drawn >= np.asarray(found) * (1 - 1e-12), axis=0)) / (1 + len(drawn))


def _whiteners(families: Sequence[str]) -> list[tuple[np.ndarray, float]]:
    """For each share the matrix that makes residuals independent, and the log determinant of their covariance."""
    same = np.equal.outer(np.array(families), np.array(families)).astype(np.float64)
    roots = [np.linalg.cholesky(share * same + (1 - share) * np.eye(len(same))) for share in SHARES]
    return [(np.linalg.inv(root), 2 * float(np.log(np.diag(root)).sum())) for root in roots]


class _Fit:
    """Least squares with one share."""

    def __init__(self, design: np.ndarray, outcomes: np.ndarray, whitener: np.ndarray, log_det: float) -> None:
        n, columns = design.shape
        x, y = whitener @ design, whitener @ outcomes
        self.others = np.linalg.qr(x[:, :-1])[0]
        self.asked = self._less_others(x[:, -1])
        self.rest = self._less_others(y)
        length = self.asked @ self.asked
        self.estimate = self.asked @ self.rest / length
        squares = np.sum((self.rest - np.outer(self.asked, self.estimate)) ** 2, axis=0)
        self.variance = squares / (n - columns) / length
        with np.errstate(divide="ignore"):
            fit = (n - columns) * np.log(np.maximum(squares, np.finfo(np.float64).tiny))
        self.likelihood = -0.5 * (log_det + np.linalg.slogdet(x.T @ x)[1] + fit)

    def _less_others(self, values: np.ndarray) -> np.ndarray:
        return values - self.others @ (self.others.T @ values)

    def permuted(self, orders: np.ndarray) -> np.ndarray:
        """The p value of every outcome: squared partial correlations with the residuals' languages permuted."""
        total = np.sum(self.rest**2, axis=0)
        found = (self.asked @ self.rest) ** 2 / total
        drawn = []
        for block in np.array_split(orders, max(1, orders.size * self.rest.shape[1] // _BLOCK)):
            # permuting the columns of the design backwards is permuting residuals forwards
            gone = sum((column[block] @ self.rest) ** 2 for column in self.others.T)
            drawn.append((self.asked[block] @ self.rest) ** 2 / (total - gone))
        return _share(np.concatenate(drawn), found)
