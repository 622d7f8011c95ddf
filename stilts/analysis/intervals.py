"""An estimate with its uncertainty: where it comes from is part of what is said.

test set: another test set of the same kind, the trained models as they are. seeds: training again, the test set as it
is. combined: both. Languages are fixed in all three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

TEST_SET, SEEDS, COMBINED = "test set", "seeds", "combined"
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Estimates with intervals: numbers or arrays of one shape, in points.

    Attributes:
        kind: "test set", "seeds" or "combined".
        estimate, low, high: the estimate and the ends of the 95 % interval; NaN where there is none.
        p: of the two-sided test that the true value is 0.
        se: standard error.
        df: degrees of freedom, to be shown with the interval.
    """

    kind: str
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    se: np.ndarray
    df: np.ndarray


def t_interval(kind: str, estimate: np.ndarray, se: np.ndarray, df: np.ndarray, level: float = LEVEL) -> Interval:
    """Student's t: estimate +- t(df) x se. NaN where se is NaN or there is no degree of freedom.

    With a standard error of 0 the interval is the estimate, and p is 0 or, of an estimate of 0, 1.
    """
    estimate, se, df = np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in (estimate, se, df)))
    df = np.where(df > 0, df, np.nan)
    half = stats.t.ppf(0.5 + level / 2, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((se == 0) & (estimate == 0), 0.0, np.abs(estimate) / se)
    return Interval(kind, estimate, estimate - half, estimate + half, 2 * stats.t.sf(t, df), se, df)


def satterthwaite(variances: np.ndarray, df: np.ndarray, axis: int = 0) -> np.ndarray:
    """Degrees of freedom of a sum of independent variance estimates along an axis (Satterthwaite, 1946).

    Parts of variance 0 count for nothing, but where all are 0 (arms that answer alike), the degrees are all of theirs.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(variances == 0, 0.0, variances**2 / df)
        mixed = np.sum(variances, axis=axis) ** 2 / np.sum(parts, axis=axis)
    return np.where(np.all(variances == 0, axis=axis), np.sum(df, axis=axis), mixed)


def combined(test_set: Interval, seeds: Interval, overlap: np.ndarray | float = 0.0) -> Interval:
    """The t-interval for both sources together: their variances added, degrees of freedom by Satterthwaite.

    Args:
        test_set, seeds: of the same estimates.
        overlap: the variance that both hold, from `stilts.analysis.bootstrap.overlap`: which items a single run gets
            wrong by chance shows in its differences from other runs and in those between test sets.
    """
    parts = np.stack([test_set.se**2, seeds.se**2])
    variance = np.maximum(parts.sum(axis=0) - overlap, parts.max(axis=0))
    df = satterthwaite(parts, np.stack([test_set.df, seeds.df]))
    return t_interval(COMBINED, seeds.estimate, np.sqrt(variance), df)
