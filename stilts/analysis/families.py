"""Families of tests: which p values are corrected together, how, and what may carry a star.

- benchmark: recipe x benchmark average, Holm. The primary family.
- target: recipe x target, averaged over its languages, Holm.
- language: recipe x target x language, Benjamini and Hochberg. Exploratory.

A recipe's rows against the baseline are one family each over all recipes. Rows without a p value are no tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

BENCHMARK, TARGET, LANGUAGE = "benchmark", "target", "language"
METHODS = {BENCHMARK: "holm", TARGET: "holm", LANGUAGE: "fdr_bh"}
"""Family -> its correction, as statsmodels names it."""
PRIMARY = BENCHMARK
ALL = "all"  # in the column target: the benchmark's average; in language: the mean over languages
LEAST_SEEDS = 5
"""Seeds an arm below which nothing is starred."""
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def families(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with columns family, method, tests, p_adjusted and stars; order and index stay.

    Args:
        rows: columns target, language, p (NaN: no test) and seeds (those of the smaller arm). Target "all" is the
            benchmark's average, language "all" the mean over languages. p is over seeds (t) or over test sets
            (bootstrap), the same in all rows.
    """
    out = rows.copy()
    average = out["target"] == ALL
    out["family"] = np.where(average, BENCHMARK, np.where(out["language"] == ALL, TARGET, LANGUAGE))
    out["method"] = out["family"].map(METHODS)
    out["tests"], out["p_adjusted"] = 0, np.nan
    for family, method in METHODS.items():
        member = out["family"] == family
        own = member & out["p"].notna()
        out.loc[member, "tests"] = int(own.sum())
        out.loc[own, "p_adjusted"] = adjusted(out.loc[own, "p"].to_numpy(dtype=np.float64), method)
    out["stars"] = [stars(p, seeds) for p, seeds in zip(out["p_adjusted"], out["seeds"], strict=True)]
    return out


def adjusted(p: Sequence[float] | np.ndarray, method: str) -> np.ndarray:
    """p values corrected together: "holm", or "fdr_bh" for Benjamini and Hochberg, as statsmodels' multipletests does.

    Not by it: each of its calls collects garbage, which takes most of the time of a small study's statistics.
    """
    from scipy.stats import false_discovery_control

    values = np.asarray(p, dtype=np.float64)
    if not len(values):
        return values
    if method == "fdr_bh":
        return np.asarray(false_discovery_control(values, method="bh"))
    assert method == "holm", method
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))  # Holm 1979
    out = np.empty_like(values)
    out[order] = np.minimum(stepped, 1.0)
    return out


def stars(p_adjusted: float, seeds: int) -> str:
    """ "*" below .05, "**" below .01, "***" below .001 after correction; none with fewer than five seeds an arm."""
    if seeds < LEAST_SEEDS or np.isnan(p_adjusted):
        return ""
    return next((mark for edge, mark in _STARS if p_adjusted < edge), "")


def negative_transfer(low: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray) -> dict[str, float]:
    """How many cells lost: those whose 95 % interval lies wholly below 0, beside what chance gives.

    Returns `cells` (with an interval), `negative`, `positive` (wholly above 0), and `expected`, the number on either
    side if no recipe changed anything: 2.5 % of the cells. Cells of one recipe move together, so the number found is
    more scattered around the expected one than independent tests' would be; no p value is given.
    """
    below, above = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    known = ~(np.isnan(below) | np.isnan(above))
    return {
        "cells": int(known.sum()),
        "negative": int((above[known] < 0).sum()),
        "positive": int((below[known] > 0).sum()),
        "expected": 0.025 * int(known.sum()),
    }
