"""The table of From Zero to Hero (Lauscher et al. 2020, arXiv 2005.00633): correlations by target and kind of distance.

Each target for itself, each kind and the pretraining size; nothing is held equal or corrected, so it explores only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis.answer import Shown
from stilts.analysis.controls import SIZE
from stilts.analysis.language_effects import GAP, Outcome, language_effects
from stilts.analysis.related import rank_correlation
from stilts.analysis.uriel import Distances
from stilts.analysis.wording import points

ALL = "all"
FEWEST = 5
TABLE = "gap to English (Pearson / Spearman)"


@dataclass(frozen=True)
class Correlation:
    """One correlation over languages.

    Attributes:
        target: or "all", over the languages' effects with the targets' means out.
        against: a kind of distance, or "log_size".
        pearson, rho, p: p of permuted languages, of rho, two-sided; NaN where nothing varies.
    """

    outcome: str
    recipe: str
    target: str
    against: str
    languages: int
    pearson: float
    rho: float
    p: float


def correlations(
    found: Sequence[Outcome], distances: Distances, controls: pd.DataFrame, permutations: int, seed: int
) -> list[Correlation]:
    """All of them, for targets with five languages or more."""
    columns = distances.values.assign(**{SIZE: controls[SIZE]})
    out = []
    for outcome in found:
        parts = {ALL: language_effects(outcome.cells)}
        parts |= {str(t): c.set_index("language")["value"] for t, c in outcome.cells.groupby("target", sort=False)}
        for target, values in parts.items():
            for against in columns:
                pair = pd.DataFrame({"x": columns[against].reindex(values.index), "y": values}).dropna().to_numpy()
                if len(pair) >= FEWEST:
                    rho, p = rank_correlation(pair[:, 0], pair[:, 1], permutations, seed)
                    numbers = (len(pair), _pearson(pair), rho, p)
                    out.append(Correlation(outcome.kind, outcome.recipe, target, str(against), *numbers))
    return out


def _pearson(pair: np.ndarray) -> float:
    return float(np.corrcoef(pair.T)[0, 1]) if np.ptp(pair, axis=0).all() else float("nan")


def by_target(found: Sequence[Correlation], baseline: str | None) -> Shown | None:
    """Their table: a row a target, Pearson's and Spearman's correlation of the baseline's gap with each distance.

    Without a baseline a row a recipe and target; None where no target has enough languages.
    """
    own = [one for one in found if one.outcome == GAP and baseline in (None, one.recipe)]
    kinds = list(dict.fromkeys(one.against for one in own))
    numbers = {(one.recipe, one.target, one.against): one for one in own}
    rows = []
    for recipe, target in dict.fromkeys((one.recipe, one.target) for one in own):
        cells = [numbers.get((recipe, target, kind)) for kind in kinds]
        sizes = sorted({cell.languages for cell in cells if cell})
        languages = " to ".join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))
        rows.append((target, recipe, languages, *(_both(cell) for cell in cells)))
    return Shown((TABLE, "recipe", "languages", *kinds), rows) if rows else None


def _both(one: Correlation | None) -> str:
    return "–" if one is None or math.isnan(one.rho) else f"{points(one.pearson)} / {points(one.rho)}"
