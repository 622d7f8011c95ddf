"""Recipes at one step of their intermediate phase, and how they are called: `RECIPE@STEP@DESIGN`.

A study that keeps steps has one such recipe a kept step, so that every table and figure says how the steps came about.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TRUNK, SNAPSHOTS, SEPARATE = "trunk_cooldown", "snapshots", "separate_runs"
DESIGNS = (TRUNK, SNAPSHOTS, SEPARATE)
MEANINGS = {
    TRUNK: "one run at a constant rate, and from each kept step a branch whose rate falls to 0",
    SNAPSHOTS: "the models of one run whose rate falls all the while, so that steps and rate go together",
    SEPARATE: "a whole run for each kept step, the rate falling to 0 in each",
}
"""How the steps of a design came about."""
_NAME = re.compile(rf"(?P<recipe>.+)@(?P<step>\d+)@(?P<design>{'|'.join(DESIGNS)})")


class KeptStep(NamedTuple):
    """One recipe, a number of optimizer steps (of its trunk, for `trunk_cooldown`), and the design."""

    recipe: str
    step: int
    design: str

    @property
    def name(self) -> str:
        """As recipes of a plan and of score rows are called."""
        return f"{self.recipe}@{self.step}@{self.design}"


def kept_step(name: str) -> KeptStep | None:
    """What a recipe's name says; None for a recipe that is not one of several kept steps."""
    found = _NAME.fullmatch(name)
    return KeptStep(found["recipe"], int(found["step"]), found["design"]) if found else None
