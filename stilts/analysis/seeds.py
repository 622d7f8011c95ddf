"""Seeds: what training again would change. Intervals by Student's t with variances pooled over cells.

A run of a recipe has an intermediate seed, and target seeds nested in it: its score is y = mean + A(intermediate) +
e(target). A run of the baseline has no intermediate phase: y = mean + e. Few seeds a cell tell little about their
variance, so its sums of squares are pooled over cells that are alike (the recipes of one target), and the degrees of
freedom are shown. Never over languages: one run gives them all. Mean squares by the method of moments (Searle, Casella
and McCulloch, Variance Components, 1992, chapter 3), degrees of freedom of their sums by Satterthwaite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stilts.analysis.intervals import SEEDS, Interval, satterthwaite, t_interval

OUTER, INNER, VALUE = "intermediate_seed", "target_seed", "value"
NESTED, INNER_ONLY = "intermediate and target seeds", "target seeds"
"""What an interval is over; "target seeds" says nothing about another intermediate run."""


def cells(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row a cell: its mean, and the sums of squares between and within intermediate seeds.

    Args:
        scores: a row a run: the columns `by`, intermediate_seed (missing where there is no intermediate phase),
            target_seed and value in points.
        by: the columns that make a cell; `recipe`, `target` and what else is not averaged over.

    Returns `by`, and
        mean: over intermediate seeds, of the mean over target seeds.
        runs, units: runs, intermediate seeds (0 without an intermediate phase).
        ss_between, df_between, ss_within, df_within: sums of squares and their degrees of freedom.
        size: the n0 of the method of moments: E[ms_between] = var_target + size x var_intermediate.
        share: mean of 1 / target seeds, over intermediate seeds.
        fixed: whether there is no seed at all (retrieval by the published encoder), so that nothing could differ.
    """
    keys = list(by)
    groups = scores.groupby([*keys, OUTER], dropna=False, sort=False)
    outer = groups[VALUE].agg(["size", "mean", "var"]).assign(seeded=groups[INNER].count()).reset_index()
    n = outer["size"].astype(float)
    outer["within"], outer["inverse"], outer["squared"] = outer["var"].fillna(0.0) * (n - 1), 1 / n, n**2
    outer["total"] = n * outer["mean"]
    whole = outer.groupby(keys, dropna=False, sort=False)[["total", "size"]].transform("sum")
    outer["between"] = n * (outer["mean"] - whole["total"] / whole["size"]) ** 2
    found = outer.groupby(keys, dropna=False, sort=False).agg(
        mean=("mean", "mean"), runs=("size", "sum"), units=(OUTER, "count"), levels=("size", "count"),
        ss_between=("between", "sum"), ss_within=("within", "sum"), share=("inverse", "mean"),
        squared=("squared", "sum"), seeded=("seeded", "sum"),
    ).reset_index()  # fmt: skip
    found["df_between"], found["df_within"] = found["levels"] - 1, found["runs"] - found["levels"]
    found["size"] = (found["runs"] - found["squared"] / found["runs"]) / found["df_between"].clip(lower=1)
    found["fixed"] = (found["units"] == 0) & (found["seeded"] == 0)
    return found.drop(columns=["levels", "squared", "seeded"])


def pooled(found: pd.DataFrame, over: Sequence[str]) -> pd.DataFrame:
    """The cells with mean squares that are pooled over those with equal columns `over`.

    Columns ms_between, ms_within (NaN without a degree of freedom), pool_df_between, pool_df_within, pool_size.
    """
    out = found.copy()
    groups = out.assign(weighted=out["df_between"] * out["size"]).groupby(list(over), dropna=False, sort=False)
    for name in ("between", "within"):
        out[f"pool_df_{name}"] = groups[f"df_{name}"].transform("sum")
        out[f"ms_{name}"] = groups[f"ss_{name}"].transform("sum") / out[f"pool_df_{name}"].replace(0, np.nan)
    out["pool_size"] = groups["weighted"].transform("sum") / out["pool_df_between"].replace(0, np.nan)
    return out


def components(found: pd.DataFrame) -> pd.DataFrame:
    """What seeds change: var_target and var_intermediate (squared points, at least 0), sd of one run (points).

    Of each pooled cell, by the method of moments. With one target seed an intermediate seed the two cannot be told
    apart: var_target is NaN, and var_intermediate holds both. Without an intermediate phase it is 0; with a single
    intermediate seed in every cell NaN, and sd is that of target seeds.
    """
    inner = found["ms_within"].fillna(0.0)
    outer = ((found["ms_between"] - inner) / found["pool_size"]).clip(lower=0.0).where(found["units"] > 0, 0.0)
    both = pd.DataFrame({"var_target": found["ms_within"], "var_intermediate": outer})
    return both.assign(sd=np.sqrt(both.sum(axis=1, min_count=1)))


def means(found: pd.DataFrame) -> Interval:
    """The interval of each pooled cell's mean, over what `scope` says."""
    return _interval(found["mean"].to_numpy(), _coefficients(found), found)


def differences(found: pd.DataFrame, baseline: str, match: Sequence[str]) -> tuple[pd.DataFrame, Interval]:
    """The pooled cells of the recipes, and the intervals of their differences to the baseline's cells.

    Args:
        match: the cells' columns other than recipe, in which both are equal; both are in the same pool.

    Cells without a baseline are left out. The columns seeds (of the smaller arm: its intermediate seeds, or its runs
    where the interval is over target seeds) and scope join the cells'.
    """
    mine, theirs = found[found["recipe"] != baseline], found[found["recipe"] == baseline]
    places = mine[list(match)].assign(own=np.arange(len(mine))).merge(
        theirs[list(match)].assign(other=np.arange(len(theirs))), on=list(match)
    )  # fmt: skip
    own, other = mine.iloc[places["own"]], theirs.iloc[places["other"]]
    estimate = own["mean"].to_numpy() - other["mean"].to_numpy()
    seeds = np.where(other["fixed"], counted(own), np.minimum(counted(own), counted(other)))
    interval = _interval(estimate, _coefficients(own) + _coefficients(other), own)
    return own.assign(seeds=seeds, scope=scope(own)), interval


def contrasts(found: pd.DataFrame, weights: np.ndarray) -> Interval:
    """The intervals of weighted sums of the means of cells of one pool, over what `scope` says.

    Args:
        weights: (contrasts, cells).
    """
    first = found.iloc[[0] * len(weights)]
    return _interval(weights @ found["mean"].to_numpy(dtype=np.float64), weights**2 @ _coefficients(found), first)


def scope(found: pd.DataFrame) -> np.ndarray:
    """What each pooled cell's interval is over: NESTED, or INNER_ONLY where no cell has two intermediate seeds."""
    return np.where((found["units"] > 0) & (found["pool_df_between"] > 0), NESTED, INNER_ONLY)


def counted(found: pd.DataFrame) -> np.ndarray:
    """How many seeds a pooled cell's interval stands on: intermediate seeds, or runs where it is over target seeds."""
    return np.where(scope(found) == NESTED, found["units"], found["runs"])


def average(scores: pd.DataFrame, over: str, within: Sequence[str] = ()) -> pd.DataFrame:
    """Scores averaged run by run: rows of recipe, `within`, intermediate_seed, target_seed and value.

    Args:
        scores: a row a run and value of `over`.
        over: "language" (within target), or "target" for a benchmark's average.
        within: columns that are kept; what is averaged must be all that any run has there, else the run is left out
            (an average over an incomplete set would be another quantity).

    Where a target has no target seeds (retrieval by the encoder as it is), its value stands beside all of the recipe's.
    """
    keys = ["recipe", *within, OUTER]
    rows = repeated(scores, keys)[[*keys, INNER, over, VALUE]]
    found = rows.groupby([*keys, INNER], dropna=False, sort=False)[VALUE].agg(["mean", "count"]).reset_index()
    if within:
        wanted = found[list(within)].merge(scores.groupby(list(within))[over].nunique().reset_index(), how="left")[over]
    else:
        wanted = pd.Series(scores[over].nunique(), index=found.index)
    whole = found["count"].to_numpy() == wanted.to_numpy()
    return found[whole].rename(columns={"mean": VALUE}).drop(columns="count").reset_index(drop=True)


def repeated(scores: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The scores, those without a target seed standing beside each target seed that others with equal `keys` have."""
    known = scores[[*keys, INNER]].dropna(subset=[INNER]).drop_duplicates()
    alone = scores[scores[INNER].isna()].drop(columns=INNER).merge(known, on=list(keys), how="left")
    return pd.concat([scores[scores[INNER].notna()], alone])


def run_weights(runs: pd.DataFrame, recipes: Sequence[str], baseline: str | None = None) -> np.ndarray:
    """(runs, recipes) weights that make each recipe's mean of its runs as `cells` does, less the baseline's if named.

    Args:
        runs: a row a run: recipe and intermediate_seed.
    """
    outer = runs.groupby(["recipe", OUTER], dropna=False)["recipe"].transform("size")
    units = runs.groupby("recipe")[OUTER].transform("nunique", dropna=False)
    share = 1.0 / (outer * units).to_numpy(dtype=np.float64)
    arms = {
        name: np.where(runs["recipe"] == name, share, 0.0) for name in [*recipes, *([baseline] if baseline else [])]
    }
    return np.stack([arms[name] - (arms[baseline] if baseline else 0.0) for name in recipes], axis=1)


def _coefficients(found: pd.DataFrame) -> np.ndarray:
    """How often ms_between and ms_within are in the variance of each cell's mean: (cells, 2).

    Var(mean) = (var_intermediate + share x var_target) / units. Of equal numbers of target seeds, only ms_between is
    left, and the interval is exact.
    """
    units, share = found["units"].clip(lower=1).to_numpy(float), found["share"].to_numpy(float)
    between = np.where(scope(found) == NESTED, 1 / found["pool_size"].to_numpy(float), 0.0)
    within = share - between
    within[np.isclose(share, between)] = 0.0
    once = np.stack([between, np.maximum(within, 0.0)], axis=1) / units[:, None]
    return np.where(found["fixed"].to_numpy()[:, None], 0.0, once)


def _interval(estimate: np.ndarray, coefficients: np.ndarray, found: pd.DataFrame) -> Interval:
    squares = found[["ms_between", "ms_within"]].to_numpy(dtype=np.float64)
    variances = np.where(coefficients > 0, coefficients * squares, 0.0)
    freedom = np.where(coefficients > 0, found[["pool_df_between", "pool_df_within"]].to_numpy(dtype=np.float64), 0.0)
    df = satterthwaite(variances, freedom, axis=1)
    return t_interval(SEEDS, estimate, np.sqrt(variances.sum(axis=1)), df)
