"""What is wrong with a study, before anything is read or run; and what this version cannot do yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stilts.config import Recipe, RetrievalSettings, Study, TwoByTwo
from stilts.deepspeed_config import read_deepspeed_config
from stilts.errors import InputError
from stilts.settings import unknown
from stilts.study.conditions import check_conditions
from stilts.study.kept_steps import check_kept_steps, is_baseline
from stilts.study.targets import planned_languages
from stilts.study.text import check_mlm
from stilts.tasks import check_language, get_task, target_tasks
from stilts.tasks.hub import HUB
from stilts.tasks.translations import SOURCE, check_translatable
from stilts.two_by_two import NAMES, cell_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
SPLITS = ("train", "dev", "test", "candidates")


def check_study(study: Study) -> None:
    """Raise InputError for the first setting that contradicts another one or names something that does not exist."""
    _check_name(study.name, "name")
    _check_seeds(study.seeds, "seeds", needed=True)
    read_deepspeed_config(study.deepspeed)
    _check_seeds(study.target.seeds, "target.seeds")
    _no_repeats([recipe.name for recipe in study.intermediate], "intermediate", "recipe")
    for index, recipe in enumerate(study.intermediate):
        _check_recipe(study, recipe, f"intermediate[{index}]")
    baselines = [recipe.name for recipe in study.intermediate if is_baseline(recipe)]
    if len(baselines) > 1:
        raise InputError(
            f"recipes {' and '.join(baselines)} both have no task",
            "at most one baseline",
            "remove one from intermediate",
        )
    _check_targets(study)
    _check_data(study)
    _check_average(study)
    check_conditions(study)
    _check_two_by_two(study)


def not_in_this_version(study: Study) -> list[str]:
    """The settings of a study that are part of the contract but that this version cannot carry out, one line each."""
    lines = []
    for recipe in study.intermediate:
        where = f"recipe {recipe.name}"
        others = set(recipe.languages) - {"en"} and not recipe.translated_from
        lines += [f"{where}: languages other than en (without translated_from)"] if others else []
        lines += [f"{where}: select: none"] if recipe.select == "none" else []
    return lines


def _check_recipe(study: Study, recipe: Recipe, where: str) -> None:
    _check_name(recipe.name, f"{where}.name")
    _no_repeats(recipe.tasks, f"{where}.tasks", "task")
    for task in recipe.tasks:
        if recipe.translated_from:
            check_translatable(get_task(task), f"{where} is translated, and a task of it")
        elif get_task(task).kind != "intermediate":
            raise InputError(
                f"{where}.tasks has {task!r}, a target task", "intermediate tasks", "move it to target.tasks"
            )
    _check_seeds(recipe.seeds, f"{where}.seeds")
    for code in recipe.languages:
        check_language(code, where=f"{where}.languages")
    _no_repeats(recipe.languages, f"{where}.languages", "language")
    _check_translation(recipe, where)
    for code in recipe.mlm.languages if recipe.mlm else []:
        check_language(code)
    _no_repeats(recipe.mlm.languages if recipe.mlm else [], f"{where}.mlm.languages", "language")
    given = [k for k in ("steps", "examples", "epochs") if getattr(recipe.budget, k) is not None]
    if len(given) > 1:
        raise InputError(f"{where}.budget has {' and '.join(given)}", "one of them", f"remove one from {where}.budget")
    if recipe.budget.epochs == 0:
        raise InputError(f"{where}.budget.epochs is 0", "more than 0", "use `tasks: []` for a recipe without training")
    check_mlm(recipe, where)
    check_kept_steps(study, recipe, where)
    _check_sampling(recipe, f"{where}.sampling")


def _check_translation(recipe: Recipe, where: str) -> None:
    if recipe.translated_from is None:
        return
    if recipe.translated_from != SOURCE:
        raise InputError(
            f"{where}.translated_from is {recipe.translated_from!r}",
            f"{SOURCE!r}, the language of the training sets",
            f"set {where}.translated_from: {SOURCE}",
        )
    if not recipe.tasks or not set(recipe.languages) - {SOURCE}:
        lacking = "tasks" if not recipe.tasks else "languages"
        raise InputError(
            f"{where} has translated_from and no {lacking}",
            "tasks, and the languages that they were translated into",
            f"set {where}.{lacking}, or remove translated_from",
        )


def _check_sampling(recipe: Recipe, where: str) -> None:
    sampling = recipe.sampling
    if sampling.strategy != "given":
        if sampling.weights:
            raise InputError(
                f"{where} has weights but the strategy {sampling.strategy}",
                "the strategy given",
                f"set {where}.strategy: given, or remove the weights",
            )
        return
    for task in sampling.weights:
        if task not in recipe.tasks:
            raise unknown(f"task {task!r} in {where}.weights", task, recipe.tasks, "name the recipe's tasks only")
    absent = [task for task in recipe.tasks if task not in sampling.weights]
    if absent or not any(sampling.weights.values()):
        raise InputError(
            f"{where} is given but has no weight for {', '.join(absent)}" if absent else f"{where}.weights are all 0",
            "a weight for every task of the recipe, one above 0",
            f"add {where}.weights",
        )


def _check_targets(study: Study) -> None:
    target = study.target
    _no_repeats(target.tasks, "target.tasks", "task")
    known = target_tasks(target.benchmark)
    for task in target.tasks:
        if get_task(task).kind != "target":
            raise InputError(
                f"target.tasks has {task!r}, an intermediate task", f"one of {', '.join(known)}", "move it to a recipe"
            )
        if task not in known:
            raise InputError(
                f"target.tasks has {task!r}",
                f"tasks of {target.benchmark}: {', '.join(known)}",
                "change target.benchmark",
            )
    chosen = target.tasks or list(known)
    for name, settings in target.per_task.items():
        if name not in chosen:
            raise unknown(f"task {name!r} in target.per_task", name, chosen, "add it to target.tasks or remove it")
        if settings.retrieval != RetrievalSettings() and not get_task(name).untrained:
            raise InputError(
                f"target.per_task.{name} has retrieval, and {name} is scored by a head",
                "it for tatoeba or bucc2018",
                f"remove target.per_task.{name}.retrieval",
            )
        tuned_on = settings.retrieval.tuned_on
        for stage in [*(settings.train or []), *([tuned_on] if tuned_on else [])]:
            get_task(stage)
    if isinstance(target.languages, dict):
        for name in target.languages:
            if name not in chosen:
                raise unknown(f"task {name!r} in target.languages", name, chosen, "add it to target.tasks or remove it")


def _check_two_by_two(study: Study) -> None:
    given, where = study.evaluation.domain, "evaluation.domain"
    if not isinstance(given, TwoByTwo):
        return
    if not any(cell_of(recipe.name) for recipe in study.intermediate):
        raise InputError(
            f"{where} says where the 2 x 2 is scored, and no recipe is of it",
            NAMES,
            f"add them, or write {where}: true",
        )
    chosen = study.target.tasks or target_tasks(study.target.benchmark)
    for name in given.targets:
        if name not in chosen:
            raise unknown(f"task {name!r} in {where}.targets", name, chosen, "name targets of the study")
    scored = [planned_languages(study, get_task(name)) for name in given.targets or chosen]
    for code in given.near:
        check_language(code)
        if not (all if given.targets else any)(code in own for own in scored):
            known = ", ".join(dict.fromkeys(code for own in scored for code in own))
            raise InputError(f"{where}.near has {code!r}", f"one that the 2 x 2 is scored in: {known}", "change it")


def _check_average(study: Study) -> None:
    training = study.training
    if training.average_last == 1:
        return
    if not training.save_every:
        raise InputError(
            f"training.average_last is {training.average_last} but training.save_every is 0",
            "the number of steps that the averaged models lie apart",
            "set training.save_every",
        )
    if training.select != "last" or any(recipe.select == "best" for recipe in study.intermediate):
        raise InputError(
            f"training.average_last is {training.average_last}, and not every phase keeps its last model",
            "training.select: last, and no recipe with select: best",
            "set training.select: last, or training.average_last: 1",
        )


def _check_data(study: Study) -> None:
    for name, splits in study.data.files.items():
        get_task(name)
        for split, files in splits.items():
            if split not in SPLITS:
                raise unknown(f"split {split!r} in data.files.{name}", split, SPLITS, "rename it")
            for code in files:
                check_language(code, where=f"data.files.{name}.{split}")
    for name, limits in study.data.limit.items():
        get_task(name)
        for split in limits:
            if split not in SPLITS:
                raise unknown(f"split {split!r} in data.limit.{name}", split, SPLITS, "rename it")
    for name in study.data.revisions:
        if get_task(name).name not in HUB:
            found, change = f"data.revisions has {name!r}, which is no repository of the hub", "remove it"
            if get_task(name).parts:
                change = f"name its parts {', '.join(get_task(name).parts)}"
            raise InputError(found, f"one of {', '.join(HUB)}", change)


def _check_name(name: str, where: str) -> None:
    if not NAME.fullmatch(name):
        raise InputError(
            f"{where} is {name!r}", "letters, digits and . _ + -, a letter or digit first", f"change {where}"
        )


def _check_seeds(seeds: Sequence[int], where: str, needed: bool = False) -> None:
    if needed and not seeds:
        raise InputError(f"{where} is empty", "at least one seed", f"write {where}: [1]")
    _no_repeats(seeds, where, "seed")


def _no_repeats(values: Sequence[object], where: str, what: str) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise InputError(f"{where} has the {what} {value!r} twice", "each once", "remove or rename one")
