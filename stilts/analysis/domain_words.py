"""The answer to question 5 in sentences, made from the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stilts.analysis.domain import (
    CONFOUNDED,
    MARGINAL,
    NOT_SHOWN,
    ONLY_PARTIAL,
    PARTIAL,
    RELATED,
    TOO_FEW,
    Fit,
    Row,
    verdict,
)
from stilts.analysis.domain_factorial import DOMAIN, INTERACTION, LANGUAGE, Factorial
from stilts.analysis.families import BENCHMARK
from stilts.analysis.power import ALPHA
from stilts.analysis.seeds import INNER_ONLY
from stilts.analysis.wording import interval_text, listed, measure_words, p_text, points, span

_EFFECTS = {
    DOMAIN: ("Matched domains against mismatched ones", "that a matched domain changes the score"),
    LANGUAGE: ("Intermediate data in a near language against English", "that a near language changes the score"),
    INTERACTION: (
        "What a near language adds where domains match, less what it adds where they do not",
        "that a near language changes more where domains match, or less",
    ),
}


def sentences(rows: Sequence[Row], two: Factorial) -> list[str]:
    """The answer: each measure that goes with the gains, the others together, then the 2 x 2."""
    out = [_shown(row) for row in rows if verdict(row) in (RELATED, CONFOUNDED, ONLY_PARTIAL)]
    rest = [row for row in rows if verdict(row) == NOT_SHOWN]
    if rest:
        names = listed(measure_words(row.measure) for row in rest)
        slopes = span(abs(fit.high - fit.low) / 2 for row in rest if (fit := row.fit(MARGINAL)))
        room = f"; 95 % intervals reach {slopes} points a standard deviation to either side" if slopes else ""
        out.append(f"It is not shown that gains go with domain mismatch by {names}{room}.")
    few = [row for row in rows if verdict(row) == TOO_FEW]
    if few:
        out.append(_too_few(few))
    return out + _two_by_two(two.effects)


def notes(rows: Sequence[Row], two: Factorial) -> list[str]:
    """What was left out, and on what the numbers rest."""
    out = []
    if rows:
        out.append(
            "means of tasks and targets are out of gains and measures, and with them all that belongs to a task or a "
            "target alone, such as the size of its data; p values permute tasks and targets, Holm is over the measures"
        )
    left_out = [f"{task} > {column}" for task, column in dict.fromkeys(cell for row in rows for cell in row.same_data)]
    if left_out:
        out.append(f"left out, as both phases train on the same data: {', '.join(left_out)}")
    shared = [name for name in dict.fromkeys(name for row in rows for name in row.columns) if "+" in name]
    if shared:
        out.append(f"one fine-tune, so one column with the mean of its targets: {', '.join(shared)}")
    for why in dict.fromkeys(row.dropped for row in rows if row.dropped):
        out.append(f"the format is not held equal: {why}")
    if two.recipes:
        names = ", ".join(f"{' '.join(cell)} is {name}" for cell, name in two.recipes.items())
        out.append(
            f"2 x 2: {names}; scored {two.scored}; intervals are over seeds, languages and test sets as they are, and "
            "variances are pooled over the four recipes; whether those are alike in size and translation is not seen"
        )
        if (two.effects["scope"] == INNER_ONLY).any():
            out.append("intervals of the 2 x 2 are over target seeds only: nothing is said about another first phase")
    return out


def _shown(row: Row) -> str:
    marginal, partial = row.fit(MARGINAL), row.fit(PARTIAL)
    assert marginal is not None
    name = measure_words(row.measure)
    at = f"over {row.cells} cells of {len(row.tasks)} tasks and {len(row.columns)} targets"
    if verdict(row) == RELATED:
        less = "less" if marginal.slope < 0 else "more"
        equal = f"; at equal format {_size(partial)}" if partial else ""
        return f"The further apart by {name}, the {less} a target gains: {_size(marginal)}, {at}{equal}."
    assert partial is not None
    if verdict(row) == CONFOUNDED:
        return (
            f"Gains go with {name} ({_size(marginal)}, {at}), and it is not shown that they do at equal format: "
            f"{_size(partial)}."
        )
    return f"Gains go with {name} at equal format only: {_size(partial)}; without it {_size(marginal)}, {at}."


def _size(fit: Fit) -> str:
    ends = interval_text(fit.low, fit.high)
    return f"{points(fit.slope)} points a standard deviation ({ends}; p = {p_text(fit.p_holm)})".replace("= <", "<")


def _too_few(rows: Sequence[Row]) -> str:
    names = listed(measure_words(row.measure) for row in rows)
    sizes = listed(dict.fromkeys(f"{len(row.tasks)} tasks x {len(row.columns)} targets" for row in rows))
    least = [fit.least_p for row in rows if (fit := row.fit(MARGINAL))]
    if least:
        why = f"their permutations allow no p below {p_text(min(least))}, so none below .05 is possible"
    else:
        why = "too few cells are left beside what tasks and targets have of their own"
    return f"The matrix is too small to say anything of {names}: {sizes}, {why}."


def _two_by_two(effects: pd.DataFrame) -> list[str]:
    if effects.empty:
        return []
    whole = effects[effects["family"] == BENCHMARK]
    out = []
    for row in (whole if len(whole) else effects).to_dict("records"):
        said, asked = _EFFECTS[row["effect"]]
        over = "" if len(whole) else f" ({row['target']})"
        if math.isnan(row["p"]):
            out.append(f"{said}{over}: {points(row['estimate'])} points; one seed a recipe, so no interval.")
        elif row["p_adjusted"] <= ALPHA:
            out.append(f"{said}{over}: {_effect_size(row)}.")
        else:
            out.append(f"It is not shown {asked}{over}: {_effect_size(row)}; {row['detectable']:.2f} would be found "
                       "four times in five.")  # fmt: skip
    return out


def _effect_size(row: Mapping[str, Any]) -> str:
    ends = interval_text(row["low"], row["high"])
    return (f"{points(row['estimate'])} points ({ends}, {row['df']:.0f} degrees of freedom; "
            f"p = {p_text(row['p_adjusted'])})").replace("= <", "<")  # fmt: skip
