"""The merged XTREME table: averages as the benchmark takes them, null wherever a planned score is missing."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev
from typing import Any

from stilts.config import Recipe
from stilts.study.plan import Cell, Plan
from stilts.study.scores import Scores
from stilts.study.text import transductive_lines
from stilts.table import mean, table
from stilts.tasks import BENCHMARKS, get_task, target_tasks

TITLES = {"xtreme": "XTREME", "xtreme_r": "XTREME-R"}


def xtreme(plan: Plan, scores: Scores) -> dict[str, Any]:
    """The content of `xtreme.json`.

    A language's metric is its mean over seeds, a task's the mean over languages, its score the mean of the metrics the
    benchmark counts; a group is the mean of its planned tasks and `average` of all planned tasks (facts: the
    benchmark's plain mean of the tasks). Any of them is null if a planned score below it is missing. A group without
    a planned task is null; `tasks_absent` names the tasks that the study leaves out.
    """
    benchmark = plan.study.target.benchmark
    return {
        "benchmark": benchmark,
        "recipes": {recipe.name: _recipe(plan, scores, recipe) for recipe in plan.recipes},
        "missing": missing(scores),
        "tasks_absent": [name for name in target_tasks(benchmark) if name not in plan.targets],
    }


def missing(scores: Scores) -> list[dict[str, str]]:
    """One entry a recipe, target and language that lacks a score, with all reasons."""
    reasons: dict[tuple[str, str, str], dict[str, None]] = {}
    for cell, reason in scores.missing.items():
        reasons.setdefault((cell.recipe, cell.target, cell.language), {})[reason] = None
    return [
        {"recipe": recipe, "target": target, "language": language, "reason": "; ".join(why)}
        for (recipe, target, language), why in reasons.items()
    ]


def by_language(plan: Plan, scores: Scores) -> list[dict[str, Any]]:
    """The rows of `by_language.csv`: mean and standard deviation over seeds; value empty if a seed is missing."""
    groups: dict[tuple[str, str, str, str], list[float | None]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.recipe, cell.target, cell.language, cell.metric), []).append(scores.value(cell))
    rows = []
    for (recipe, target, language, metric), values in groups.items():
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        rows.append({
            "recipe": recipe, "target": target, "language": language, "metric": metric, "value": mean(values),
            "sd": stdev(known) if whole and len(known) > 1 else None, "seeds": len(known),
        })  # fmt: skip
    return rows


def xtreme_rows(content: dict[str, Any], plan: Plan) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of `xtreme.csv`: recipe x (tasks, groups, average, difference to the baseline)."""
    groups = list(BENCHMARKS[plan.study.target.benchmark])
    header = ["recipe", *plan.targets, *groups, "average", "difference"]
    base = content["recipes"][plan.baseline]["average"] if plan.baseline else None
    rows = []
    for name, recipe in content["recipes"].items():
        tasks = [recipe["tasks"][task]["score"] for task in plan.targets]
        difference = _minus(recipe["average"], base) if name != plan.baseline else None
        rows.append([name, *tasks, *(recipe["groups"][g] for g in groups), recipe["average"], difference])
    return header, rows


def xtreme_markdown(content: dict[str, Any], plan: Plan) -> str:
    """The text of `xtreme.md`: the table, and the differences to the baseline by task."""
    header, rows = xtreme_rows(content, plan)
    study = plan.study
    title = TITLES[study.target.benchmark]
    parts = [
        f"# {title}: {study.name}",
        f"{study.model.name}, split {study.evaluation.split}, points (0-100), zero-shot from English, mean over "
        "languages and seeds; a dash where a score is missing or nothing was planned.",
        table(header, [[row[0], *(_points(v) for v in row[1:-1]), _signed(row[-1])] for row in rows]),
    ]
    if plan.baseline and len(rows) > 1:
        base = next(row for row in rows if row[0] == plan.baseline)
        others = [row for row in rows if row[0] != plan.baseline]
        lines = [
            [row[0], *(_signed(_minus(v, b)) for v, b in zip(row[1:-1], base[1:-1], strict=True))] for row in others
        ]
        parts += [f"## Difference to {plan.baseline}", table(header[:-1], lines)]
    if content["tasks_absent"]:
        parts.append(f"Not in this study: {', '.join(content['tasks_absent'])}; averages are over the planned tasks.")
    parts += transductive_lines(plan)
    if content["missing"]:
        parts.append(f"{len(content['missing'])} cells are missing: see `missing` in xtreme.json.")
    return "\n\n".join(parts) + "\n"


def _recipe(plan: Plan, scores: Scores, recipe: Recipe) -> dict[str, Any]:
    cells = [cell for cell in plan.cells if cell.recipe == recipe.name]
    tasks = {target: _task([c for c in cells if c.target == target], target, scores) for target in plan.targets}
    groups = {
        group: mean(tasks[name]["score"] for name in names if name in tasks)
        for group, names in BENCHMARKS[plan.study.target.benchmark].items()
    }
    seeds = {seed for cell in cells for seed in (cell.intermediate_seed, cell.target_seed) if seed is not None}
    return {
        "seeds": sorted(seeds),
        "tasks": tasks,
        "groups": groups,
        "average": mean(task["score"] for task in tasks.values()),
    }


def _task(cells: Sequence[Cell], target: str, scores: Scores) -> dict[str, Any]:
    task = get_task(target)
    languages = {
        language: {
            metric: mean(scores.value(c) for c in cells if c.language == language and c.metric == metric)
            for metric in task.metrics
        }
        for language in dict.fromkeys(cell.language for cell in cells)
    }
    metrics = {metric: mean(values[metric] for values in languages.values()) for metric in task.metrics}
    return {"metrics": metrics, "score": mean(metrics[m] for m in task.score_metrics), "languages": languages}


def _minus(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def _points(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.1f}"
