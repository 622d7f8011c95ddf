"""Question 1's other comparisons on simulated tables: what a task adds to all others, arms, and task affinities.

Added tasks and arms: a table is one target in two languages, with a baseline and seven recipes of four intermediate
seeds; tables are the targets of one large table, as targets are looked at one by one. Affinities: a table is three
single tasks on four targets. Seeds shift all languages of a run, and each a little; a run's shift is all targets'.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.multitask import Found
from stilts.analysis.multitask_answer import MultitaskSettings, ask

TASKS = ("a", "b", "c")
LEFT_OUT = tuple(f"leave-one-out:{task}" for task in TASKS)
RECIPES = ("none", *TASKS, *LEFT_OUT, "all", "all--examples")
SEEDS, RUN_SD, OWN_SD = 4, 0.7, 0.4
EFFECT = 1.9
"""Points that are found more than four times in five, by four seeds of sd 0.8."""
COUNTS = [pytest.param(120, marks=pytest.mark.slow), pytest.param(2000, marks=pytest.mark.long)]
TABLES = [pytest.param(30, marks=pytest.mark.slow), pytest.param(500, marks=pytest.mark.long)]


def table(
    random: np.random.Generator, recipes: tuple[str, ...], targets: int, truth: np.ndarray, apart: bool
) -> pd.DataFrame:
    """Score rows of recipes on so many targets in two languages.

    Args:
        truth: (recipes, targets), points.
        apart: each target is a table of its own, so a run's shift is another one in each.
    """
    shape = (len(recipes), SEEDS, targets, 2)
    own = random.normal(0, RUN_SD, (*shape[:2], targets if apart else 1, 1))
    own = own + random.normal(0, OWN_SD, (*shape[:3], 1))
    values = 60 + truth[:, None, :, None] + own + random.normal(0, OWN_SD, shape)
    where = np.indices(shape).reshape(4, -1)
    seed = where[1].astype(str)
    rows = pd.DataFrame({
        "recipe": np.array(recipes, dtype=object)[where[0]],
        "target": np.array([f"t{k}" for k in range(targets)], dtype=object)[where[2]],
        "language": np.array(["en", "de"], dtype=object)[where[3]],
        "metric": "accuracy",
        "value": values.ravel(),
        "intermediate_seed": np.where(where[0] == 0, "", seed),
        "target_seed": np.where(where[0] == 0, seed, "1"),
        "arm": "",
    })  # fmt: skip
    return rows


def answered(count: int, seed: int, **effects: float) -> Found:
    """The comparisons of one large table in which recipes have these means, in points; all others have 0."""
    truth = np.array([effects.get(recipe, 0.0) for recipe in RECIPES])[:, None].repeat(count, axis=1)
    return ask(table(np.random.default_rng(seed), RECIPES, count, truth, True), MultitaskSettings()).found


def by_target(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["language"] == "all") & (rows["target"] != "all")]


def bound(count: int) -> float:
    """What so few tables add to bounds that are those of 2,000."""
    return 0.0 if count >= 2000 else 2 * (0.05 * 0.95 / count) ** 0.5


def coverage(rows: pd.DataFrame, truth: float, name: str = "delta") -> float:
    """How often intervals hold the truth; the estimates lie around it."""
    assert rows[name].mean() == pytest.approx(truth, abs=5 * rows[name].std() / len(rows) ** 0.5)
    return float(((rows["low"] <= truth) & (truth <= rows["high"])).mean())


@pytest.mark.parametrize("count", COUNTS)
def test_tasks_that_add_nothing_and_arms_that_are_equal(count: int) -> None:
    found = answered(count, 1)
    for rows, each in ((found.added, len(TASKS)), (found.arms, 1)):
        own = by_target(rows)
        assert len(own) == each * count
        assert (own["p"] <= 0.05).mean() <= 0.06 + bound(count)
        assert 0.93 - bound(count) <= coverage(own, 0.0) <= 0.97 + bound(count)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sign", [1, -1])
def test_what_a_task_adds_is_found_with_its_sign(count: int, sign: int) -> None:
    found = answered(count, 2, **{LEFT_OUT[0]: -sign * EFFECT})  # all tasks but a: so much less
    own = by_target(found.added)
    planted, rest = own[own["task"] == "a"], own[own["task"] != "a"]
    assert (planted["reference"] == LEFT_OUT[0]).all()
    assert ((planted["p"] <= 0.05) & (np.sign(planted["delta"]) == sign)).mean() >= 0.8 - bound(count)
    assert 0.93 - bound(count) <= coverage(planted, sign * EFFECT) <= 0.97 + bound(count)
    assert (rest["p"] <= 0.05).mean() <= 0.06 + bound(count)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_better_arm_is_found_with_its_sign(count: int, sign: int) -> None:
    own = by_target(answered(count, 3, **{"all--examples": sign * EFFECT}).arms)
    assert set(zip(own["recipe"], own["reference"], strict=True)) == {("all--examples", "all")}
    assert ((own["p"] <= 0.05) & (np.sign(own["delta"]) == sign)).mean() >= 0.8 - bound(count)
    assert 0.93 - bound(count) <= coverage(own, sign * EFFECT) <= 0.97 + bound(count)


def affinities(tables: int, seed: int, matrix: np.ndarray) -> pd.DataFrame:
    """The affinity rows of so many tables, with the truth that double-centring leaves of `matrix` (tasks, targets)."""
    random = np.random.default_rng(seed)
    recipes = ("none", *TASKS, "all")
    means = np.vstack([np.zeros(matrix.shape[1]), matrix, matrix.mean(axis=0)])
    centred = matrix - matrix.mean(axis=0) - matrix.mean(axis=1, keepdims=True) + matrix.mean()
    out = []
    for number in range(tables):
        found = ask(table(random, recipes, matrix.shape[1], means, False), MultitaskSettings()).found.affinity
        at = [centred[TASKS.index(r), int(t[1:])] for r, t in zip(found["recipe"], found["target"], strict=True)]
        out.append(found.assign(truth=at, table=number))
    return pd.concat(out, ignore_index=True)


@pytest.mark.parametrize("tables", TABLES)
def test_tasks_that_help_everywhere_alike_have_no_affinity(tables: int) -> None:
    """A task that is better on all targets, and a target that every task helps, are no affinity."""
    rows = affinities(tables, 4, np.array([[5.0], [1.0], [0.0]]) + np.array([0.0, 3.0, -2.0, 1.0]))
    assert len(rows) == 12 * tables
    assert rows["truth"].abs().max() < 1e-9
    slack = bound(4 * tables)  # cells of one table are not independent
    assert (rows["p"] <= 0.05).mean() <= 0.06 + slack
    assert 0.93 - slack <= coverage(rows, 0.0, "centred") <= 0.98 + slack
    some = rows.groupby("table")["p_adjusted"].min() <= 0.05
    assert some.mean() <= 0.06 + bound(tables)


@pytest.mark.parametrize("tables", TABLES)
def test_an_affinity_is_found_where_it_is_with_its_sign(tables: int) -> None:
    matrix = np.zeros((3, 4))
    matrix[0, 0] = 4.0  # double-centred: 2 points there, -1 for the others on that target, -2/3 for it elsewhere
    rows = affinities(tables, 5, matrix)
    planted = rows[(rows["recipe"] == "a") & (rows["target"] == "t0")]
    assert planted["truth"].iloc[0] == pytest.approx(2.0)
    assert ((planted["p_adjusted"] <= 0.05) & (planted["centred"] > 0)).mean() >= 0.8 - bound(tables)
    slack = bound(4 * tables)
    share = ((rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"])).mean()
    assert 0.93 - slack <= share <= 0.98 + slack
