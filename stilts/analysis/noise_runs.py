"""From score rows to numbers a run: how its score goes down with the level of a kind of noise, language by language.

A score is the mean over a target's metrics, as in the benchmarks, and over noise seeds. Recipes are to be compared
within a language: the same level is another share of changed subwords in each script.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stilts.analysis.noise import parsed
from stilts.analysis.score_table import SEEDS
from stilts.config import CLEAN

SLOPE, DROP, KEPT, AREA = "slope", "drop", "kept", "area"
MEASURES = (SLOPE, DROP, KEPT, AREA)
FEWEST_NOISE_SEEDS = 3
_CELL = ["target", "language", "kind"]
_RUN = ["recipe", "target", "language", *SEEDS]


@dataclass(frozen=True)
class NoisyRuns:
    """What noise does to each run.

    Attributes:
        values: a row a run, language, kind and measure: recipe, target, language, intermediate_seed, target_seed
            (missing where there is none), kind (with `@WHERE` where that is given), measure and value.
            slope: of the score on the level (least squares, the clean score at level 0), in points for each 0.1 of it;
            drop: clean less noisy, the mean over the levels, in points;
            kept: what is left of the score above chance, the mean over the levels, in % of the clean one's;
            area: the mean score from level 0 to the highest by trapezoids, in points (two levels or more).
        notes: what was left out, and where there are few noise seeds.
    """

    values: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def noisy_runs(scores: pd.DataFrame, guessed: Callable[[str, str, int], float], margin: float) -> NoisyRuns:
    """The measures of all runs that have a clean score and all levels of a kind.

    Args:
        scores: clean and noisy rows (`stilts.analysis.score_table.read_scores` with `noisy`).
        guessed: target, metric and examples -> the points that guessing gives.
        margin: points above chance below which no share is taken: where a clean score has less, `kept` is left out for
            all runs in that target and language.
    """
    notes: list[str] = []
    seeded, bare = _with_clean(scores)
    notes += _named("runs without a clean score are left out", bare)
    points = _points(seeded, guessed)
    notes += _few_noise_seeds(points)
    notes += _named("noise seeds that not all runs have", points[points["noise_seeds"] < points["known_seeds"]])
    changed = (points["noisy"] != points["clean"]).groupby([points[key] for key in _CELL]).transform("any")
    notes += _named("no score changes, so left out", points[~changed])
    points = points[changed]
    own = points.groupby([*_RUN, "kind"], sort=False)["level"].transform("nunique")
    whole = own == points.groupby(_CELL, sort=False)["level"].transform("nunique")
    notes += _named("runs without all levels are left out", points[~whole])
    found = _measures(points[whole])
    near = found.assign(near=found["clean"] - found["chance"] < margin).groupby(_CELL[:2], sort=False)["near"]
    near_chance = near.transform("any")
    notes += _named(f"less than {margin:g} points above chance, so no share kept", found[near_chance])
    found.loc[near_chance, KEPT] = np.nan
    long = found.melt([*_RUN, "kind"], list(MEASURES), "measure").dropna(subset="value")
    seeded = {seed: long[seed].where(long[seed] != "", np.nan) for seed in SEEDS}
    return NoisyRuns(long.assign(**seeded).reset_index(drop=True), notes)


def _with_clean(scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row a run, language, metric, kind and level, and apart those that have no clean score.

    Columns: clean, noisy, noise_seeds, known_seeds (of any run) and n (examples).
    """
    metric = [*_RUN, "metric"]
    noisy = scores[scores["condition"] != CLEAN]
    names = {name: parsed(name) for name in noisy["condition"].unique()}
    kinds = {name: one.kind + (f"@{one.where}" if one.where else "") for name, one in names.items()}
    levels = {name: one.level for name, one in names.items()}
    noisy = noisy.assign(kind=noisy["condition"].map(kinds), level=noisy["condition"].map(levels).astype(float))
    noisy["known_seeds"] = noisy.groupby([*_CELL, "level"], sort=False)["noise_seed"].transform("nunique")
    seeded = noisy.groupby([*metric, "kind", "level"], sort=False).agg(
        noisy=("value", "mean"), noise_seeds=("value", "size"), known_seeds=("known_seeds", "first"), n=("n", "first")
    )
    clean = scores.loc[scores["condition"] == CLEAN, [*metric, "value"]].rename(columns={"value": "clean"})
    both = seeded.reset_index().merge(clean, on=metric, how="left")
    return both[both["clean"].notna()], both[both["clean"].isna()]


def _points(both: pd.DataFrame, guessed: Callable[[str, str, int], float]) -> pd.DataFrame:
    """A row a run, language, kind and level: clean, noisy, chance (points), noise_seeds, known_seeds."""
    sets = both[["target", "metric", "n"]].drop_duplicates()
    sets["chance"] = [guessed(target, name, int(n)) for target, name, n in sets.itertuples(index=False)]
    both = both.merge(sets, on=["target", "metric", "n"])
    points = both.groupby([*_RUN, "kind", "level"], sort=False).agg(
        clean=("clean", "mean"), noisy=("noisy", "mean"), chance=("chance", "mean"),
        noise_seeds=("noise_seeds", "min"), known_seeds=("known_seeds", "first"), metrics=("metric", "size"),
    ).reset_index()  # fmt: skip
    whole = points["metrics"] == points.groupby("target")["metrics"].transform("max")
    return points[whole].drop(columns="metrics")


def _measures(points: pd.DataFrame) -> pd.DataFrame:
    """A row a run, language and kind: clean, chance and MEASURES."""
    points = points.sort_values("level", kind="stable")
    run = points.groupby([*_RUN, "kind"], sort=False)
    before, higher = run["level"].shift(fill_value=0.0), run["noisy"].shift().fillna(points["clean"])
    points = points.assign(
        squared=points["level"] ** 2, product=points["level"] * points["noisy"],
        strip=(points["level"] - before) * (points["noisy"] + higher) / 2,
    )  # fmt: skip
    found = points.groupby([*_RUN, "kind"], sort=False).agg(
        clean=("clean", "first"), chance=("chance", "first"), noisy=("noisy", "mean"), levels=("level", "size"),
        total=("level", "sum"), highest=("level", "max"), squared=("squared", "sum"), product=("product", "sum"),
        strips=("strip", "sum"),
    ).reset_index()  # fmt: skip
    count, score = found["levels"] + 1, found["clean"] + found["levels"] * found["noisy"]
    sxx, sxy = found["squared"] - found["total"] ** 2 / count, found["product"] - found["total"] * score / count
    above = (found["clean"] - found["chance"]).replace(0.0, np.nan)
    numbers = {
        SLOPE: sxy / sxx / 10,
        DROP: found["clean"] - found["noisy"],
        KEPT: 100 * (found["noisy"] - found["chance"]) / above,
        AREA: (found["strips"] / found["highest"]).where(found["levels"] > 1),
    }
    return found[[*_RUN, "kind", "clean", "chance"]].assign(**numbers)


def _few_noise_seeds(points: pd.DataFrame) -> list[str]:
    few = points[points["noise_seeds"] < FEWEST_NOISE_SEEDS]
    if few.empty:
        return []
    counts = few.groupby(["kind", "level"], sort=False)["noise_seeds"].min()
    said = [f"{kind} {level:g} ({count})" for (kind, level), count in counts.items()]
    return [f"fewer than {FEWEST_NOISE_SEEDS} noise seeds: {', '.join(said)}"]


def _named(what: str, rows: pd.DataFrame) -> list[str]:
    """One note with the places of the rows, by target and kind; none where there are none."""
    places = rows.drop_duplicates(_CELL).groupby(["target", "kind"], sort=False)["language"]
    named = [f"{target} {' '.join(codes)} under {kind}" for (target, kind), codes in places]
    return [f"{what}: {', '.join(named)}"] if named else []
