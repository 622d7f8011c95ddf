"""What an experiment could have found: the difference that a test detects with a given probability."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import optimize, stats

POWER, ALPHA = 0.8, 0.05
SUPPORTED, NOT_SUPPORTED, UNDERPOWERED = "supported", "not supported", "underpowered"
NOT_SHOWN, NO_INTERVAL = "not shown", "no interval"


def detectable(
    se: np.ndarray | float, df: np.ndarray | float, power: float = POWER, alpha: float = ALPHA
) -> np.ndarray:
    """The true difference that a two-sided t-test finds with probability `power`, in the unit of `se`.

    Args:
        se, df: of the difference of two arms. NaN gives NaN.

    Source: the noncentral t distribution, as in Cohen, Statistical Power Analysis (1988), chapter 2.
    """
    se, df = np.broadcast_arrays(np.asarray(se, dtype=np.float64), np.asarray(df, dtype=np.float64))
    known = np.unique(df[np.isfinite(df) & (df > 0)])
    shifts = np.array([_shift(float(value), power, alpha) for value in known])
    out = np.full(df.shape, np.nan)
    usable = np.isin(df, known)
    out[usable] = se[usable] * shifts[np.searchsorted(known, df[usable])]
    return out


def detectable_with(
    sd: float, seeds: tuple[int, int], df: float | None = None, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The detectable difference of two arms of so many seeds, whose scores have this standard deviation over seeds.

    Args:
        df: of the standard deviation where it is pooled over more cells; else that of the two arms.
    """
    freedom = sum(seeds) - 2 if df is None else df
    return float(detectable(sd * np.sqrt(1 / seeds[0] + 1 / seeds[1]), freedom, power, alpha))


def direction(estimate: float, p_adjusted: float, above: str, below: str) -> str:
    """What a slope says after correction, at 5 %: `above` or `below`, else NOT_SHOWN, or NO_INTERVAL where p is NaN."""
    if math.isnan(p_adjusted):
        return NO_INTERVAL
    if p_adjusted > ALPHA:
        return NOT_SHOWN
    return above if estimate > 0 else below


def verdict(low: float, high: float, least: float, claimed: float = 0.0) -> str:
    """What an interval says about the claim that a difference is above 0.

    "supported" where the interval lies above 0; "underpowered" where it does not, and does not exclude the claimed
    difference either, which is smaller than what could be detected (or where there is no interval); else "not
    supported".

    Args:
        low, high: the difference's interval in points.
        least: the detectable difference.
        claimed: the difference that is claimed; 0 where only its sign is, which no experiment is too large for.
    """
    if np.isnan([low, high, least]).any():
        return UNDERPOWERED
    if low > 0:
        return SUPPORTED
    return UNDERPOWERED if high > claimed and least > claimed else NOT_SUPPORTED


@cache
def _shift(df: float, power: float, alpha: float) -> float:
    """The noncentrality, in standard errors, at which the test has this power."""
    edge = float(stats.t.ppf(1 - alpha / 2, df))

    def short(shift: float) -> float:
        # the other tail is left out: it holds less than a millionth where the power is 0.8, and SciPy's is NaN there
        return float(stats.nct.sf(edge, df, shift)) - power

    return float(optimize.brentq(short, 0.0, 2 * edge + 5.0))
