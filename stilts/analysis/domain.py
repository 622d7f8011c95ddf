"""Question 5: does an intermediate task help a target less, the further their domains are apart?

The gains of single tasks are a matrix, tasks x targets, and so is each measure of how far their texts are apart. A task
that helps everywhere, a target that everything helps, a data set that is far from all others, and how large a data set
is: all that belongs to a row or a column and falls out of both matrices (`stilts.analysis.rectangular`). The format,
which a pair may share or not, is held equal in a second comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stilts.analysis.domain_rows import Matrices
from stilts.analysis.families import adjusted
from stilts.analysis.power import ALPHA
from stilts.analysis.rectangular import Association, associations, layout

MARGINAL, PARTIAL = "marginal", "partial"
RELATED, CONFOUNDED, ONLY_PARTIAL, NOT_SHOWN, TOO_FEW = (
    "related", "not apart from the format", "only at equal format", "not shown", "too few cells",
)  # fmt: skip
FEWEST = 2
"""Degrees of freedom below which nothing is said: two matrices of 2 x 2 always go together, or never."""
_SAME = 1e-9  # points: what rounding makes of equal gains


@dataclass(frozen=True)
class Fit:
    """How gains go with one measure.

    Attributes:
        name: "marginal", or "partial": the shared format held equal.
        r: correlation of what rows and columns (and the format) leave of both.
        slope, low, high: points a standard deviation of the measure, with the 95 % interval; no ends where so few
            permutations cannot give any.
        p, p_holm: two-sided, of permuted rows and columns; corrected over the measures.
        least_p: the smallest that so few rows and columns allow.
        permutations: compared; `every`: these are all there are.
        df: cells less what is taken out.
    """

    name: str
    r: float
    slope: float
    low: float
    high: float
    p: float
    least_p: float
    permutations: int
    every: bool
    df: int
    p_holm: float = np.nan


@dataclass(frozen=True)
class Row:
    """One measure against the gains.

    Attributes:
        measure: its name.
        tasks, columns: rows and columns that are compared; targets of one fine-tune share a column (`a+b`).
        cells: compared.
        same_data: [task, column] of cells left out, as both phases train on the same data.
        sd: standard deviation of the measure over the cells, the unit of the slopes.
        fits: none where there are too few cells.
        dropped: what is not held equal, and why.
        points: task, column, divergence and gain (both less what rows and columns have) and same_format, a cell each.
    """

    measure: str
    tasks: tuple[str, ...]
    columns: tuple[str, ...]
    cells: int
    same_data: tuple[tuple[str, str], ...]
    sd: float
    fits: tuple[Fit, ...]
    dropped: str
    points: tuple[dict[str, object], ...] = ()

    def fit(self, name: str) -> Fit | None:
        """The fit of this name, if there is one."""
        return next((one for one in self.fits if one.name == name), None)


def compare(matrices: Matrices, permutations: int = 10_000, seed: int = 0) -> Row:
    """One measure against the gains, not corrected yet (see `corrected`)."""
    known = matrices.known
    rows, columns = known.any(axis=1), known.any(axis=0)
    tasks = tuple(np.array(matrices.tasks, dtype=object)[rows])
    names = tuple(np.array(matrices.columns, dtype=object)[columns])
    inside = np.ix_(rows, columns)
    known, gains, away, alike = (part[inside] for part in (known, matrices.gains, matrices.divergence,
                                                           matrices.same_format))  # fmt: skip
    plain = layout(known) if known.any() else None
    sd = float(np.std(away[known], ddof=1)) if known.sum() > 1 else 0.0
    row = Row(matrices.measure, tasks, names, int(known.sum()), matrices.same_data, sd, (), "")
    if plain is None or plain.df < FEWEST or sd == 0:
        return row
    standard = np.where(known, away / sd, 0.0)
    left = plain.rest(np.stack([standard[known], gains[known]], axis=1))
    if np.ptp(left[:, 0]) < _SAME or np.ptp(left[:, 1]) < _SAME:
        return row
    fits = [_fit(MARGINAL, associations(plain, gains[known][:, None], standard, permutations, seed))]
    why = _why_not(alike, known)
    if not why:
        held = layout(known, [alike])
        if held.df < FEWEST or np.ptp(held.rest(standard[known])) < _SAME:
            why = "not to be told from the measure, or from tasks and targets"
        else:
            fits.append(_fit(PARTIAL, associations(held, gains[known][:, None], standard, permutations, seed)))
    points = [
        {"task": tasks[i], "column": names[j], "divergence": float(d), "gain": float(g),
         "same_format": None if np.isnan(alike[i, j]) else bool(alike[i, j])}
        for i, j, (d, g) in zip(*np.nonzero(known), left, strict=True)
    ]  # fmt: skip
    return replace(row, fits=tuple(fits), dropped=why, points=tuple(points))


def corrected(rows: Sequence[Row]) -> list[Row]:
    """The rows with p values corrected by Holm's method over the measures, each name of a fit for itself."""
    out = list(rows)
    for name in (MARGINAL, PARTIAL):
        tested = [(index, fit) for index, row in enumerate(rows) if (fit := row.fit(name))]
        for (index, fit), p in zip(tested, adjusted([fit.p for _, fit in tested], "holm"), strict=True):
            fits = tuple(replace(one, p_holm=float(p)) if one is fit else one for one in out[index].fits)
            out[index] = replace(out[index], fits=fits)
    return out


def verdict(row: Row) -> str:
    """What one row says after Holm's correction, at 5 %."""
    marginal, partial = row.fit(MARGINAL), row.fit(PARTIAL)
    if marginal is None:
        return TOO_FEW
    if marginal.p_holm <= ALPHA:
        return RELATED if partial is None or partial.p_holm <= ALPHA else CONFOUNDED
    if partial is not None and partial.p_holm <= ALPHA:
        return ONLY_PARTIAL
    return TOO_FEW if marginal.least_p > ALPHA else NOT_SHOWN


def _why_not(alike: np.ndarray, known: np.ndarray) -> str:
    """Why the format cannot be held equal; "" where it can."""
    values = alike[known]
    if np.isnan(values).any():
        return "the format of some task is not known"
    if np.ptp(values) == 0:
        return "alike in all cells"
    return "" if layout(known, [alike]).df < layout(known).df else "not to be told from tasks and targets"


def _fit(name: str, found: Association) -> Fit:
    r, slope, low, high, p = (float(part[0]) for part in (found.r, found.slope, found.low, found.high, found.p))
    ends = (low, high) if np.isfinite([low, high]).all() else (np.nan, np.nan)
    return Fit(name, r, slope, *ends, p, found.least, found.drawn, found.every, found.df)
