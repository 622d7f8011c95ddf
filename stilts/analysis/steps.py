"""Question 2: how does the gain go with the number of intermediate steps, and does it with few pretraining texts?

The slope of a gain on log2 steps (points for each doubling) is that of the score, as the baseline is the same at every
step. It is taken within a run of the intermediate phase: the branches of one trunk err together, so that runs and not
steps are what an interval is over (t, target seeds nested in intermediate seeds, `stilts.analysis.seeds`). How slopes
go with a language's pretraining size is asked with languages as the unit, families taken for related.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.families import ALL, adjusted, families
from stilts.analysis.language_effects import ENGLISH, language_effects
from stilts.analysis.power import detectable
from stilts.analysis.related import rank_correlation
from stilts.analysis.related import slopes as regression
from stilts.analysis.score_table import SEEDS
from stilts.analysis.steps_rows import Curves
from stilts.analysis.typology import FEWEST, RANKS_ONLY

TIER = "tier"
LANGUAGE, TARGET, BENCHMARK = "language", "target", "benchmark"
_PLACE = ["design", "target", "language"]


def places(rows: pd.DataFrame, tiers: Mapping[str, Sequence[str]], keep: Sequence[str] = ()) -> pd.DataFrame:
    """The rows with means over languages (language "all"), over those of a tier (its name), and over targets ("all").

    Args:
        rows: recipe, design, target, language, seeds, value and the columns `keep`, a row a run and language.
        tiers: name -> languages.

    English is in "all" and in no tier. A run that lacks a language or target that others have is in no mean over it.
    """
    within = [*keep, "design", "target"]
    parts = [rows.assign(of=LANGUAGE)]
    groups = {ALL: None, **tiers}
    for name, languages in groups.items():
        own = rows if languages is None else rows[rows["language"].isin(languages)]
        if own.empty:
            continue
        over = seeds.average(own, "language", within).assign(language=name)
        whole = seeds.average(over, "target", within[:-1]).assign(target=ALL, language=name)
        parts += [part.assign(of=TARGET if languages is None else TIER) for part in (over, whole)]
    return pd.concat(parts, ignore_index=True)


def gains(found: Curves, tiers: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A row a series, step and place: the gain over step 0, where there is one, in points.

    Columns: series, design, step, target, language, of, score, gain, low, high, p, df, seeds, scope. Variances are
    pooled over the step and its baseline only: the steps of a trunk tell the same about seeds over and over.
    """
    out = []
    for (series, design, step), own in found.rows.groupby(["series", "design", "step"], sort=False):
        both = pd.concat([own.assign(recipe="own"), found.before(series).assign(recipe="before", design=design)])
        cells = seeds.cells(places(both, tiers), ["recipe", *_PLACE, "of"])
        cells = seeds.pooled(cells, [*_PLACE, "of"])
        mine, interval = seeds.differences(cells, "before", [*_PLACE, "of"])
        numbers = {"gain": interval.estimate, "low": interval.low, "high": interval.high, "p": interval.p}
        numbers["df"] = np.where(np.isnan(interval.low), np.nan, interval.df)
        gained = mine[[*_PLACE, "of", "seeds", "scope"]].assign(**numbers)
        every = cells.loc[cells["recipe"] == "own", [*_PLACE, "of", "mean"]].rename(columns={"mean": "score"})
        part = every.merge(gained, on=[*_PLACE, "of"], how="left")
        out.append(part.assign(series=series, step=step))
    return pd.concat(out, ignore_index=True).sort_values(["series", "step"], kind="stable", ignore_index=True)


def run_slopes(rows: pd.DataFrame) -> pd.DataFrame:
    """The slope on log2 steps of each run that has all steps of its series in a target, points for each doubling.

    Columns: recipe (the series), design, target, language, the seeds, value.
    """
    out = []
    for (series, design, target), own in rows.groupby(["series", "design", "target"], sort=False):
        wide = _wide(own, ["language", *SEEDS], "step")
        weights = step_weights(wide.columns.to_numpy(dtype=np.float64))
        found = _long(wide, wide.to_numpy() @ weights)
        out.append(found.assign(recipe=series, design=design, target=target))
    return pd.concat(out, ignore_index=True)


def _wide(rows: pd.DataFrame, keys: Sequence[str], column: str) -> pd.DataFrame:
    """Values by `keys` and, along, `column`; those that lack one are left out. A missing seed is the key ""."""
    filled = rows.fillna(dict.fromkeys(SEEDS, ""))
    return filled.set_index([*keys, column])["value"].unstack(column).dropna()


def _long(wide: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """A value a row of `_wide`, its keys as columns."""
    found = wide.index.to_frame(index=False)
    return found.assign(value=values, **{seed: found[seed].replace("", np.nan) for seed in SEEDS})


def step_weights(steps: np.ndarray) -> np.ndarray:
    """What each step's score counts in the least-squares slope on log2 steps."""
    x = np.log2(steps)
    return np.asarray((x - x.mean()) / np.sum((x - x.mean()) ** 2))


def slopes(rows: pd.DataFrame, tiers: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A row a series and place: series, design, target, language, of, slope, low, high, p, se, df, seeds, scope,
    detectable, family, method, tests, p_adjusted, stars.

    Variances are pooled over the series of a design. Means over targets, over languages, languages and tiers are
    families of their own for the correction (`stilts.analysis.families`).

    Args:
        rows: `run_slopes`.
    """
    cells = seeds.cells(places(rows, tiers), ["recipe", *_PLACE, "of"])
    cells = seeds.pooled(cells, [*_PLACE, "of"])
    found = seeds.means(cells)
    table = cells[["recipe", *_PLACE, "of"]].rename(columns={"recipe": "series"}).assign(
        slope=found.estimate, low=found.low, high=found.high, p=found.p, se=found.se, df=found.df,
        seeds=seeds.counted(cells), scope=seeds.scope(cells), detectable=detectable(found.se, found.df),
    )  # fmt: skip
    parts = [families(part) for _, part in table.groupby(table["of"] == TIER, sort=False)]
    return pd.concat(parts).sort_index()


def contrasts(found: Curves, pairs: Mapping[str, str]) -> pd.DataFrame:
    """Two series at the steps that both have: a row a pair and step, means over targets and languages.

    Columns: series, design, against, against_design, step, estimate (series less against, points), low, high, p, df,
    seeds, p_adjusted (Holm, over the steps of all pairs).
    """
    designs, parts = dict(found.of_series()), []
    for series, against in pairs.items():
        rows = found.rows[found.rows["series"].isin([series, against])]
        rows = rows[rows.groupby(["step", "target", "language"])["series"].transform("nunique") == 2]
        rows = rows.assign(recipe=rows["series"], design=rows["step"].map("{:g}".format))
        if rows.empty:
            continue
        whole = places(rows, {}).query("of == @TARGET and target == @ALL")
        cells = seeds.pooled(seeds.cells(whole, ["recipe", *_PLACE]), _PLACE)
        own, interval = seeds.differences(cells, against, _PLACE)
        parts.append(
            own[["design", "seeds"]].rename(columns={"design": "step"}).astype({"step": float}).assign(
                series=series, design=designs[series], against=against, against_design=designs[against],
                estimate=interval.estimate, low=interval.low, high=interval.high, p=interval.p, df=interval.df,
            )
        )  # fmt: skip
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    known = table["p"].notna()
    table.loc[known, "p_adjusted"] = adjusted(table.loc[known, "p"].to_numpy(), "holm")
    return table


@dataclass(frozen=True)
class Interaction:
    """How a series' slopes go with the pretraining size of languages.

    Attributes:
        languages: compared; `absent`: without a known size.
        rho, rho_p: Spearman's correlation and its p of permuted languages.
        estimate, se, low, high: what the slope changes by for ten times the pretraining text, in points for each
            doubling of steps; NaN up to `RANKS_ONLY` languages.
        df: languages less two.
        p: of permuted languages, families taken for related.
        detectable: the change that is found four times in five.
        over_seeds, seeds_low, seeds_high, seeds_df: the same change with languages fixed, over runs.
    """

    series: str
    design: str
    languages: tuple[str, ...]
    absent: tuple[str, ...]
    rho: float = np.nan
    rho_p: float = np.nan
    estimate: float = np.nan
    se: float = np.nan
    low: float = np.nan
    high: float = np.nan
    df: int = 0
    p: float = np.nan
    detectable: float = np.nan
    over_seeds: float = np.nan
    seeds_low: float = np.nan
    seeds_high: float = np.nan
    seeds_df: float = np.nan
    p_holm: float = np.nan


def interaction(
    rows: pd.DataFrame, size: Mapping[str, float], groups: Mapping[str, str], permutations: int, seed: int = 0
) -> Interaction:
    """One series' slopes against log10 pretraining size; English is left out, as it is what is trained on.

    Args:
        rows: `run_slopes` of one series.
        size: language -> log10 GiB, NaN or absent where not known.
        groups: language -> family.
    """
    series, design = str(rows["recipe"].iloc[0]), str(rows["design"].iloc[0])
    others = rows[rows["language"] != ENGLISH]
    known = others["language"].map(dict(size)).notna()
    absent = tuple(dict.fromkeys(others["language"][~known]))
    used = others[known]
    by_seed = used.groupby(["target", "language", SEEDS[0]], sort=False, dropna=False)["value"].mean()
    cells = by_seed.groupby(level=["target", "language"], sort=False).mean().reset_index()
    languages = tuple(dict.fromkeys(cells["language"]))
    x = np.array([size[language] for language in languages])
    if len(languages) < FEWEST or np.ptp(x) == 0:
        return Interaction(series, design, languages, absent)
    effects = language_effects(cells).to_numpy()
    rho, rho_p = rank_correlation(x, effects, permutations, seed)
    own = [groups.get(language, language) for language in languages]
    found = regression(np.column_stack([np.ones(len(x)), x]), effects[:, None], own, permutations, seed)
    p = float(found.p[0])
    if len(languages) <= RANKS_ONLY:
        return Interaction(series, design, languages, absent, rho, rho_p, p=p)
    runs = _over_runs(used, dict(zip(languages, x, strict=True)))
    return Interaction(
        series, design, languages, absent, rho, rho_p, float(found.estimate[0]), float(found.se[0]),
        float(found.low[0]), float(found.high[0]), found.df, p, float(detectable(found.se, found.df)[0]), *runs,
    )  # fmt: skip


def _over_runs(rows: pd.DataFrame, size: Mapping[str, float]) -> tuple[float, float, float, float]:
    """The change for ten times the text, each run for itself, averaged over targets: mean, low, high, df over runs."""
    out = []
    for _, own in rows.groupby("target", sort=False):
        wide = _wide(own, list(SEEDS), "language")
        if wide.shape[1] < 3 or wide.empty:
            continue
        x = np.array([size[str(language)] for language in wide.columns])
        weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
        out.append(_long(wide, wide.to_numpy() @ weights).assign(target=own["target"].iloc[0]))
    if not out:
        return np.nan, np.nan, np.nan, np.nan
    whole = seeds.average(pd.concat(out, ignore_index=True).assign(recipe=""), "target")
    if whole.empty:
        return np.nan, np.nan, np.nan, np.nan
    found = seeds.means(seeds.pooled(seeds.cells(whole, ["recipe"]), ["recipe"]))
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0]), float(found.df[0])
