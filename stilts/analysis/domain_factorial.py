"""The 2 x 2 of question 5: domain matched or not x intermediate data in English or in a language near the target's.

Four recipes that differ in nothing else (as many examples, the near ones translated from the English ones) give two
main effects and their interaction. Intervals are over seeds (`stilts.analysis.seeds`), variances pooled over the four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stilts.analysis import seeds
from stilts.analysis.families import ALL, families
from stilts.analysis.multitask import averaged
from stilts.analysis.power import detectable
from stilts.errors import InputError
from stilts.two_by_two import CELLS, NAMES, cell_of

DOMAIN, LANGUAGE, INTERACTION = "domain", "language", "interaction"
WEIGHTS = {
    DOMAIN: (0.5, 0.5, -0.5, -0.5),  # matched less mismatched
    LANGUAGE: (-0.5, 0.5, -0.5, 0.5),  # near less English
    INTERACTION: (-1.0, 1.0, 1.0, -1.0),  # what near adds where the domain is matched, less what it adds where not
}
"""Effect -> weights of CELLS' means."""
COLUMNS = ("effect", "target", "estimate", "low", "high", "p", "se", "df", "seeds", "scope", "detectable")


@dataclass(frozen=True)
class Factorial:
    """What is compared; empty where a table has none of the recipes.

    Attributes:
        recipes: cell -> its recipe.
        effects: of `factorial`.
        means: of `means`.
        scored: where, as "in fi on tydiqa".
    """

    recipes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    effects: pd.DataFrame = field(default_factory=pd.DataFrame)
    means: pd.DataFrame = field(default_factory=pd.DataFrame)
    scored: str = ""


def recipes_of(recipes: Sequence[str], given: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Cell -> its recipe: from the given cells, else from names; empty where there are none.

    Raises InputError for a given recipe that is not there, or that names no cell, and for two recipes of one cell or
    some cells without one.
    """
    for name, text in given.items():
        if name not in recipes:
            raise InputError(f"no recipe {name!r} in the table", f"one of {', '.join(recipes)}", "change cells")
        if cell_of(text) is None:
            raise InputError(f"cells.{name} is {text!r}", f"one of {NAMES}", "change cells")
    texts = given or {name: name for name in recipes}
    out: dict[tuple[str, str], str] = {}
    for name, text in texts.items():
        cell = cell_of(text)
        if cell is not None:
            if cell in out:
                raise InputError(f"both {out[cell]} and {name} are {' '.join(cell)}", "one recipe a cell", "set cells")
            out[cell] = name
    absent = [cell for cell in CELLS if cell not in out]
    if out and absent:
        raise InputError(f"no recipe is {_listed(absent)}", "four recipes, one a cell of the 2 x 2", "set cells")
    return out


def factorial(scores: pd.DataFrame, recipes: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The effects, a row an effect and target ("all": the mean over targets): COLUMNS, and those of `families`.

    Args:
        scores: rows of `stilts.analysis.multitask.runs_of`, of the languages that the near one is near to.
        recipes: from `recipes_of`.
    """
    names = [recipes[cell] for cell in CELLS]
    totals = averaged(scores[scores["recipe"].isin(names)])
    found = seeds.pooled(seeds.cells(totals, ["recipe", "target"]), ["target"])
    parts = []
    for target, own in found.groupby("target", sort=False):
        if len(own) == len(CELLS):
            ordered = own.set_index("recipe", drop=False).loc[names].reset_index(drop=True)
            interval = seeds.contrasts(ordered, np.array(list(WEIGHTS.values())))
            parts.append(pd.DataFrame({
                "effect": list(WEIGHTS), "target": target, "estimate": interval.estimate, "low": interval.low,
                "high": interval.high, "p": interval.p, "se": interval.se, "df": interval.df,
                "seeds": int(seeds.counted(ordered).min()), "scope": seeds.scope(ordered)[0],
                "detectable": detectable(interval.se, interval.df),
            }))  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = pd.concat(parts, ignore_index=True).astype({"p": float})
    return families(rows.assign(language=ALL)).drop(columns="language")


def means(scores: pd.DataFrame, recipes: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """A row a cell of the 2 x 2 and target: domain, language, recipe, target, score (points)."""
    totals = averaged(scores[scores["recipe"].isin(recipes.values())])
    found = seeds.cells(totals, ["recipe", "target"])
    cells = {recipe: cell for cell, recipe in recipes.items()}
    return pd.DataFrame({
        "domain": [cells[name][0] for name in found["recipe"]],
        "language": [cells[name][1] for name in found["recipe"]],
        "recipe": found["recipe"], "target": found["target"], "score": found["mean"],
    })  # fmt: skip


def _listed(cells: Sequence[tuple[str, str]]) -> str:
    return ", ".join("-".join(cell) for cell in cells)
