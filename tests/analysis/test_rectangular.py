"""Matrices of the same rows and columns: slopes, permutations and intervals against independent references."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from stilts.analysis.rectangular import associations, connected, layout, orders


def drawn(rows: int, columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, columns))
    noise = random.normal(size=(rows, columns)) + random.normal(size=(rows, 1)) + 3 * random.normal(size=columns)
    return matrix, 0.5 * matrix + noise


def holes(rows: int, columns: int, *places: tuple[int, int]) -> np.ndarray:
    known = np.ones((rows, columns), dtype=bool)
    for place in places:
        known[place] = False
    return known


def by_hand(known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What row and column means leave, cell by cell, by a regression on dummies."""
    rows, columns = np.nonzero(known)
    design = np.hstack([np.eye(known.shape[0])[rows], np.eye(known.shape[1])[columns]])
    return values[known] - design @ np.linalg.lstsq(design, values[known], rcond=None)[0]


def test_a_whole_matrix_is_double_centred() -> None:
    _, y = drawn(4, 5)
    whole = layout(np.ones((4, 5), dtype=bool))
    centred = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
    assert whole.rest(y.ravel()).reshape(4, 5) == pytest.approx(centred)
    assert whole.df == 3 * 4


@pytest.mark.parametrize("with_format", [False, True])
def test_the_slope_is_that_of_least_squares(with_format: bool) -> None:
    x, y = drawn(6, 5)
    known = holes(6, 5, (0, 0), (2, 3))
    alike = (np.arange(6)[:, None] % 3 == np.arange(5) % 3).astype(float)
    rows, columns = np.nonzero(known)
    cells = pd.DataFrame({"y": y[known], "x": x[known], "r": rows, "c": columns, "f": alike[known]})
    fit = smf.ols("y ~ C(r) + C(c) + x" + (" + f" if with_format else ""), cells).fit()
    cut = layout(known, [alike] if with_format else [])
    found = associations(cut, y[known][:, None], x, 99)
    assert found.slope[0] == pytest.approx(fit.params["x"])
    assert found.df - 1 == cut.df - 1 == fit.df_resid
    t = fit.tvalues["x"]
    assert found.r[0] == pytest.approx(t / np.sqrt(t**2 + fit.df_resid))


def test_what_belongs_to_a_row_or_a_column_falls_out() -> None:
    """The size of a task's data, say: a covariate of it changes nothing, however large it is."""
    x, y = drawn(5, 4)
    known = holes(5, 4, (1, 1))
    size = np.linspace(3, 6, 5)[:, None] * np.ones(4)
    plain = associations(layout(known), y[known][:, None], x, 99)
    for more in (
        associations(layout(known, [size]), y[known][:, None], x, 99),
        associations(layout(known), (y + 10 * size)[known][:, None], x - 3 * size + np.arange(4), 99),
    ):
        assert (more.slope[0], more.p[0], more.df) == (pytest.approx(plain.slope[0]), plain.p[0], plain.df)


def test_all_permutations_by_hand() -> None:
    x, y = drawn(3, 4, seed=5)
    known = holes(3, 4, (1, 2))
    found = associations(layout(known), y[known][:, None], x, 10_000)
    assert (found.drawn, found.every) == (6 * 24, True)
    left, away = by_hand(known, y), np.zeros((3, 4))
    away[known] = by_hand(known, x)
    r = [
        abs(np.corrcoef(left, by_hand(known, away[list(one)][:, list(other)]))[0, 1])
        for one in permutations(range(3))
        for other in permutations(range(4))
    ]
    assert found.p[0] == pytest.approx(np.mean(np.array(r) >= r[0] - 1e-9))


def test_some_permutations_give_the_p_of_all() -> None:
    x, y = drawn(4, 4, seed=2)
    cut = layout(np.ones((4, 4), dtype=bool))
    every = associations(cut, y.ravel()[:, None], x, 576)
    some = associations(cut, y.ravel()[:, None], x, 500, seed=3)
    assert every.every
    assert not some.every
    assert some.p[0] == pytest.approx(every.p[0], abs=4 * np.sqrt(every.p[0] / 500))
    assert associations(cut, y.ravel()[:, None], x, 500, seed=3).p == some.p


def test_the_interval_has_the_slopes_that_are_not_rejected() -> None:
    x, y = drawn(5, 6, seed=4)
    known = holes(5, 6, (0, 1))
    cut = layout(known)
    found = associations(cut, y[known][:, None], x, 999)

    def p(slope: float) -> float:
        return float(associations(cut, (y - slope * x)[known][:, None], x, 999).p[0])

    low, high = float(found.low[0]), float(found.high[0])
    assert low < found.slope[0] < high
    for end, out in ((low, -1e-6), (high, 1e-6)):
        assert p(end + out) <= 0.05 < p(end - out)
    assert p(float(found.slope[0])) == 1.0


def test_outcomes_are_looked_at_one_by_one() -> None:
    x, y = drawn(5, 6)
    cut = layout(np.ones((5, 6), dtype=bool))
    both = associations(cut, np.stack([y.ravel(), -2 * y.ravel()], axis=1), x, 200)
    assert both.p[0] == both.p[1]
    assert (both.slope[1], both.low[1], both.high[1]) == pytest.approx(
        (-2 * both.slope[0], -2 * both.high[0], -2 * both.low[0])
    )


@pytest.mark.parametrize(("shape", "least"), [((3, 2), 2 / 12), ((2, 4), 2 / 48), ((3, 3), 1 / 36), ((5, 4), 1 / 2880)])
def test_the_least_p_of_few_permutations(shape: tuple[int, int], least: float) -> None:
    x, _ = drawn(*shape)
    cut = layout(np.ones(shape, dtype=bool))
    found = associations(cut, x.ravel()[:, None], x, 3000)  # nothing goes with a matrix better than itself
    assert found.least == pytest.approx(least)
    assert found.p[0] == pytest.approx(least)
    assert np.isfinite(found.low[0]) == (least <= 0.05)


def test_orders() -> None:
    rows, columns, every = orders(3, 2, 12)
    assert every
    assert len({(*one, *other) for one, other in zip(rows.tolist(), columns.tolist(), strict=True)}) == 12
    rows, columns, every = orders(9, 7, 50, seed=1)
    assert (rows.shape, columns.shape, every) == ((50, 9), (50, 7), False)
    assert rows[0].tolist() == list(range(9))
    assert (np.sort(rows) == np.arange(9)).all()


def test_rows_and_columns_of_one_cell_are_left_out() -> None:
    known = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]], dtype=bool)  # the last row falls with the last column
    assert connected(known).tolist() == [[True, True, False, False], [True, True, False, False], [False] * 4]
