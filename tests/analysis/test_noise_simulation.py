"""Question 3 on simulated score tables: how often it is wrong, how often its intervals hold the truth, what it finds.

A table has two targets in six languages of three families, with parallel items in ten classes of difficulty. A baseline
of five target seeds, an English and a multilingual recipe of three intermediate seeds with two target seeds each are
scored clean and under two kinds of noise at two levels with three noise seeds. The level costs each language and family
another share; seeds shift a run, what the level costs it, and each language a little; a noise seed shifts all runs
alike. The multilingual recipe loses less to the first kind by the effect, to which languages add their own around 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.families import ALL, adjusted
from stilts.analysis.noise_contrasts import BASELINE, PAIR, cells_of, contrasts
from stilts.analysis.noise_runs import SLOPE, noisy_runs

RECIPES = ("none", "english", "many")
RUNS = [(0, "", s) for s in range(5)] + [(r, i, s) for r in (1, 2) for i in range(3) for s in range(2)]
TARGETS, KINDS, LEVELS, NOISE_SEEDS = ("xnli", "panx"), ("swap", "ocr"), (0.1, 0.3), 3
LANGUAGES, FAMILY = tuple("uvwxyz"), np.array([0, 0, 1, 1, 2, 2])
CLASSES, ITEMS, DIFFICULTY = 10, 40, 0.06
LEVEL, LANGUAGE, GAIN, GAIN_LANGUAGE = 0.68, 0.03, 0.03, 0.01  # shares of right answers
COST, COST_LANGUAGE, COST_FAMILY, OWN_LANGUAGE = -0.5, 0.1, 0.1, 0.05  # for 1.0 of level
SEED, SEED_LANGUAGE, SEED_COST, SEED_COST_LANGUAGE, NOISE_SEED = 0.01, 0.005, 0.02, 0.02, 0.005
CHUNK = 100
EFFECT = 1.0
"""Points for each 0.1 of level that are found, after Holm, four times in five and more."""
ARM = np.array([recipe for recipe, _, _ in RUNS])
UNITS = [f"{recipe}-{i}" if recipe else "" for recipe, i, _ in RUNS]


def drawn(random: np.random.Generator, effect: float) -> np.ndarray:
    """Scores of one table in points: (target, language, run, kind, [clean, then level and noise seed])."""

    def of_seeds(size: float, own: float) -> np.ndarray:
        """What seeds do: (language, run), target seeds nested in intermediate seeds."""
        outer = {unit: random.normal(0, size) for unit in dict.fromkeys(UNITS)} | {"": 0.0}
        shift = np.array([outer[unit] for unit in UNITS]) + random.normal(0, size, len(RUNS))
        return shift + random.normal(0, own, (len(LANGUAGES), len(RUNS)))

    shape = (len(TARGETS), len(LANGUAGES))
    own = random.normal(0, GAIN_LANGUAGE, (3, *shape))[ARM].transpose(1, 2, 0)
    clean = LEVEL + random.normal(0, LANGUAGE, shape)[..., None] + GAIN * (ARM > 0) + own
    clean = clean + np.stack([of_seeds(SEED, SEED_LANGUAGE) for _ in TARGETS])
    cost = COST + random.normal(0, COST_LANGUAGE, (*shape, 2)) + random.normal(0, COST_FAMILY, (2, 3, 2))[:, FAMILY]
    apart = random.normal(0, OWN_LANGUAGE, (3, *shape, 2))
    apart -= apart.mean(axis=2, keepdims=True)  # languages are fixed: the truth is the mean over these
    slope = cost[:, :, None] + apart[ARM].transpose(1, 2, 0, 3)
    slope = slope + np.stack([[of_seeds(SEED_COST, SEED_COST_LANGUAGE) for _ in KINDS] for _ in TARGETS]).transpose(
        0, 2, 3, 1
    )
    slope[:, :, ARM == 2, 0] += effect / 10
    levels = np.repeat(LEVELS, NOISE_SEEDS)
    shared = random.normal(0, NOISE_SEED, (*shape, 1, 2, len(levels)))
    noisy = clean[..., None, None] + slope[..., None] * levels + shared
    share = np.concatenate([np.broadcast_to(clean[..., None, None], (*noisy.shape[:-1], 1)), noisy], axis=-1)
    hard = random.normal(0, DIFFICULTY, (len(TARGETS), 1, 1, 1, 1, CLASSES))
    right = random.binomial(ITEMS, np.clip(share[..., None] + hard, 0, 1)).sum(axis=-1)
    right[..., 1, 0] = right[..., 0, 0]  # there is one clean score
    return 100 * right / (CLASSES * ITEMS)


def rows_of(tables: np.ndarray, first: int) -> pd.DataFrame:
    """Score rows of many tables at once, told apart by the names of targets and kinds."""
    conditions = [("clean", "")] + [(f"@{level}", str(seed)) for level in LEVELS for seed in range(NOISE_SEEDS)]
    places = itertools.product(range(first, first + len(tables)), TARGETS, LANGUAGES, RUNS, KINDS, conditions)
    rows = [
        (
            RECIPES[r],
            f"{t}/{target}",
            language,
            "clean" if name == "clean" else f"{t}/{kind}{name}",
            seed,
            str(i),
            str(s),
        )
        for t, target, language, (r, i, s), kind, (name, seed) in places
    ]
    columns = ["recipe", "target", "language", "condition", "noise_seed", "intermediate_seed", "target_seed"]
    table = pd.DataFrame(rows, columns=columns).assign(value=tables.ravel(), metric="accuracy", n=CLASSES * ITEMS)
    return table[~table.duplicated(columns)]  # the clean scores stand in both kinds


def analysed(count: int, effect: float, seed: int) -> pd.DataFrame:
    """The contrasts over targets and languages: a row a table, kind and comparison, p corrected within its table."""
    parts = list(_chunks(count, effect, seed))
    found = pd.concat(parts, ignore_index=True)
    found[["table", "kind"]] = found["kind"].str.split("/", expand=True).to_numpy()
    holm = found.groupby(["table", "comparison"], sort=False)["p"].transform(lambda p: adjusted(p.to_numpy(), "holm"))
    return found.assign(p_adjusted=holm)


def _chunks(count: int, effect: float, seed: int) -> Iterator[pd.DataFrame]:
    random = np.random.default_rng(seed)
    for first in range(0, count, CHUNK):
        tables = np.stack([drawn(random, effect) for _ in range(CHUNK)])
        runs = noisy_runs(rows_of(tables, first), lambda target, metric, n: 100 / 3, 5.0)
        cells = cells_of(runs.values[runs.values["measure"] == SLOPE])
        whole = cells[(cells["target"] == ALL) & (cells["language"] == ALL)]
        comparisons = [(PAIR, "many", "english"), (BASELINE, "english", "none"), (BASELINE, "many", "none")]
        yield contrasts(whole, comparisons)


def checked(count: int, effect: float, seed: int, slack: float) -> None:
    """One simulation, with `slack` for the Monte-Carlo error of few tables."""
    found = analysed(count, effect, seed)
    assert found["table"].nunique() == count
    truth = np.where((found["recipe"] == "many") & (found["kind"] == "swap"), effect, 0.0)
    held = ((found["low"] <= truth) & (truth <= found["high"])).groupby([found["comparison"], found["recipe"]]).mean()
    wrong = found[truth == 0]
    false = (wrong["p"] <= 0.05).groupby([wrong["comparison"], wrong["recipe"]]).mean()
    family = (wrong["p_adjusted"] <= 0.05).groupby([wrong["comparison"], wrong["table"]]).any().groupby(level=0).mean()
    print(count, effect, held.round(4).to_dict(), false.round(4).to_dict(), family.round(4).to_dict())
    assert held.between(0.93 - slack, 0.97 + slack).all()
    assert (false <= 0.06 + slack).all()
    assert (family <= 0.06 + slack).all()
    if effect:
        planted = found[truth != 0]
        power = (planted["p_adjusted"] <= 0.05).groupby(planted["comparison"]).mean()
        print(power.to_dict(), planted["estimate"].mean())
        assert (power >= 0.8).all()
        assert (np.sign(planted["estimate"]) == np.sign(effect)).mean() > 0.99
        assert planted["estimate"].mean() == pytest.approx(effect, abs=0.03 + slack)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, EFFECT])
def test_three_hundred_tables(effect):
    checked(300, effect, 1, 0.02)


@pytest.mark.long
@pytest.mark.parametrize("effect", [0.0, EFFECT, -EFFECT])
def test_two_thousand_tables(effect):
    checked(2000, effect, 2, 0.0)
