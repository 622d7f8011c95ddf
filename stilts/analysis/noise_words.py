"""Question 3 in words: verdicts and sentences, made from the numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stilts.analysis.families import ALL
from stilts.analysis.noise_contrasts import PAIR
from stilts.analysis.noise_runs import KEPT, SLOPE
from stilts.analysis.power import NO_INTERVAL, NOT_SHOWN
from stilts.analysis.wording import p_text

MORE, LESS = "keeps more", "keeps less"
_PLACE = ["measure", "kind", "target", "language"]


def sentences(rows: pd.DataFrame, recipes: pd.DataFrame) -> list[str]:
    """The answer: first of the matched pairs, then of each recipe against the baseline."""
    whole = overall(rows)
    out = []
    for comparison, recipe, against in dict.fromkeys(_keys(whole[whole["measure"] == SLOPE])):
        mine = (whole["recipe"] == recipe) & (whole["against"] == against) & (whole["comparison"] == comparison)
        slopes, kept = whole[mine & (whole["measure"] == SLOPE)], whole[mine & (whole["measure"] == KEPT)]
        if comparison == PAIR:
            out.append(_summary(recipe, against, slopes))
        shares = dict(zip(kept["kind"], kept.itertuples(), strict=True))
        said = slopes[slopes["verdict"].isin([MORE, LESS])]
        out += [_shown(row, shares.get(row.kind), recipes) for row in said.itertuples()]
        out += _not_shown(recipe, against, slopes)
    if not (whole["comparison"] == PAIR).any():
        out.insert(
            0,
            "Multilingual and English intermediate training are not compared: no two matched recipes with all scores.",
        )
    return out


def overall(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows over all targets and languages."""
    return rows[(rows["target"] == ALL) & (rows["language"] == ALL)]


def mean_of(recipes: pd.DataFrame, recipe: Any, measure: str, kind: str) -> float:
    """A recipe's own measure over all targets and languages; NaN where it has none."""
    places = (measure, kind, ALL, ALL)
    own = (recipes[_PLACE] == places).all(axis=1) & (recipes["recipe"] == recipe)
    return float(recipes.loc[own, "value"].iloc[0]) if own.any() else float("nan")


def signed(value: Any) -> str:
    """Points with their sign."""
    return f"{value:+.2f}"


def _summary(recipe: str, english: str, slopes: pd.DataFrame) -> str:
    count = slopes["verdict"].value_counts()
    return (
        f"Multilingual against English intermediate training ({recipe} against {english}): of {len(slopes)} kinds of "
        f"noise it keeps more of the score under {count.get(MORE, 0)} and less under {count.get(LESS, 0)}; "
        f"for {count.get(NOT_SHOWN, 0) + count.get(NO_INTERVAL, 0)} neither is shown."
    )


def _shown(row: Any, kept: Any, recipes: pd.DataFrame) -> str:
    first = (
        f"{row.recipe} {row.verdict} of the score than {row.against} under {row.kind}: their difference changes by "
        f"{_slope(row)}, for each 0.1 of level (p {p_text(row.p_adjusted)} after Holm, {row.df:.1f} degrees of freedom)"
    )
    if kept is None:
        return f"{first}."
    mine, theirs = (mean_of(recipes, name, KEPT, row.kind) for name in (row.recipe, row.against))
    share = f"{signed(kept.estimate)}, 95 % {signed(kept.low)} to {signed(kept.high)}"
    out = f"{first}; of what is above chance it keeps {mine:.1f} % and {row.against} {theirs:.1f} % ({share})"
    if (kept.high < 0 and row.estimate > 0) or (kept.low > 0 and row.estimate < 0):
        out += ", so in points and as a share above chance the answers differ"
    return f"{out}."


def _not_shown(recipe: str, against: str, slopes: pd.DataFrame) -> list[str]:
    out = []
    rest = slopes[slopes["verdict"] == NOT_SHOWN]
    if len(rest):
        found = " or ".join(f"{row.kind} ({_slope(row)})" for row in rest.itertuples())
        ends = dict.fromkeys(f"{value:.2f}" for value in (rest["detectable"].min(), rest["detectable"].max()))
        out.append(
            f"It is not shown that {recipe} keeps more or less of the score than {against} under {found}, for each 0.1 "
            f"of level; {' to '.join(ends)} points would have been found four times in five, before Holm's correction."
        )
    none = slopes.loc[slopes["verdict"] == NO_INTERVAL, "kind"]
    if len(none):
        out.append(f"On {recipe} against {against} under {' or '.join(none)} nothing can be said: one seed a recipe.")
    return out


def _slope(row: Any) -> str:
    return f"{signed(row.estimate)} points, 95 % {signed(row.low)} to {signed(row.high)}"


def _keys(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    return list(zip(rows["comparison"], rows["recipe"], rows["against"], strict=True))
