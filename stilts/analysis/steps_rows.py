"""From a table of scores to curves over intermediate steps: which rows belong to which series, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stilts.analysis.score_table import SEEDS
from stilts.errors import InputError
from stilts.kept_step import kept_step

UNNAMED = "design not named"
RUN = ["series", "design", "target", "language", *SEEDS]


@dataclass(frozen=True)
class Curves:
    """Runs of recipes that were trained for several numbers of steps.

    Attributes:
        rows: a row a run, target and language: series (the recipe without its step), design, step (float, above 0),
            target, language, intermediate_seed, target_seed (missing where there is none) and value in points, the mean
            over a target's metrics. Only targets in which the series has two steps.
        baseline: the same of step 0, without step; series is "" where one recipe is the baseline of all.
        notes: what was left out.
    """

    rows: pd.DataFrame
    baseline: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def of_series(self) -> list[tuple[str, str]]:
        """Series and design, in the table's order."""
        return list(dict.fromkeys(zip(self.rows["series"], self.rows["design"], strict=True)))

    def before(self, series: str) -> pd.DataFrame:
        """The step-0 rows of a series: its own, or those of the common baseline."""
        own = self.baseline[self.baseline["series"] == series]
        return own if len(own) else self.baseline[self.baseline["series"] == ""]


def curves(scores: pd.DataFrame, baseline: str | None, designs: Mapping[str, str]) -> Curves:
    """Read the series of a table.

    Recipes that are called RECIPE@STEP@DESIGN say all themselves. In a table without such names the column `step` has
    the steps, and the column `design`, or `designs`, what the design is.

    Args:
        scores: `stilts.analysis.score_table.read_scores` with the columns `step` and `design`.
        baseline: the recipe that was not trained in the intermediate phase, if there is one.
        designs: series -> its design, where the table does not say.

    Raises InputError where no recipe has two steps in one target, and where a step is no number.
    """
    keys = ["recipe", "step", "design", "target", "language", *SEEDS]
    seeded = scores.groupby(keys, sort=False)["value"].mean().reset_index()
    seeded[list(SEEDS)] = seeded[list(SEEDS)].replace("", np.nan)
    named = {name: found for name in dict.fromkeys(seeded["recipe"]) if (found := kept_step(name))}
    rows = _by_name(seeded, named) if named else _by_column(seeded, baseline, designs)
    zero = (seeded["recipe"] == baseline).to_numpy() | (rows["step"] == 0).to_numpy()
    start = rows[zero].assign(series=np.where(seeded["recipe"][zero] == baseline, "", rows["series"][zero]))
    rows = rows[~zero & rows["step"].notna()]
    several = rows.groupby(["series", "design", "target"], sort=False)["step"].transform("nunique") > 1
    if not several.any():
        raise InputError(
            "no recipe with scores after two numbers of steps in one target",
            "recipes called RECIPE@STEP@DESIGN, or a column step", "give the table of a study with keep_steps",
        )  # fmt: skip
    columns = [*RUN, "step", "value"]
    kept = rows[several][columns].reset_index(drop=True)
    lost = sorted(set(seeded["recipe"]) - set(kept["series"]) - set(named) - {baseline})
    notes = [f"left out, as they have one number of steps: {', '.join(map(str, lost))}"] if lost else []
    return Curves(kept, start[[*RUN, "value"]].reset_index(drop=True), notes)


def _by_name(seeded: pd.DataFrame, named: Mapping[str, tuple[str, int, str]]) -> pd.DataFrame:
    found = [named.get(name, (name, np.nan, "")) for name in seeded["recipe"]]
    series, step, design = zip(*found, strict=True)
    return seeded.assign(series=series, step=np.array(step, dtype=np.float64), design=design)


def _by_column(seeded: pd.DataFrame, baseline: str | None, designs: Mapping[str, str]) -> pd.DataFrame:
    steps = pd.to_numeric(seeded["step"].replace("", np.nan), errors="coerce")
    wrong = np.flatnonzero((steps.isna() & (seeded["step"] != "") | (steps < 0)).to_numpy())
    if len(wrong):
        raise InputError(f"step {seeded['step'].iloc[wrong[0]]!r}", "optimizer steps, 0 or more", "mend the table")
    said = seeded["recipe"].map(dict(designs)).fillna("")
    design = seeded["design"].where(seeded["design"] != "", said)
    steps = steps.where(seeded["recipe"] != baseline, 0.0)
    return seeded.assign(series=seeded["recipe"], step=steps, design=design.replace("", UNNAMED))
