"""Marks of cells that are not what they seem: chosen on the set that is reported, or of data that the recipe saw too.

- chosen_on: the checkpoint, or the threshold of mining, was chosen on this very set (the task's split in this
  language), so the number is a little too good. Zero-shot languages of the same target are not marked: English chose.
- same_data: the target is fine-tuned on data that its recipe has trained on (MNLI or ANLI+ and xnli; SQuAD and xquad,
  mlqa, lareqa), so the intermediate phase is more of the same and not transfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stilts.config import Recipe, RunSettings
from stilts.study.plan import Plan
from stilts.study.score_rows import CHOSEN_ON, SAME_DATA
from stilts.tasks import data_of

if TYPE_CHECKING:
    from stilts.study.scores import Scores

SIGNS = {CHOSEN_ON: "†", SAME_DATA: "‡"}
MEANINGS = {
    CHOSEN_ON: "holds a cell that is reported on the set its checkpoint or threshold was chosen on",
    SAME_DATA: "the recipe trained on the target's own training data",
}


@dataclass(frozen=True)
class Marks:
    """The marked cells of a study.

    Attributes:
        chosen_on: recipe, target -> languages.
        same_data: recipe, target.
    """

    chosen_on: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    same_data: frozenset[tuple[str, str]] = frozenset()

    def of(self, recipe: str, target: str, language: str | None = None) -> tuple[str, ...]:
        """The marks of a cell, or with no language those of any cell of the recipe and target."""
        languages, same = self.chosen_on.get((recipe, target), ()), (recipe, target) in self.same_data
        if not languages and not same:  # nearly all cells of a large study
            return ()
        chosen = bool(languages) if language is None else language in languages
        found = {CHOSEN_ON: chosen, SAME_DATA: same}
        return tuple(mark for mark, holds in found.items() if holds)

    @property
    def languages_chosen_on(self) -> dict[str, set[str]]:
        """Target -> languages that are marked for any recipe: all recipes are averaged without them alike."""
        out: dict[str, set[str]] = {}
        for (_, target), languages in self.chosen_on.items():
            out.setdefault(target, set()).update(languages)
        return out

    @property
    def targets_of_same_data(self) -> set[str]:
        """Targets that are marked for any recipe."""
        return {target for _, target in self.same_data}


def find_marks(plan: Plan, scores: Scores) -> Marks:
    """The marks of a study: those of choice from the scores there are, those of data from the plan."""
    chosen: dict[tuple[str, str], dict[str, None]] = {}
    for own in scores.runs.values():
        for place in (own.places[number] for number in own.chosen):
            chosen.setdefault((own.run.recipe, place.target), {})[place.language] = None
    return Marks({key: tuple(languages) for key, languages in chosen.items()}, frozenset(same_data(plan)))


def same_data(plan: Plan) -> set[tuple[str, str]]:
    """Recipe and target of every fine-tune on data that the recipe has trained on."""
    runs = {run.run: run for run in plan.runs}
    recipes = {recipe.name: _data_of_recipe(recipe) for recipe in plan.recipes}
    return {
        (run.recipe, target)
        for run in plan.runs
        for target in run.evaluates
        if recipes[run.recipe] & {name for task in fine_tuned_on(run, runs) for name in data_of(task)}
    }


def _data_of_recipe(recipe: Recipe) -> set[str]:
    return {name for task in recipe.tasks for name in data_of(task)}


def fine_tuned_on(run: RunSettings, runs: Mapping[str, RunSettings]) -> list[str]:
    """The training tasks of a target's whole chain."""
    before = runs[run.init_run] if run.init_run else None
    earlier = fine_tuned_on(before, runs) if before is not None and before.kind == "target" else []
    return [*earlier, *run.trains_on]
