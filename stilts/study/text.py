"""Masked LM in a recipe: its settings, its sets of raw text, and whether they make its runs transductive."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from stilts.config import Mlm, Recipe, Study
from stilts.data.sources import find_files
from stilts.data.specs import SetSpec
from stilts.data.transductive import named_like_evaluation
from stilts.errors import InputError
from stilts.study.resolve import intermediate_length
from stilts.study.targets import planned_languages, read_limit
from stilts.tasks import MLM, TASKS, target_tasks

if TYPE_CHECKING:
    from stilts.study.plan import Plan

SHOWN = 4  # notes of a recipe in the plan's text


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


def transductive_notes(plan: Plan) -> dict[str, list[str]]:
    """Recipe -> why it is transductive, a line each; recipes that are not are left out.

    From the sets that `prepare` made, which were compared with the evaluation sets; by the names of the files where a
    set is not prepared.
    """
    found: dict[str, dict[str, None]] = {}
    for run in plan.runs:
        for ref in (ref for ref in run.train_sets if ref.task == MLM.name):
            manifest = plan.features / ref.folder / "manifest.json"
            if manifest.is_file():
                notes = json.loads(manifest.read_text(encoding="utf-8")).get("transductive", [])
            else:
                notes = _by_name(plan.study, ref.language)
            found.setdefault(run.recipe, {}).update(dict.fromkeys(notes))
    return {recipe: list(notes) for recipe, notes in found.items() if notes}


def mlm_lines(plan: Plan) -> list[str]:
    """What a reader of the plan is told about masked LM and its text, a line each."""
    lines = {
        run.recipe: f"masked LM in {run.recipe}: {run.mlm.share:.0%} of the steps, peak rate "
        f"{run.mlm.learning_rate:g}, languages {' '.join(run.mlm.languages)} drawn by rows^{run.mlm.exponent:g}"
        for run in plan.runs
        if run.mlm is not None
    }
    return [*lines.values(), *transductive_lines(plan)]


def transductive_lines(plan: Plan) -> list[str]:
    """`transductive_notes` as text, a line a recipe, without the last of many."""
    out = []
    for recipe, notes in transductive_notes(plan).items():
        more = f"; and {len(notes) - SHOWN} more" if len(notes) > SHOWN else ""
        out.append(f"{recipe} is transductive: {'; '.join(notes[:SHOWN])}{more}")
    return out


def _by_name(study: Study, language: str) -> list[str]:
    try:
        paths = find_files(MLM, "train", language, study.data)
    except InputError:  # `prepare` says so
        return []
    return named_like_evaluation(f"{MLM.name}/train/{language}", paths)


def _target_languages(study: Study) -> list[str]:
    """Every language that a target is scored in, in the order of the targets."""
    names = study.target.tasks or target_tasks(study.target.benchmark)
    return list(dict.fromkeys(code for name in names for code in planned_languages(study, TASKS[name])))
