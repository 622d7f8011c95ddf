"""The merged XTREME table: averages as the benchmark takes them, null wherever a planned score is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stilts.config import RunSettings
from stilts.study.marks import CHOSEN_ON, SAME_DATA, Marks, find_marks
from stilts.study.plan import Plan
from stilts.study.score_rows import read_run
from stilts.study.scores import Block, Scores, expected_of
from stilts.study.seed_means import Targets, stdev, targets_of
from stilts.study.spread import gaps, spreads
from stilts.table import mean
from stilts.tasks import BENCHMARKS, get_task, target_tasks

WITHOUT = {
    "without_chosen_on": (CHOSEN_ON,),
    "without_same_data": (SAME_DATA,),
    "without_both": (CHOSEN_ON, SAME_DATA),
}
BY_LANGUAGE = ("recipe", "target", "language", "metric", "value", "sd", "seeds", "marks")


def xtreme(plan: Plan, scores: Scores) -> dict[str, Any]:
    """The content of `xtreme.json`.

    A language's metric is its mean over seeds, a task's the mean over languages, its score the mean of the metrics the
    benchmark counts; a group is the mean of its planned tasks and `average` of all planned tasks (facts: the
    benchmark's plain mean of the tasks). Any of them is null if a planned score below it is missing. A group without
    a planned task is null; `tasks_absent` names the tasks that the study leaves out. `marks` and `averages`: see
    `stilts.study.marks`; an average without marked cells leaves out the same cells for every recipe, so that recipes
    can be compared by it.
    """
    benchmark = plan.study.target.benchmark
    marks = find_marks(plan, scores)
    blocks = scores.blocks
    return {
        "benchmark": benchmark,
        "recipes": {one.name: _recipe(plan, blocks.get(one.name, []), one.name, marks) for one in plan.recipes},
        "missing": missing(scores),
        "unlabelled": unlabelled(scores),
        "tasks_absent": [name for name in target_tasks(benchmark) if name not in plan.targets],
    }


def scores_of_run(plan: Plan, run: RunSettings) -> dict[str, float | None]:
    """Target -> its score in one run, as in a recipe of `xtreme`."""
    expected = expected_of(plan, run)
    found: Targets = {target: {} for target in run.evaluates}
    for place, value in zip(expected.places, read_run(expected).values, strict=True):
        found[place.target].setdefault(place.language, {})[place.metric] = value
    return {target: _task(target, own)["score"] for target, own in found.items()}


def missing(scores: Scores) -> list[dict[str, str]]:
    """One entry a recipe, target and language that lacks a score, with all reasons."""
    reasons: dict[tuple[str, str, str], dict[str, None]] = {}
    for own in scores.runs.values():
        for number, reason in own.missing.items():
            place = own.places[number]
            reasons.setdefault((own.run.recipe, place.target, place.language), {})[reason] = None
    return [
        {"recipe": recipe, "target": target, "language": language, "reason": "; ".join(why)}
        for (recipe, target, language), why in reasons.items()
    ]


def unlabelled(scores: Scores) -> list[dict[str, str]]:
    """The entries of `missing`, without reasons, of which all was done but the test set has no labels."""
    failed: set[tuple[str, str, str]] = set()
    found: dict[tuple[str, str, str], None] = {}
    for own in scores.runs.values():
        for number in own.missing:
            key = own.run.recipe, own.places[number].target, own.places[number].language
            if number in own.predicted:
                found[key] = None
            else:
                failed.add(key)
    return [
        {"recipe": recipe, "target": target, "language": language}
        for recipe, target, language in found
        if (recipe, target, language) not in failed
    ]


def by_language(plan: Plan, scores: Scores) -> list[list[Any]]:
    """The rows of `by_language.csv`: mean and standard deviation over seeds; value empty if a seed is missing."""
    rows, marks = [], find_marks(plan, scores)
    for recipe, blocks in scores.blocks.items():
        marked = {target for target in plan.targets if marks.of(recipe, target)}
        for block in blocks:
            for (place, values), value in zip(block.columns(), block.means, strict=True):
                known = values if value is not None else [one for one in values if one is not None]
                sd = stdev(known) if value is not None and len(known) > 1 else None  # type: ignore[arg-type]
                own = " ".join(marks.of(recipe, place.target, place.language)) if place.target in marked else ""
                rows.append([recipe, place.target, place.language, place.metric, value, sd, len(known), own])
    return rows


def xtreme_rows(content: dict[str, Any], plan: Plan) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of `xtreme.csv`: recipe x (tasks, groups, average, difference to the baseline)."""
    groups = list(BENCHMARKS[plan.study.target.benchmark])
    header = ["recipe", *plan.targets, *groups, "average", "difference"]
    base = content["recipes"][plan.baseline]["average"] if plan.baseline else None
    rows = []
    for name, recipe in content["recipes"].items():
        tasks = [recipe["tasks"][task]["score"] for task in plan.targets]
        difference = minus(recipe["average"], base) if name != plan.baseline else None
        rows.append([name, *tasks, *(recipe["groups"][g] for g in groups), recipe["average"], difference])
    return header, rows


def marked_rows(content: dict[str, Any], plan: Plan) -> tuple[list[str], list[list[Any]]]:
    """`xtreme_rows` with the averages without marked cells, and the marks, as further columns."""
    header, rows = xtreme_rows(content, plan)
    added = [*(f"average_{name}" for name in WITHOUT), "marks", "average_without_retrieval"]
    added += [*(f"sd_{task}" for task in plan.targets), "sd_average"]
    more = [
        [
            *(recipe["averages"][name] for name in WITHOUT), _named(recipe["marks"]),
            recipe["average_without_retrieval"], *recipe["sds"]["tasks"].values(), recipe["sds"]["average"],
        ]
        for recipe in content["recipes"].values()
    ]  # fmt: skip
    return [*header, *added], [[*row, *own] for row, own in zip(rows, more, strict=True)]


def _named(marks: dict[str, Any]) -> str:
    """The marks of a recipe's tasks as text."""
    names = {
        task: [f"{CHOSEN_ON} {','.join(found[CHOSEN_ON])}"] * bool(found[CHOSEN_ON]) + [SAME_DATA] * found[SAME_DATA]
        for task, found in marks.items()
    }
    return "; ".join(f"{task}: {' '.join(own)}" for task, own in names.items())


def _recipe(plan: Plan, blocks: Sequence[Block], recipe: str, marks: Marks) -> dict[str, Any]:
    own = targets_of(plan.targets, blocks)
    tasks = {target: _task(target, own.get(target, {})) for target in plan.targets}
    groups = {
        group: mean(tasks[name]["score"] for name in names if name in tasks)
        for group, names in BENCHMARKS[plan.study.target.benchmark].items()
    }
    seeds = {seed for block in blocks for one in block.runs for seed in one.run.seeds.values() if seed is not None}
    found = {target: marks.of(recipe, target) for target in plan.targets}
    return {
        "seeds": sorted(seeds),
        "tasks": tasks,
        "groups": groups,
        "average": mean(task["score"] for task in tasks.values()),
        "averages": {name: _average(own, marks, kinds) for name, kinds in WITHOUT.items()},
        "average_without_retrieval": _without_retrieval(plan, tasks),
        "sds": spreads(plan.targets, blocks),
        "gaps": gaps(own),
        "marks": {
            target: {CHOSEN_ON: list(marks.chosen_on.get((recipe, target), ())), SAME_DATA: SAME_DATA in kinds}
            for target, kinds in found.items()
            if kinds
        },
    }


def minus(value: float | None, base: float | None) -> float | None:
    """The difference, None where one of the two is missing."""
    return None if value is None or base is None else value - base


def _without_retrieval(plan: Plan, tasks: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The average over the other tasks, where a study has both."""
    retrieval = BENCHMARKS[plan.study.target.benchmark]["retrieval"]
    others = [task["score"] for name, task in tasks.items() if name not in retrieval]
    return mean(others) if len(others) < len(tasks) else None


def _average(own: Targets, marks: Marks, without: Sequence[str]) -> float | None:
    """The mean of the tasks' scores over the cells that have none of the marks `without`, for any recipe."""
    languages = marks.languages_chosen_on if CHOSEN_ON in without else {}
    targets = marks.targets_of_same_data if SAME_DATA in without else set()
    kept = {
        target: {code: metrics for code, metrics in found.items() if code not in languages.get(target, ())}
        for target, found in own.items()
        if target not in targets
    }
    return mean(_task(target, found)["score"] for target, found in kept.items() if found)


def _task(target: str, languages: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
    """A task of xtreme.json from language -> metric -> mean over seeds."""
    task = get_task(target)
    metrics = {metric: mean(own[metric] for own in languages.values()) for metric in task.metrics}
    return {"metrics": metrics, "score": mean(metrics[m] for m in task.score_metrics), "languages": languages}
