"""From score rows to one number a language: what a recipe gains, or what transfer costs, with the targets' means out.

A language's effect is what an additive model (target + language, least squares) leaves to it, so a language that only
takes part in easy targets does not look good by that. Effects are centred on the mean over cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis.score_table import SEEDS
from stilts.errors import InputError

GAIN, GAP = "gain", "gap"
ENGLISH = "en"


@dataclass(frozen=True)
class Outcome:
    """What is to be explained, for one recipe.

    Attributes:
        kind: "gain", the recipe less the baseline; "gap", English less the language (to a constant of the target).
        recipe: its name.
        cells: columns target, language, value (points) and, of a gain where the baseline has two seeds or more,
            `apart` (the gain over one half of its seeds) and `baseline` (the baseline's score with the other half).
        seeds: of the recipe and of the baseline (0: not compared).
    """

    kind: str
    recipe: str
    cells: pd.DataFrame
    seeds: tuple[int, int]


def baseline_of(scores: pd.DataFrame, name: str | None) -> str | None:
    """The baseline's name: the given one, else the only recipe without an intermediate seed, where others have one.

    Returns None where there is nothing to compare. Raises InputError for an unknown name.
    """
    recipes = list(dict.fromkeys(scores["recipe"]))
    if name is not None:
        if name not in recipes:
            raise InputError(f"no recipe {name!r} in the table", f"one of {', '.join(recipes)}", "change baseline")
        return name
    bare = [recipe for recipe, rows in scores.groupby("recipe", sort=False) if (rows["intermediate_seed"] == "").all()]
    return str(bare[0]) if len(bare) == 1 and len(recipes) > 1 else None


def outcomes(scores: pd.DataFrame, baseline: str | None) -> list[Outcome]:
    """The gap of every recipe, and the gain of all but the baseline; English itself is left out.

    A target's score is the mean over its metrics, as in the benchmarks (span: exact match and F1). Means over seeds are
    taken within intermediate seeds first.
    """
    seeded = scores.groupby(["recipe", "target", "language", *SEEDS], sort=False)["value"].mean().reset_index()
    recipes = list(dict.fromkeys(seeded["recipe"]))
    of = {recipe: seeded[seeded["recipe"] == recipe] for recipe in recipes}
    out = [_gap(recipe, rows) for recipe, rows in of.items()]
    if baseline is not None:
        out = [_gain(recipe, of[recipe], of[baseline]) for recipe in recipes if recipe != baseline] + out
    return [outcome for outcome in out if len(outcome.cells)]


def effects_of_cells(targets: Sequence[str], languages: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The languages in order of their first cell, and the matrix (languages, cells) that turns cells into effects."""
    names = list(dict.fromkeys(languages))
    tasks = list(dict.fromkeys(targets))
    of_language = np.array([[name == language for name in names] for language in languages], dtype=np.float64)
    of_task = np.array([[task == target for task in tasks] for target in targets], dtype=np.float64)
    solved = np.linalg.pinv(np.hstack([of_language, of_task]))
    effects, offsets = solved[: len(names)], solved[len(names) :]
    return names, effects + np.mean(of_task @ offsets, axis=0)


def language_effects(cells: pd.DataFrame, column: str = "value") -> pd.Series:
    """The effect of each language on a column of cells, in its unit."""
    names, matrix = effects_of_cells(cells["target"].tolist(), cells["language"].tolist())
    return pd.Series(matrix @ cells[column].to_numpy(dtype=np.float64), index=names)


def _gap(recipe: str, rows: pd.DataFrame) -> Outcome:
    means = _means(rows)
    english = means.xs(ENGLISH, level="language") if ENGLISH in means.index.get_level_values("language") else None
    others = means[means.index.get_level_values("language") != ENGLISH].rename("value").reset_index()
    if others.empty:
        return Outcome(GAP, recipe, others, (_units(rows), 0))
    reference = others.groupby("target")["value"].transform("mean")
    if english is not None:  # a target without English is measured from its own mean: the constant falls out
        reference = others["target"].map(english).fillna(reference)
    return Outcome(GAP, recipe, others.assign(value=reference - others["value"]), (_units(rows), 0))


def _gain(recipe: str, rows: pd.DataFrame, baseline: pd.DataFrame) -> Outcome:
    means = _means(rows)
    cells = pd.DataFrame({"value": means - _means(baseline)})
    outer = SEEDS[0] if baseline[SEEDS[0]].nunique() > 1 else SEEDS[1]
    units = sorted(set(baseline[outer]) - {""}, key=lambda seed: (len(seed), seed))
    if len(units) > 1:
        # what has no seed (retrieval by the encoder as it is) is the same in both halves
        first, both = baseline[outer].isin(units[::2]), baseline[outer] == ""
        cells["apart"], cells["baseline"] = means - _means(baseline[first | both]), _means(baseline[~first])
    cells = cells.dropna(subset="value").reset_index()
    return Outcome(GAIN, recipe, cells[cells["language"] != ENGLISH], (_units(rows), _units(baseline)))


def _means(rows: pd.DataFrame) -> pd.Series:
    """Means over seeds, index target and language."""
    within = rows.groupby(["target", "language", SEEDS[0]], sort=False)["value"].mean()
    return within.groupby(level=["target", "language"], sort=False).mean()


def _units(rows: pd.DataFrame) -> int:
    return len(rows[list(SEEDS)].drop_duplicates())
