"""Question 2 in words and tables, made from the numbers. The design is named wherever a number is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.answer import Shown
from stilts.analysis.families import ALL
from stilts.analysis.language_effects import ENGLISH
from stilts.analysis.power import ALPHA, NO_INTERVAL
from stilts.analysis.seeds import INNER_ONLY
from stilts.analysis.steps import TARGET, TIER, Interaction
from stilts.analysis.steps_regret import Regret
from stilts.analysis.steps_rows import UNNAMED, Curves
from stilts.analysis.typology import FEWEST, RANKS_ONLY
from stilts.analysis.wording import interval_text, listed, p_text, points
from stilts.kept_step import MEANINGS

RISES, FALLS = "rises", "falls"


def sentences(
    curves: pd.DataFrame,
    slopes: pd.DataFrame,
    changes: Sequence[Interaction],
    lost: Sequence[Regret],
    contrasts: pd.DataFrame,
    tiers: Sequence[str],
) -> list[str]:
    """The answer: of each series its slope, tiers, pretraining size and regret; then one design against the other."""
    out = []
    for one in changes:
        name = f"{one.series} ({one.design})"
        own = slopes[(slopes["series"] == one.series) & (slopes["design"] == one.design)]
        curve = _whole(curves[(curves["series"] == one.series) & (curves["design"] == one.design)], TARGET)
        out.append(_slope(name, curve, _whole(own, TARGET)))
        by_tier = own[(own["of"] == TIER) & (own["target"] == ALL)]
        if len(by_tier):
            parts = [
                f"{row.language} {points(row.slope)} ({interval_text(row.low, row.high)})"
                for row in by_tier.itertuples()
            ]
            out.append(f"{name}, points for each doubling by pretraining text: {'; '.join(parts)}.")
        out.append(_change(name, one))
        out += [_regret(name, regret) for regret in lost if _overall(regret, one, lost)]
    return out + [_contrast(row) for row in contrasts.to_dict("records")]


def curve_table(curves: pd.DataFrame, tiers: Sequence[str]) -> Shown:
    """Means over targets and languages at each step, with the gains by tier."""
    rows = []
    places = ["series", "design", "step"]
    of_tier = curves[(curves["of"] == TIER) & (curves["target"] == ALL)]
    by_tier = of_tier.set_index([*places, "language"])["gain"].to_dict()
    for row in _whole(curves, TARGET).to_dict("records"):
        place = tuple(row[key] for key in places)
        epochs = "–" if pd.isna(row["epochs"]) else f"{row['epochs']:.3g}"
        numbers = (f"{row['score']:.2f}", points(row["gain"]), _ends(row["low"], row["high"]), _df(row["df"]))
        small = (points(by_tier.get((*place, tier), np.nan)) for tier in tiers)
        rows.append((row["series"], row["design"], f"{row['step']:,.0f}", epochs, *numbers, *small))
    names = ("recipe", "design", "steps", "epochs", "score", "gain", "95 %", "df", *tiers)
    return Shown(names, rows)


def slope_table(slopes: pd.DataFrame) -> Shown:
    """Points for each doubling of the steps: of each target and of all, and of all by tier."""
    part = slopes[(slopes["of"] == TARGET) | ((slopes["of"] == TIER) & (slopes["target"] == ALL))]
    rows = [
        (row.series, row.design, row.target, row.language, points(row.slope), _ends(row.low, row.high), _df(row.df),
         p_text(row.p_adjusted), row.verdict)
        for row in part.itertuples()
    ]  # fmt: skip
    return Shown(("recipe", "design", "target", "languages", "a doubling", "95 %", "df", "p (Holm)", "verdict"), rows)


def notes(found: Curves, slopes: pd.DataFrame, changes: Sequence[Interaction], size: Mapping[str, float]) -> list[str]:
    """What the numbers rest on."""
    designs = dict.fromkeys(design for _, design in found.of_series())
    out = [f"{design}: {MEANINGS[design]}" for design in designs if design in MEANINGS]
    if UNNAMED in designs:
        out.append("the table does not say how the steps came about: name it with designs={RECIPE: DESIGN}")
    if "trunk_cooldown" in designs:
        out.append("steps of trunk_cooldown are the trunk's; the cool-down comes on top of them")
    scopes = listed(dict.fromkeys(_whole(slopes, TARGET)["scope"]))
    out.append(
        f"slopes are taken within a run and their intervals are over {scopes}, variances pooled over recipes of a "
        "design; languages are fixed there, and are the unit where slopes are compared with the pretraining size"
    )
    if (slopes["scope"] == INNER_ONLY).any():
        out.append("one intermediate seed: nothing is said about another intermediate run")
    unknown = [code for code, value in size.items() if np.isnan(value)]
    if unknown:
        out.append(f"no pretraining size of {', '.join(unknown)}: they are in no tier (give features=CSV with gib)")
    out.append(
        f"with the pretraining size up to {RANKS_ONLY} languages only ranks are compared, below {FEWEST} nothing"
    )
    if found.baseline.empty:
        out.append("no gains: no step 0 and no recipe is the baseline (name it with baseline=RECIPE)")
    out.append("half of the seeds choose a step, by English and by the language itself, and the others report it")
    return [*out, *found.notes]


def _whole(rows: pd.DataFrame, of: str) -> pd.DataFrame:
    """The rows over all targets and languages."""
    return rows[(rows["of"] == of) & (rows["target"] == ALL) & (rows["language"] == ALL)]


def _slope(name: str, curve: pd.DataFrame, whole: pd.DataFrame) -> str:
    if curve.empty or whole.empty:
        return f"{name}: no mean over targets, as scores are missing."
    first, last, row = curve.iloc[0], curve.iloc[-1], whole.iloc[0]
    what = "gain" if not np.isnan(first["gain"]) else "score"
    show = points if what == "gain" else "{:.2f}".format
    ends = (
        f"{show(first[what])} points after {first['step']:,.0f} steps and {show(last[what])} after {last['step']:,.0f}"
    )
    change = f"{points(row['slope'])} points for each doubling of the steps ({interval_text(row['low'], row['high'])}"
    numbers = f"{change}, p {p_text(row['p_adjusted'])} after Holm, {_df(row['df'])} degrees of freedom)"
    if row["verdict"] in (RISES, FALLS):
        return f"{name}: the {what} {row['verdict']} with the steps: {ends}; {numbers}."
    if row["verdict"] == NO_INTERVAL:
        return f"{name}: the {what} is {ends}; {points(row['slope'])} for each doubling, with one run and no interval."
    least = f"{row['detectable']:.2f} would have been found four times in five"
    return f"{name}: it is not shown that the {what} changes with the steps: {ends}; {numbers}; {least}."


def _change(name: str, one: Interaction) -> str:
    if np.isnan(one.rho):
        return f"{name}: whether slopes go with the pretraining size cannot be said: too few languages of known size."
    ranks = f"rank correlation of slope and pretraining size {one.rho:+.2f} over {len(one.languages)} languages"
    shown = one.p_holm <= ALPHA
    if np.isnan(one.estimate):
        said = "goes" if shown else "is not shown to go"
        return (
            f"{name}: what steps bring {said} with the pretraining size: {ranks} (p {p_text(one.p_holm)} after Holm)."
        )
    numbers = (
        f"{points(one.estimate)} points a doubling for ten times the text ({interval_text(one.low, one.high)}, "
        f"p {p_text(one.p_holm)} after Holm) over {len(one.languages)} languages"
    )
    if not shown:
        return (
            f"{name}: it is not shown that what steps bring goes with the pretraining size: {numbers}; "
            f"{one.detectable:.2f} would have been found four times in five."
        )
    who = "much" if one.estimate > 0 else "little"
    return f"{name}: languages with {who} pretraining text gain more by further steps: {numbers}."


def _overall(regret: Regret, one: Interaction, lost: Sequence[Regret]) -> bool:
    """Whether it is the widest mean over languages that a series has: over targets, or of its only target."""
    own = [other for other in lost if (other.series, other.design, other.language) == (one.series, one.design, ALL)]
    return regret in own and (regret.target == ALL or not any(other.target == ALL for other in own))


def _regret(name: str, one: Regret) -> str:
    where = "" if one.target == ALL else f" on {one.target}"
    steps = f" (steps {' and '.join(f'{step:g}' for step in one.english)} by the halves)" if one.english else ""
    loses, numbers = points(float(one.lost.estimate)), interval_text(float(one.lost.low), float(one.lost.high))
    return (
        f"{name}: choosing the steps by {ENGLISH}{steps} loses {loses} points{where} against each language's own "
        f"choice ({numbers}; by an oracle that reports what it chose by, {points(one.optimistic)})."
    )


def _contrast(row: Mapping[Any, Any]) -> str:
    return (
        f"After {row['step']:,.0f} steps {row['series']} ({row['design']}) less {row['against']} "
        f"({row['against_design']}): {points(row['estimate'])} points ({interval_text(row['low'], row['high'])}, "
        f"p {p_text(row.get('p_adjusted', np.nan))} after Holm)."
    )


def _ends(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{low:+.2f} to {high:+.2f}"


def _df(df: float) -> str:
    return "–" if pd.isna(df) else f"{df:.1f}"
