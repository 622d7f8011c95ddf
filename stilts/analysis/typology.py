"""Question 4: does transfer go with how far a language is from English, and is it the distance or what goes with it?

Each recipe's gain over the baseline and each recipe's transfer gap are regressed on each kind of distance over
languages, families taken for related (`stilts.analysis.related`): alone, at equal baseline (analysis of covariance; the
covariate comes from other seeds than the gain, as a gain goes with its own baseline's noise), and with the controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from stilts.analysis.controls import BASELINE, CONTROLS
from stilts.analysis.language_effects import GAIN, Outcome, language_effects
from stilts.analysis.mixed import mixed_model
from stilts.analysis.power import detectable
from stilts.analysis.related import rank_correlation, slopes
from stilts.analysis.typology_rows import ANCOVA, MARGINAL, PARTIAL, Fit, LeftOut, Row
from stilts.analysis.uriel import Distances

RANKS_ONLY = 11
"""Languages up to which only ranks are compared."""
PER_COVARIATE, FEWEST = 10, 5
"""Languages that a covariate needs; languages below which nothing is said."""
_SAME = 1e-9  # points: what rounding makes of equal effects


def compare(
    outcome: Outcome,
    distances: Distances,
    families: dict[str, str],
    controls: pd.DataFrame,
    order: Sequence[str] = CONTROLS,
    permutations: int = 10_000,
    seed: int = 0,
) -> list[Row]:
    """One outcome against every kind of distance, not corrected yet (see `corrected`).

    Args:
        distances: of all languages of the outcome.
        families: language -> family.
        controls: index language, NaN where unknown.
        order: of the controls, where not all may be held equal.
    """
    return [
        _row(outcome, kind, distances, families, controls[list(order)], permutations, seed)
        for kind in distances.values.columns
    ]


def _row(
    outcome: Outcome,
    kind: str,
    distances: Distances,
    families: dict[str, str],
    controls: pd.DataFrame,
    permutations: int,
    seed: int,
) -> Row:
    known = distances.values[kind].dropna().index
    cells = outcome.cells[outcome.cells["language"].isin(known)]
    absent = tuple(dict.fromkeys(outcome.cells["language"][~outcome.cells["language"].isin(known)]))
    effects = language_effects(cells) if len(cells) else pd.Series(dtype=np.float64)
    languages = tuple(map(str, effects.index))
    x = distances.values.loc[list(languages), kind].to_numpy(dtype=np.float64)
    sd = float(np.std(x, ddof=1)) if len(x) > 1 else 0.0
    missing = (
        float(np.mean(distances.missing.loc[list(languages), kind])) / distances.totals[kind] if languages else 1.0
    )
    empty = Row(outcome.kind, outcome.recipe, kind, languages, absent, missing, sd, np.nan, np.nan, np.nan)
    empty = replace(empty, distances=tuple(x.tolist()), effects=tuple(effects.tolist()))
    if len(languages) < FEWEST or sd == 0 or np.ptp(effects) < _SAME:
        return empty
    x = _standard(x)
    groups = [families[language] for language in languages]
    rho, rho_p = rank_correlation(x, effects.to_numpy(), permutations, seed)
    found = slopes(_design({}, x), effects.to_numpy()[:, None], groups, permutations, seed)
    row = replace(empty, rho=rho, rho_p=rho_p, p=float(found.p[0]))
    if len(languages) <= RANKS_ONLY:
        return row
    return _with_fits(row, outcome, cells, effects, x, groups, controls.loc[list(languages)], (permutations, seed))


def _with_fits(
    row: Row,
    outcome: Outcome,
    cells: pd.DataFrame,
    effects: pd.Series,
    x: np.ndarray,
    groups: list[str],
    controls: pd.DataFrame,
    drawn: tuple[int, int],
) -> Row:
    usable, dropped = _usable(controls)
    most = len(x) // PER_COVARIATE
    held = dict(list(usable.items())[:most])
    dropped |= {name: f"{len(x)} languages allow {most}" for name in list(usable)[most:]}
    if _rank(held, x) < len(held) + 2:
        dropped |= dict.fromkeys(held, "not to be told from the distance or each other")
        held = {}
    fits = [_fit(MARGINAL, {}, effects, x, groups, drawn)]
    if BASELINE in cells and cells[["apart", BASELINE]].notna().all(axis=None):
        before = {BASELINE: _standard(language_effects(cells, BASELINE).to_numpy())}
        if _rank(before, x) == 3:
            fits.append(_fit(ANCOVA, before, language_effects(cells, "apart"), x, groups, drawn))
    elif outcome.kind == GAIN:
        dropped[BASELINE] = "the baseline has one seed"
    if held:
        fits.append(_fit(PARTIAL, held, effects, x, groups, drawn))
    mixed = mixed_model(cells, pd.Series(x, index=effects.index))
    return replace(row, fits=tuple(fits), dropped=dropped, mixed=mixed, left_out=_leave_out(effects, x, groups))


def _rank(held: dict[str, np.ndarray], x: np.ndarray) -> int:
    """How many columns of a design are not made of the others."""
    return int(np.linalg.matrix_rank(_design(held, x)))


def _design(held: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), *held.values(), x])


def _usable(controls: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The controls that can be held equal, standardised, and why the others cannot."""
    usable: dict[str, np.ndarray] = {}
    dropped: dict[str, str] = {}
    for name in controls:
        values = controls[name].to_numpy(dtype=np.float64)
        if np.isnan(values).any():
            count = int(np.isnan(values).sum())
            dropped[str(name)] = "not known" if count == len(values) else f"not known of {count} languages"
        elif np.ptp(values) == 0:
            dropped[str(name)] = "the same in all languages"
        else:
            usable[str(name)] = _standard(values)
    return usable, dropped


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / np.std(values, ddof=1)


def _fit(
    name: str, held: dict[str, np.ndarray], effects: pd.Series, x: np.ndarray, groups: list[str], drawn: tuple[int, int]
) -> Fit:
    found = slopes(_design(held, x), effects.to_numpy()[:, None], groups, *drawn)
    estimate, se, low, high, p, share, least = (
        float(part[0])
        for part in (found.estimate, found.se, found.low, found.high, found.p, found.family_share,
                     detectable(found.se, found.df))
    )  # fmt: skip
    return Fit(name, tuple(held), estimate, se, low, high, found.df, p, share, least)


def _leave_out(effects: pd.Series, x: np.ndarray, groups: list[str]) -> tuple[LeftOut, ...]:
    """The marginal slope without each family in turn, in points a standard deviation over all languages."""
    out = []
    for family in dict.fromkeys(groups):
        kept = np.array([group != family for group in groups])
        if kept.sum() >= FEWEST and np.ptp(x[kept]) > 0:
            rest = [group for group in groups if group != family]
            found = slopes(_design({}, x[kept]), effects.to_numpy()[kept][:, None], rest)
            numbers = (float(part[0]) for part in (found.estimate, found.low, found.high))
            out.append(LeftOut(family, int((~kept).sum()), *numbers))
    return tuple(out)
