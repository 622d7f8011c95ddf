"""What question 4 found: regressions, one row an outcome and kind of distance, and Holm's correction over rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stilts.analysis.families import adjusted
from stilts.analysis.mixed import Mixed

MARGINAL, ANCOVA, PARTIAL = "marginal", "ancova", "partial"


@dataclass(frozen=True)
class Fit:
    """The slope of one regression over languages.

    Attributes:
        name: "marginal", "ancova" or "partial".
        covariates: what is held equal.
        slope, se, low, high: points a standard deviation of the distance, with the 95 % interval.
        df: languages less columns.
        p, p_holm: two-sided, of permuted languages; corrected over the kinds and recipes of the same outcome and name.
        family_share: of the residual variance.
        detectable: the slope that a test at 5 % finds with probability 80 %.
    """

    name: str
    covariates: tuple[str, ...]
    slope: float
    se: float
    low: float
    high: float
    df: int
    p: float
    family_share: float
    detectable: float
    p_holm: float = np.nan


@dataclass(frozen=True)
class LeftOut:
    """The marginal slope without one family."""

    family: str
    languages: int
    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One outcome of one recipe against one kind of distance.

    Attributes:
        outcome, recipe, kind: what against what.
        languages: compared; `absent`: those for which the kind has too few features.
        missing: share of the kind's features that a compared language or English lacks, on average.
        sd: standard deviation of the distance over the languages, the unit of the slopes.
        rho, rho_p: Spearman's correlation, and p of permuted languages, each for itself (families make it too small).
        p, p_holm: of permuted languages for a straight line, families taken for related (ranks of so few related
            languages reject too often); corrected. It is the marginal fit's.
        fits: regressions; empty where there are too few languages.
        dropped: covariates that are not held equal, and why.
        mixed: the mixed model over cells, with the marginal fit's covariates.
        left_out: leave one family out.
        distances, effects: of each of `languages`: its cosine distance, and its gain or gap in points with the targets'
            means out (`stilts.analysis.language_effects`).
    """

    outcome: str
    recipe: str
    kind: str
    languages: tuple[str, ...]
    absent: tuple[str, ...]
    missing: float
    sd: float
    rho: float
    rho_p: float
    p: float
    fits: tuple[Fit, ...] = ()
    dropped: dict[str, str] = field(default_factory=dict)
    mixed: Mixed | None = None
    left_out: tuple[LeftOut, ...] = ()
    p_holm: float = np.nan
    distances: tuple[float, ...] = ()
    effects: tuple[float, ...] = ()

    def fit(self, name: str) -> Fit | None:
        """The regression of this name, if there is one."""
        return next((fit for fit in self.fits if fit.name == name), None)


def corrected(rows: Sequence[Row]) -> list[Row]:
    """The rows with p values corrected by Holm's method over all rows of an outcome, each name of a fit for itself."""
    holm: dict[tuple[int, str], float] = {}
    groups: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for index, row in enumerate(rows):
        groups.setdefault((row.outcome, ""), []).append((index, row.p))
        for fit in row.fits:
            groups.setdefault((row.outcome, fit.name), []).append((index, fit.p))
    for (_, name), tests in groups.items():
        known = [(index, p) for index, p in tests if not np.isnan(p)]
        for (index, _), p in zip(known, adjusted([p for _, p in known], "holm"), strict=True):
            holm[index, name] = float(p)
    return [
        replace(
            row,
            p_holm=holm.get((index, ""), np.nan),
            fits=tuple(replace(fit, p_holm=holm.get((index, fit.name), np.nan)) for fit in row.fits),
        )
        for index, row in enumerate(rows)
    ]
