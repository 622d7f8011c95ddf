"""Two matrices of the same rows and columns: do they go together beyond what rows and columns have of their own?

Rows are tasks, columns targets, so a Mantel test, which permutes one set of objects in both ways at once, does not
apply. Row and column means (and covariates) are taken out of both by least squares over the cells there are; what is
left is correlated, and rows and columns of the one are permuted, each for itself. The interval is the test turned
round: the slopes that permutations do not reject (Garthwaite 1996, Biometrics 52).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial

import numpy as np

from stilts.analysis.intervals import LEVEL

_SAME = 1e-9  # relative: what rounding makes of equal numbers
_BLOCK = 2**22  # numbers of one block of permuted matrices: 32 MB


@dataclass(frozen=True)
class Layout:
    """Which cells are compared, and what is taken out of them.

    Attributes:
        known: bool (rows, columns).
        basis: orthonormal, (cells, rank): means of rows and columns, and covariates.
    """

    known: np.ndarray
    basis: np.ndarray

    @property
    def df(self) -> int:
        """Cells less what is taken out."""
        return self.basis.shape[0] - self.basis.shape[1]

    def rest(self, values: np.ndarray) -> np.ndarray:
        """What is left of values of the cells, (cells, ...)."""
        return values - self.basis @ (self.basis.T @ values)


@dataclass(frozen=True)
class Association:
    """How outcomes go with a matrix; arrays are (outcomes,).

    Attributes:
        r: correlation of what is left of both.
        slope, low, high: in the outcome's unit a unit of the matrix; the ends are infinite where permutations cannot
            reject any slope.
        p: two-sided, of permuted rows and columns.
        least: the smallest p that so few rows and columns allow.
        drawn: permutations, the one found among them; `every`: these are all there are.
        df: cells less what is taken out.
    """

    r: np.ndarray
    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    least: float
    drawn: int
    every: bool
    df: int


def layout(known: np.ndarray, covariates: Sequence[np.ndarray] = ()) -> Layout:
    """Means of rows and columns, and covariates (each (rows, columns)), as what is taken out of the known cells."""
    rows, columns = np.nonzero(known)
    of_row = np.eye(known.shape[0])[rows]
    of_column = np.eye(known.shape[1])[columns]
    design = np.hstack([of_row, of_column, *(one[known][:, None] for one in covariates)])
    left, sizes, _ = np.linalg.svd(design, full_matrices=False)
    return Layout(known, left[:, sizes > _SAME * sizes[0]])


def associations(cells: Layout, outcomes: np.ndarray, matrix: np.ndarray, most: int, seed: int = 0) -> Association:
    """Compare outcomes, each for itself, with a matrix.

    Args:
        outcomes: (cells, outcomes), of the known cells in reading order.
        matrix: (rows, columns); what it has in other cells is not looked at.
        most: permutations; all there are where these are no more.
    """
    left, own = cells.rest(outcomes), cells.rest(matrix[cells.known])
    moved = np.zeros(matrix.shape)  # a cell that is not compared brings nothing along where it is permuted to
    moved[cells.known] = own
    length = float(np.linalg.norm(own))
    a, b = own @ left / length, length
    smaller, lows, highs, alike, drawn = np.zeros(left.shape[1]), [], [], 0, 0
    rows, columns, every = orders(matrix.shape[0], matrix.shape[1], most, seed)
    for start in range(0, len(rows), step := max(1, _BLOCK // max(moved.size, left.shape[1]))):
        block = slice(start, start + step)
        permuted = moved[rows[block][:, :, None], columns[block][:, None, :]][:, cells.known]
        permuted = cells.rest(permuted.T).T
        lengths = np.maximum(np.linalg.norm(permuted, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        permuted = permuted / lengths
        other, shared = permuted @ left, (permuted @ own)[:, None]
        smaller += np.sum(np.abs(other) >= np.abs(a) * (1 - _SAME), axis=0)
        ends = _not_rejected(a, other, b, shared)
        lows.append(ends[0])
        highs.append(ends[1])
        alike += int(np.sum(np.isinf(ends[0]).any(axis=1)))
        drawn += len(permuted)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = a / np.linalg.norm(left, axis=0)
    place = int((1 - LEVEL) * drawn + _SAME)  # of the permutations, at most so many may not reject
    low = np.partition(np.concatenate(lows), place, axis=0)[place]
    high = -np.partition(-np.concatenate(highs), place, axis=0)[place]
    return Association(r, a / b, low, high, smaller / drawn, alike / drawn, drawn, every, cells.df)


def orders(rows: int, columns: int, most: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, bool]:
    """Orders of rows and of columns, (n, rows) and (n, columns), the given ones first; and whether these are all."""
    if factorial(rows) * factorial(columns) <= most:
        both = [np.array(list(permutations(range(size)))) for size in (rows, columns)]
        places = np.array(list(product(range(len(both[0])), range(len(both[1])))))
        return both[0][places[:, 0]], both[1][places[:, 1]], True
    random = np.random.default_rng(seed)
    drawn = [random.permuted(np.tile(np.arange(size), (most, 1)), axis=1) for size in (rows, columns)]
    for order in drawn:
        order[0] = np.arange(order.shape[1])
    return drawn[0], drawn[1], False


def connected(known: np.ndarray) -> np.ndarray:
    """The known cells without rows and columns that have a single one, which their own mean explains."""
    kept = known.copy()
    while True:
        few = (kept.sum(axis=1) < 2)[:, None] | (kept.sum(axis=0) < 2)[None, :]
        if not (kept & few).any():
            return kept
        kept &= ~few


def _not_rejected(a: np.ndarray, other: np.ndarray, b: float, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slopes, from low to high, at which a permutation explains what is left as well as the matrix itself.

    |a - slope b| <= |other - slope own| is a quadratic inequality that the matrix's own slope a / b fulfils.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (a - other) / (b - own), (a + other) / (b + own)
    alike = np.abs(own) >= b * (1 - _SAME)
    return np.where(alike, -np.inf, np.minimum(one, two)), np.where(alike, np.inf, np.maximum(one, two))
