"""Masked LM in a recipe: its settings and its sets of raw text."""

from __future__ import annotations

from dataclasses import replace

from stilts.config import Mlm, Recipe, Study
from stilts.data.specs import SetSpec
from stilts.errors import InputError
from stilts.study.resolve import intermediate_length
from stilts.study.targets import planned_languages, read_limit
from stilts.tasks import MLM, TASKS, target_tasks


def check_mlm(recipe: Recipe, where: str) -> None:
    """Raise InputError for masked LM that contradicts the rest of its recipe."""
    if MLM.name in recipe.tasks:
        raise InputError(
            f"{where}.tasks has {MLM.name!r}", "tasks with labels", f"write {where}.mlm: {{languages: [...]}} instead"
        )
    if recipe.mlm is None:
        return
    if recipe.tasks and not 0 < recipe.mlm.share < 1:
        raise InputError(
            f"{where}.mlm.share is {recipe.mlm.share:g} beside {', '.join(recipe.tasks)}",
            "a share of the steps above 0 and below 1",
            f"change {where}.mlm.share, or remove mlm or the tasks",
        )
    if not recipe.tasks and recipe.select == "best":
        raise InputError(
            f"{where}.select is best and masked LM is all it trains on",
            "a task with a development set to choose by",
            f"set {where}.select: last",
        )


def resolved_mlm(study: Study, recipe: Recipe) -> Mlm | None:
    """The recipe's masked LM as a run has it: with its languages, and the whole share where there is no task."""
    if recipe.mlm is None:
        return None
    languages = recipe.mlm.languages or _target_languages(study)
    if not languages:
        raise InputError(
            f"recipe {recipe.name} has mlm without languages, and no target has any",
            "the languages of the text",
            f"set mlm.languages of recipe {recipe.name}",
        )
    return replace(recipe.mlm, languages=languages, share=recipe.mlm.share if recipe.tasks else 1.0)


def text_sets(study: Study, mlm: Mlm | None) -> list[SetSpec]:
    """The sets of raw text, one a language."""
    length = intermediate_length(study, MLM)
    return [
        SetSpec(MLM.name, "train", code, "train", length, MLM.version, "all", read_limit(study, MLM, "train"))
        for code in (mlm.languages if mlm is not None else ())
    ]


def _target_languages(study: Study) -> list[str]:
    """Every language that a target is scored in, in the order of the targets."""
    names = study.target.tasks or target_tasks(study.target.benchmark)
    return list(dict.fromkeys(code for name in names for code in planned_languages(study, TASKS[name])))
