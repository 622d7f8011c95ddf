"""Does one recipe keep more of the score than another under noise? Differences of runs' measures, with intervals.

The slope of the score on the level differs between two recipes by the slope of their difference on the level: that is
the interaction recipe x level. Intervals are over seeds (`stilts.analysis.seeds`): noise seeds are averaged within a
run, target seeds nested in intermediate seeds, variances pooled over the recipes of a cell. Languages are fixed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.families import ALL, families
from stilts.analysis.power import detectable

BASELINE, PAIR = "baseline", "pair"
_POOL = ["measure", "kind", "target", "language"]
_CELL = ["recipe", *_POOL]


def cells_of(values: pd.DataFrame) -> pd.DataFrame:
    """The pooled cells (`stilts.analysis.seeds.pooled`) by recipe, measure, kind, target and language.

    Language "all" is the mean over a target's languages that have the kind, target "all" the mean over targets that
    have it; runs that lack one have no mean.

    Args:
        values: `stilts.analysis.noise_runs.NoisyRuns.values`.
    """
    over = seeds.average(values, "language", _POOL[:3]).assign(language=ALL)
    whole = seeds.average(over, "target", _POOL[:2]).assign(target=ALL, language=ALL)
    return seeds.pooled(seeds.cells(pd.concat([values, over, whole], ignore_index=True), _CELL), _POOL)


def means(cells: pd.DataFrame) -> pd.DataFrame:
    """A row a cell: recipe, measure, kind, target, language, value, and low, high and df of its interval."""
    found = seeds.means(cells)
    return cells[_CELL].assign(value=found.estimate, low=found.low, high=found.high, df=found.df)


def contrasts(cells: pd.DataFrame, comparisons: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """A row a comparison and cell.

    Columns: comparison, recipe, against, measure, kind, target, language, estimate (recipe less against, in the
    measure's unit), low, high, p, se, df, seeds (of the smaller arm) and scope (what those are), detectable (the
    difference found four times in five at 5 %; of means over languages), and family, method, tests, p_adjusted, stars
    (`stilts.analysis.families`): means over targets, means over languages and languages are corrected apart, the slopes
    of all recipes and kinds together, and each other measure for itself.

    Args:
        comparisons: BASELINE or PAIR, the recipe and what it is compared with; the two are families apart. There are
            no rows where no comparison has both.
    """
    parts = []
    for comparison, recipe, against in comparisons:
        both = cells[cells["recipe"].isin([recipe, against])]
        own, found = seeds.differences(both, against, _POOL)
        df = np.where(own["language"] == ALL, found.df, np.nan)
        parts.append(
            own[[*_CELL, "seeds", "scope"]].assign(
                comparison=comparison, against=against, estimate=found.estimate, low=found.low, high=found.high,
                p=found.p, se=found.se, df=found.df, detectable=detectable(found.se, df),
            )
        )  # fmt: skip
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return rows
    corrected = [families(part) for _, part in rows.groupby(["comparison", "measure"], sort=False)]
    return pd.concat(corrected).sort_index()
