"""Question 1 on simulated score tables: how often it is wrong, how often its intervals hold the truth, what it finds.

A table is one target in four languages of two families, with 1,000 parallel items a language in five classes of
difficulty, a baseline of four target seeds and ten recipes (nine tasks alone, all nine together) of four intermediate
seeds with two target seeds each. Intermediate seeds shift all languages, and each family for itself; target seeds all,
and each a little. Tables are the targets of one large table, as targets are looked at one by one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.multitask import Found
from stilts.analysis.multitask_answer import MultitaskSettings, ask

SINGLES = tuple(f"s{k}" for k in range(9))
RECIPES = ("none", *SINGLES, "all")
RUN = [("none", "", str(t)) for t in range(4)]
RUN += [(recipe, str(i), str(t)) for recipe in RECIPES[1:] for i in range(4) for t in range(2)]
ARM = np.array([RECIPES.index(recipe) for recipe, _, _ in RUN])
PHASE = np.unique([f"{recipe}/{i}" if i else f"{recipe}/{t}" for recipe, i, t in RUN], return_inverse=True)[1]
LANGUAGES, FAMILY = ("u", "v", "w", "x"), np.array([0, 0, 1, 1])
CLASSES, ITEMS, DIFFICULTY, LANGUAGE, OF_FAMILY = 5, 200, 0.08, 0.05, 0.05
OUTER, OUTER_FAMILY, INNER, INNER_LANGUAGE = 0.006, 0.003, 0.006, 0.003  # sd of shares of right answers: 0.6 points
APART = 0.01
"""Standard deviation of the nine single tasks' means, where they are not equal."""
EFFECT = 2.3
"""Points over equally good single tasks that are found four times in five, with four seeds of sd 0.9."""


def tables(count: int, several: float = 0.0, apart: float = 0.0, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Score rows of so many targets, and the truth: (tables, recipes) means in points.

    Args:
        several: points of all together over the best single task.
    """
    random = np.random.default_rng(seed)
    recipe = np.zeros((count, len(RECIPES)))
    recipe[:, 1:-1] = random.normal(0, apart, (count, len(SINGLES)))
    recipe[:, -1] = recipe[:, 1:-1].max(axis=1) + several / 100
    level = 0.6 + random.normal(0, LANGUAGE, (count, 1, 4)) + random.normal(0, OF_FAMILY, (count, 1, 2))[..., FAMILY]
    runs = recipe[:, ARM, None] + level + random.normal(0, INNER, (count, len(RUN), 1))
    runs = runs + random.normal(0, INNER_LANGUAGE, (count, len(RUN), 4))
    shift = random.normal(0, OUTER, (count, PHASE.max() + 1, 1))
    shift = shift + random.normal(0, OUTER_FAMILY, (count, PHASE.max() + 1, 2))[..., FAMILY]
    shift[:, np.unique(PHASE[ARM == 0])] = 0.0  # the baseline has no intermediate phase
    runs = (runs + shift[:, PHASE])[..., None] + random.normal(0, DIFFICULTY, (count, 1, 1, CLASSES))
    right = 100 * random.binomial(ITEMS, np.clip(runs, 0, 1)).sum(axis=-1) / (CLASSES * ITEMS)
    rows = pd.DataFrame({
        "recipe": np.tile(np.repeat([name for name, _, _ in RUN], 4), count),
        "target": np.repeat([f"t{k}" for k in range(count)], 4 * len(RUN)),
        "language": np.tile(LANGUAGES, count * len(RUN)),
        "metric": "accuracy",
        "value": right.ravel(),
        "intermediate_seed": np.tile(np.repeat([i for _, i, _ in RUN], 4), count),
        "target_seed": np.tile(np.repeat([t for _, _, t in RUN], 4), count),
        "arm": "",
    })  # fmt: skip
    return rows, 100 * recipe


def answered(count: int, **world: float) -> tuple[pd.DataFrame, Found, np.ndarray]:
    """The comparisons with the best single task, a row a table, with their truth; all comparisons; recipes' truth."""
    rows, truth = tables(count, **world)
    found = ask(rows, MultitaskSettings()).found
    best = found.best[found.best["target"] != "all"].reset_index(drop=True)
    chosen = [np.mean([truth[k, RECIPES.index(name)] for name in names.split(" / ")])
              for k, names in enumerate(best["reference"])]  # fmt: skip
    return best.assign(truth=truth[:, -1] - chosen), found, truth


def by_target(found: Found) -> pd.DataFrame:
    return found.deltas[(found.deltas["language"] == "all") & (found.deltas["target"] != "all")]


COUNTS = [pytest.param(120, marks=pytest.mark.slow), pytest.param(2000, marks=pytest.mark.long)]


def slack(count: int) -> float:
    """What so few tables add to the bounds, which are those of 2,000."""
    return 0.0 if count >= 2000 else 2 * (0.05 * 0.95 / count) ** 0.5


def assert_holds(rows: pd.DataFrame, truth: np.ndarray, count: int) -> None:
    share = float(((rows["low"] <= truth) & (truth <= rows["high"])).mean())
    print("intervals hold the truth:", share)
    assert 0.93 - slack(count) <= share <= 0.97 + slack(count)


def assert_seldom(rejected: pd.Series, count: int, share: float = 0.06) -> None:
    print("rejected:", rejected.mean())
    assert rejected.mean() <= share + slack(count)


@pytest.mark.parametrize("count", COUNTS)
def test_ten_equal_recipes(count: int) -> None:
    best, found, _ = answered(count)
    assert len(best) == count
    assert_seldom(best["p"] <= 0.05, count)
    assert_seldom((best["p"] <= 0.05) & (best["delta"] > 0), count, 0.035)
    assert_holds(best, np.zeros(count), count)
    assert abs(best["delta"].mean()) < 4 * best["delta"].std() / count**0.5
    assert best["same_seeds"].mean() < -0.5
    own = by_target(found)
    assert len(own) == 10 * count
    assert_seldom(own["p"] <= 0.05, count)
    assert_holds(own, np.zeros(len(own)), count)
    lost = found.negative["target"]["single"]
    assert lost["expected"] == pytest.approx(0.025 * 9 * count)
    assert 0.5 * lost["expected"] <= lost["negative"] <= 1.5 * lost["expected"]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("sign", [1, -1])
def test_effects_are_found_with_their_sign_and_size(count: int, sign: int) -> None:
    best, *_ = answered(count, several=sign * EFFECT, seed=2)
    power = ((best["p"] <= 0.05) & (np.sign(best["delta"]) == sign)).mean()
    print("power:", power)
    assert power >= 0.8
    assert best["delta"].mean() == pytest.approx(sign * EFFECT, abs=4 * best["delta"].std() / count**0.5)
    assert (np.sign(best["delta"]) == sign).mean() > 0.97
    assert_holds(best, best["truth"].to_numpy(), count)


@pytest.mark.parametrize("count", COUNTS)
def test_intervals_where_single_tasks_differ(count: int) -> None:
    best, found, truth = answered(count, apart=APART, seed=3)
    assert_holds(best, best["truth"].to_numpy(), count)
    own = by_target(found)
    of = [truth[int(t[1:]), RECIPES.index(r)] for r, t in zip(own["recipe"], own["target"], strict=True)]
    assert_holds(own, np.array(of), count)
