"""What a study says about itself that a table of scores does not: the settings its questions are asked with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from stilts.analysis.language_effects import ENGLISH
from stilts.analysis.questions import Question
from stilts.analysis.typology_answer import MEASURED
from stilts.analysis.uriel import uriel_code
from stilts.config import Recipe, TwoByTwo
from stilts.study.plan import Plan
from stilts.tasks import MLM
from stilts.two_by_two import cell_of

_TAGGED = "udpos"


def told(plan: Plan, name: str, question: Question, scored: Collection[str]) -> dict[str, Any]:
    """The settings of a question that follow from the study; the others keep their defaults.

    Every question is told the baseline and, where they are there, the folder of prepared sets and the study's tables of
    steps, measures and languages: it takes those that it has settings for.

    Args:
        scored: the recipes that have scores; of the others nothing is told.
    """
    recipes = [one for one in plan.recipes if one.name in scored]
    results = plan.folder / "results"
    files = {"prepared": plan.features, "axis": results / "steps.csv", "measures": results / "domain.csv"}
    if plan.study.data.root:
        files["features"] = Path(plan.study.data.root) / "languages.csv"
    found: dict[str, Any] = {key: str(path) for key, path in files.items() if path.exists()}
    found["baseline"] = plan.baseline
    found |= _OWN[name](plan, recipes) if name in _OWN else {}
    fields = {field.name for field in dataclasses.fields(question.settings)}
    return {key: value for key, value in found.items() if key in fields and value is not None}


def _recipes(plan: Plan, recipes: Sequence[Recipe]) -> dict[str, Any]:
    """What each recipe trains on, masked LM among it, as its name need not say it."""
    tasks = {one.name: [*one.tasks, *([MLM.name] if one.mlm else [])] for one in recipes}
    return {"recipes": {name: "+".join(own) for name, own in tasks.items() if own}}


def _multitask(plan: Plan, recipes: Sequence[Recipe]) -> dict[str, Any]:
    """The same; beside others, recipes on translated data and of the 2 x 2 are neither a task more nor several."""
    found: dict[str, str] = _recipes(plan, recipes)["recipes"]
    aside = [one.name for one in recipes if one.translated_from or cell_of(one.name)]
    return {"recipes": {**found, **dict.fromkeys(aside, "")} if found.keys() - aside else found}


def _noise(plan: Plan, recipes: Sequence[Recipe]) -> dict[str, Any]:
    """The recipes that are not on English alone, and the English ones matched with them."""
    many = [one for one in recipes if _is_multilingual(one)]
    english = [one for one in recipes if one not in many and one.name != plan.baseline]
    pairs: dict[str, str] = {}
    for recipe in many:
        alike = [one.name for one in english if (one.tasks, one.budget) == (recipe.tasks, recipe.budget)]
        if len(alike) == 1:
            pairs[recipe.name] = alike[0]
    return {"multilingual": [one.name for one in many], "pairs": pairs}


def _is_multilingual(recipe: Recipe) -> bool:
    own = [language for language in recipe.languages if language != ENGLISH]
    return bool(own) or (recipe.mlm is not None and recipe.mlm.languages != [ENGLISH])


def _typology(plan: Plan, recipes: Sequence[Recipe]) -> dict[str, Any]:
    """Distances measured in tagged text, where there is some and a language is not in URIEL."""
    languages = dict.fromkeys(place.language for places in plan.places.values() for place in places)
    invented = any(uriel_code(language) is None for language in languages)
    return {"distances": MEASURED} if invented and _TAGGED in plan.targets else {}


def _domain(plan: Plan, recipes: Sequence[Recipe]) -> dict[str, Any]:
    """What the recipes on English data train on, those of the 2 x 2 left out; and what the 2 x 2 is scored on."""
    found = _recipes(plan, [one for one in recipes if not one.translated_from and cell_of(one.name) is None])
    given = plan.study.evaluation.domain
    return {**found, "near": given.near, "targets": given.targets} if isinstance(given, TwoByTwo) else found


_OWN: dict[str, Callable[[Plan, Sequence[Recipe]], dict[str, Any]]] = {
    "multitask": _multitask, "domain": _domain, "noise": _noise, "typology": _typology,
}  # fmt: skip
