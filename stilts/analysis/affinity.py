"""Which single task goes with which target: gains, and what is left when each task's and each target's mean are out.

A task that helps everywhere has large gains in its whole row, and a target that every task helps in its whole column:
neither says that the two belong together. Double-centred gains do, and the baseline falls out of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.families import adjusted
from stilts.analysis.intervals import SEEDS, t_interval
from stilts.analysis.power import detectable

_KEYS = ["recipe", seeds.OUTER, seeds.INNER]
COLUMNS = ("recipe", "target", "gain", "centred", "low", "high", "p", "se", "df", "detectable", "p_adjusted")


def affinity(scores: pd.DataFrame, baseline: str, singles: Sequence[str]) -> pd.DataFrame:
    """A row a single task's recipe and target, of the targets that all of them and the baseline have: COLUMNS, points.

    Intervals, p and p_adjusted (Holm over the matrix) are those of `centred`, over seeds. One run trains for all
    targets, so each run's mean over targets is taken off before seeds are looked at. Empty with fewer than two recipes
    or targets.

    Args:
        scores: averaged over languages: recipe, target, intermediate_seed, target_seed and value.
    """
    own = scores[scores["recipe"].isin([baseline, *singles])]
    count = own.groupby("target")["recipe"].nunique()
    targets = [str(name) for name in count.index if count[name] == len(singles) + 1]
    if len(singles) < 2 or len(targets) < 2:
        return pd.DataFrame(columns=list(COLUMNS))
    own = own[own["target"].isin(targets)]
    every = seeds.cells(own, ["recipe", "target"])
    means = every.pivot(index="recipe", columns="target", values="mean")
    gains = means.loc[list(singles)] - means.loc[baseline]
    centred = gains.sub(gains.mean(axis=1), axis=0).sub(gains.mean(axis=0), axis=1) + gains.to_numpy().mean()
    out = gains.stack().rename("gain").to_frame()
    out["centred"] = centred.stack()
    spread = _errors(own[own["recipe"].isin(singles)]).reindex(out.index)
    se, df = spread["se"].to_numpy(float), spread["df"].to_numpy(float)
    interval = t_interval(SEEDS, out["centred"].to_numpy(float), se, df)
    for name in ("low", "high", "p", "se", "df"):
        out[name] = getattr(interval, name)
    out["detectable"], out["p_adjusted"] = detectable(se, df), np.nan
    known = out["p"].notna()
    out.loc[known, "p_adjusted"] = adjusted(out.loc[known, "p"].to_numpy(float), "holm")
    return out.reset_index()[list(COLUMNS)]


def _errors(own: pd.DataFrame) -> pd.DataFrame:
    """Columns se and df of the double-centred cells, index recipe and target."""
    each = seeds.repeated(own, ["recipe", seeds.OUTER])
    whole = seeds.average(own, "target").rename(columns={seeds.VALUE: "whole"})
    each = each.merge(whole, on=_KEYS)
    each[seeds.VALUE] -= each["whole"]
    found = seeds.pooled(seeds.cells(each, ["recipe", "target"]), ["target"])
    alone = seeds.means(found)
    variance, n = pd.Series(alone.se**2), found["recipe"].nunique()
    column = variance.groupby(found["target"].to_numpy()).transform("sum")
    centred = variance * (1 - 1 / n) ** 2 + (column - variance) / n**2
    df = pd.Series(alone.df).groupby(found["target"].to_numpy()).transform("min")
    table = found[["recipe", "target"]].assign(se=np.sqrt(centred.to_numpy()), df=df.to_numpy())
    return table.set_index(["recipe", "target"])
