"""Recipes of translated data: the training set of a task in other languages, as many rows as the English one has."""

from __future__ import annotations

from dataclasses import replace

from stilts.config import Recipe, RunSettings
from stilts.data.specs import SetSpec
from stilts.tasks import MLM
from stilts.tasks.translations import SOURCE


def in_languages(english: SetSpec, recipe: Recipe) -> list[SetSpec]:
    """The training sets of a recipe's languages, given the English one of a task.

    Several languages take turns with the rows: of each k examples in a row every language has one, so that together
    they have the rows of the English set, an epoch has the steps of an English one, and samplers see the same size.
    """
    if not recipe.translated_from:
        return [english]
    of = len(recipe.languages)
    return [
        replace(
            english,
            language=code,
            translated_from=None if code == SOURCE else recipe.translated_from,
            turn=f"{number}/{of}" if of > 1 else None,
        )
        for number, code in enumerate(recipe.languages, start=1)
    ]


def translated_languages(run: RunSettings, task: str) -> list[str]:
    """The languages of a task's training sets in a run of translated data; none where its data are not translated."""
    return [ref.language for ref in run.train_sets if ref.task == task != MLM.name] if run.translated_from else []


def trained_on(run: RunSettings) -> str:
    """The training tasks of a run as tables name them: `mnli, squad_v1 (en -> de, sw)`."""
    names = ", ".join(run.trains_on)
    languages = dict.fromkeys(code for task in run.trains_on for code in translated_languages(run, task))
    return f"{names} ({run.translated_from} -> {', '.join(languages)})" if run.translated_from else names
