"""Question 4 on simulated score tables: how often it is wrong, how often its intervals hold the truth, what it finds.

A table has three targets in XTREME's languages, each with parallel items in ten classes of difficulty, a baseline of
four target seeds, and a recipe of two intermediate seeds with two target seeds each. Languages and families differ in
level and in what the recipe gains; seeds shift all languages, and each a little. Levels fall with the distance, so that
a gain which went with its baseline would seem to go with the distance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stilts.analysis.controls import SIZE, controls
from stilts.analysis.language_effects import GAIN, Outcome, effects_of_cells
from stilts.analysis.related import slopes
from stilts.analysis.typology import compare
from stilts.analysis.typology_rows import ANCOVA, MARGINAL, PARTIAL
from stilts.analysis.uriel import KNN, Distances, distances, uriel_features
from stilts.tasks import get_task, languages_of

TABLES, PERMUTATIONS = 2000, 499
TEN = tuple(code for code in languages_of(get_task("xquad"), "xtreme") if code != "en")
LEVELS = {"xnli": 0.6, "udpos": 0.7, "panx": 0.55}
CELLS = [(task, code) for task in LEVELS for code in languages_of(get_task(task), "xtreme") if code != "en"]
CLASSES, ITEMS, DIFFICULTY = 10, 30, 0.08
LANGUAGE, FAMILY, SLOPE_OF_LEVEL = 0.04, 0.04, -0.06
GAINED, GAIN_LANGUAGE, GAIN_FAMILY = 0.03, 0.02, 0.015
SEED, SEED_LANGUAGE = 0.01, 0.005
EFFECT = 1.5
"""Points a standard deviation of distance that are found four times in five and more."""


class World:
    """Languages with real distances, families and sizes; tables drawn over them."""

    def __init__(self, cells: list[tuple[str, str]]) -> None:
        self.targets, self.of = [t for t, _ in cells], [language for _, language in cells]
        self.languages, self.effects = effects_of_cells(self.targets, self.of)
        features = uriel_features(["en", *self.languages], KNN)
        self.away = distances(features)
        self.families = features.families
        self.groups = [features.families[language] for language in self.languages]
        self.syntax = standard(self.away.values.loc[self.languages, "syntax"])
        self.size = standard(controls(self.languages)[SIZE])
        self.row = np.array([self.languages.index(language) for language in self.of])

    def tables(
        self, pull: np.ndarray, seed: int = 1, count: int = TABLES, falls: float = SLOPE_OF_LEVEL
    ) -> dict[str, np.ndarray]:
        """Gains, gains over half of the baseline's seeds, and the baseline of the other half: (cells, tables), points.

        Args:
            pull: points that each language gains beside what chance gives it.
            falls: what a standard deviation of distance adds to the level of a language, as a share of right answers.
        """
        random = np.random.default_rng(seed)
        names = sorted(set(self.groups))
        family = np.array([names.index(group) for group in self.groups])

        def drawn(own: float, shared: float) -> np.ndarray:
            return (
                random.normal(0, own, (count, len(family))) + random.normal(0, shared, (count, len(names)))[:, family]
            )

        tasks = np.array([LEVELS[t] for t in self.targets])
        level = tasks + (falls * self.syntax + drawn(LANGUAGE, FAMILY))[:, self.row]
        gain = GAINED + (pull / 100 + drawn(GAIN_LANGUAGE, GAIN_FAMILY))[:, self.row]
        hard = random.normal(0, DIFFICULTY, (count, len(LEVELS), CLASSES))
        hard = hard[:, [list(LEVELS).index(t) for t in self.targets]]
        runs = []
        for recipe in (0, 1):
            for _ in range(1 + recipe):
                between = random.normal(0, SEED, (count, 1)) if recipe else np.zeros((count, 1))
                for _ in range(4 // (1 + recipe)):
                    shift = between + random.normal(0, SEED, (count, 1))
                    own = random.normal(0, SEED_LANGUAGE, (count, len(self.languages)))[:, self.row]
                    p = (level + recipe * gain + shift + own)[..., None] + hard
                    right = random.binomial(ITEMS, np.clip(p, 0, 1)).sum(axis=2)
                    runs.append(100 * right.T / (CLASSES * ITEMS))
        runs = np.array(runs)
        recipe, halves = runs[4:].mean(axis=0), (runs[:4:2].mean(axis=0), runs[1:4:2].mean(axis=0))
        return {"value": recipe - runs[:4].mean(axis=0), "apart": recipe - halves[0], "baseline": halves[1]}

    def fit(self, values: np.ndarray, x: np.ndarray, *held: np.ndarray):
        """The slopes on x with covariates held equal, one a table."""
        design = np.column_stack([np.ones(len(x)), *held, x])
        return slopes(design, self.effects @ values, self.groups, PERMUTATIONS)


def standard(values) -> np.ndarray:
    return ((values - values.mean()) / values.std(ddof=1)).to_numpy()


def rejected(found) -> float:
    return float(np.mean(found.p <= 0.05))


@pytest.fixture(scope="module")
def world():
    return World(CELLS)


@pytest.fixture(scope="module")
def null(world):
    return world.tables(np.zeros(len(world.languages)))


def ancova(world, drawn, tables):
    """The slopes at equal baseline; the covariate differs from table to table, so one after the other."""
    before = world.effects @ drawn["baseline"]
    return [world.fit(drawn["apart"][:, [t]], world.syntax, before[:, t]) for t in range(tables)]


@pytest.mark.slow
def test_false_positives(world, null):
    assert rejected(world.fit(null["value"], world.syntax)) <= 0.06
    assert rejected(world.fit(null["value"], world.syntax, world.size)) <= 0.06
    assert np.mean([found.p[0] <= 0.05 for found in ancova(world, null, TABLES)]) <= 0.06


@pytest.mark.slow
def test_false_positives_of_gaps(world):
    """Levels that the distance has nothing to do with; families differ as much as languages."""
    levels = world.tables(np.zeros(len(world.languages)), seed=7, falls=0.0)["baseline"]
    found = world.fit(-levels, world.syntax)
    assert rejected(found) <= 0.06
    assert 0.93 <= np.mean((found.low <= 0) & (found.high >= 0)) <= 0.97


@pytest.mark.slow
def test_independent_languages_would_give_false_positives(world, null):
    """What families cost, and so that the test above can fail."""
    design = np.column_stack([np.ones(len(world.syntax)), world.syntax])
    alone = slopes(design, world.effects @ null["value"], world.languages, PERMUTATIONS)
    assert rejected(alone) > 0.08


@pytest.mark.slow
def test_ten_languages():
    """So few that only a correlation and its p value are given."""
    world = World([("xnli", language) for language in TEN])
    assert rejected(world.fit(world.tables(np.zeros(10))["value"], world.syntax)) <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize("effect", [EFFECT, -EFFECT])
def test_effects_are_found_with_their_sign_and_size(world, effect):
    found = world.fit(world.tables(effect * world.syntax, seed=2)["value"], world.syntax)
    assert rejected(found) >= 0.8
    assert np.mean(np.sign(found.estimate) == np.sign(effect)) > 0.99
    assert found.estimate.mean() == pytest.approx(effect, abs=0.06)
    assert 0.93 <= np.mean((found.low <= effect) & (effect <= found.high)) <= 0.97


@pytest.mark.slow
def test_intervals_with_a_control(world):
    pull = EFFECT * world.syntax + 1.5 * world.size
    found = world.fit(world.tables(pull, seed=3)["value"], world.syntax, world.size)
    assert 0.93 <= np.mean((found.low <= EFFECT) & (found.high >= EFFECT)) <= 0.97
    assert rejected(found) >= 0.8


@pytest.mark.slow
def test_a_planted_confound_goes_with_the_distance_and_not_apart_from_size(world):
    """Languages with much pretraining text gain more, and are near: the distance has nothing to do with it."""
    noise = np.random.default_rng(4).normal(size=len(world.size))
    near = -0.85 * world.size + np.sqrt(1 - 0.85**2) * noise
    values = world.tables(3.0 * world.size, seed=5)["value"]
    assert rejected(world.fit(values, near)) >= 0.8
    assert rejected(world.fit(values, near, world.size)) <= 0.06


@pytest.mark.slow
def test_a_gain_goes_with_the_noise_of_its_own_baseline_and_not_with_that_of_other_seeds(world, null):
    gains = {"own": 2 * null["value"] - null["apart"], "other": null["apart"]}  # less the one half, less the other
    before = world.effects @ null["baseline"]
    mean = {}
    for name, values in gains.items():
        effects = world.effects @ values
        mean[name] = np.mean([np.corrcoef(before[:, t], effects[:, t])[0, 1] for t in range(TABLES)])
    assert mean["own"] < -0.05
    assert abs(mean["other"]) < 0.02


def test_what_is_simulated_is_what_is_shipped(world):
    drawn = world.tables(EFFECT * world.syntax, seed=6, count=1)
    cells = pd.DataFrame({"target": world.targets, "language": world.of})
    outcome = Outcome(GAIN, "a", cells.assign(**{name: values[:, 0] for name, values in drawn.items()}), (4, 4))
    away = Distances(world.away.values[["syntax"]], world.away.missing, world.away.totals)
    known = controls(world.languages)
    row = compare(outcome, away, world.families, known, [SIZE], PERMUTATIONS)[0]
    for name, found in (
        (MARGINAL, world.fit(drawn["value"], world.syntax)),
        (PARTIAL, world.fit(drawn["value"], world.syntax, world.size)),
        (ANCOVA, ancova(world, drawn, 1)[0]),
    ):
        fit = row.fit(name)
        assert (fit.slope, fit.low, fit.high, fit.p) == pytest.approx(
            (found.estimate[0], found.low[0], found.high[0], found.p[0])
        )
    assert row.mixed.converged
    assert row.mixed.slope == pytest.approx(row.fit(MARGINAL).slope, abs=1.0)
