"""The merged XTREME table: averages as the benchmark takes them, null wherever a planned score is missing."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev
from typing import Any

from stilts.config import Recipe, RunSettings
from stilts.study.marks import CHOSEN_ON, MEANINGS, SAME_DATA, SIGNS, Marks, find_marks
from stilts.study.plan import Cell, Plan
from stilts.study.scores import Scores, rows_of_run
from stilts.study.text_notes import transductive_lines
from stilts.table import mean, table
from stilts.tasks import BENCHMARKS, get_task, target_tasks

_WITHOUT = {
    "without_chosen_on": (CHOSEN_ON,),
    "without_same_data": (SAME_DATA,),
    "without_both": (CHOSEN_ON, SAME_DATA),
}
TITLES = {"xtreme": "XTREME", "xtreme_r": "XTREME-R"}


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
    return {
        "benchmark": benchmark,
        "recipes": {recipe.name: _recipe(plan, scores, recipe, marks) for recipe in plan.recipes},
        "missing": missing(scores),
        "unlabelled": unlabelled(scores),
        "tasks_absent": [name for name in target_tasks(benchmark) if name not in plan.targets],
    }


def scores_of_run(plan: Plan, run: RunSettings, cells: Sequence[Cell]) -> dict[str, float | None]:
    """Target -> its score in one run, as in a recipe of `xtreme`; `cells` are the run's."""
    scores = Scores(rows=rows_of_run(plan, run, cells))
    own = {target: [cell for cell in cells if cell.target == target] for target in run.evaluates}
    return {target: _task(planned, target, scores)["score"] for target, planned in own.items()}


def missing(scores: Scores) -> list[dict[str, str]]:
    """One entry a recipe, target and language that lacks a score, with all reasons."""
    reasons: dict[tuple[str, str, str], dict[str, None]] = {}
    for cell, reason in scores.missing.items():
        reasons.setdefault((cell.recipe, cell.target, cell.language), {})[reason] = None
    return [
        {"recipe": recipe, "target": target, "language": language, "reason": "; ".join(why)}
        for (recipe, target, language), why in reasons.items()
    ]


def unlabelled(scores: Scores) -> list[dict[str, str]]:
    """The entries of `missing`, without reasons, of which all was done but the test set has no labels."""
    failed = {(c.recipe, c.target, c.language) for c in scores.missing if c not in scores.predicted}
    found = dict.fromkeys((cell.recipe, cell.target, cell.language) for cell in scores.predicted)
    return [
        {"recipe": recipe, "target": target, "language": language}
        for recipe, target, language in found
        if (recipe, target, language) not in failed
    ]


def by_language(plan: Plan, scores: Scores) -> list[dict[str, Any]]:
    """The rows of `by_language.csv`: mean and standard deviation over seeds; value empty if a seed is missing."""
    groups: dict[tuple[str, str, str, str], list[float | None]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.recipe, cell.target, cell.language, cell.metric), []).append(scores.value(cell))
    rows, marks = [], find_marks(plan, scores)
    for (recipe, target, language, metric), values in groups.items():
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        rows.append({
            "recipe": recipe, "target": target, "language": language, "metric": metric, "value": mean(values),
            "sd": stdev(known) if whole and len(known) > 1 else None, "seeds": len(known),
            "marks": " ".join(marks.of(recipe, target, language)),
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


def marked_rows(content: dict[str, Any], plan: Plan) -> tuple[list[str], list[list[Any]]]:
    """`xtreme_rows` with the averages without marked cells, and the marks, as further columns."""
    header, rows = xtreme_rows(content, plan)
    added = [f"average_{name}" for name in _WITHOUT]
    recipes = content["recipes"].values()
    more = [[*(recipe["averages"][name] for name in _WITHOUT), _named(recipe["marks"])] for recipe in recipes]
    return [*header, *added, "marks"], [[*row, *own] for row, own in zip(rows, more, strict=True)]


def _named(marks: dict[str, Any]) -> str:
    """The marks of a recipe's tasks as text."""
    names = {
        task: [f"{CHOSEN_ON} {','.join(found[CHOSEN_ON])}"] * bool(found[CHOSEN_ON]) + [SAME_DATA] * found[SAME_DATA]
        for task, found in marks.items()
    }
    return "; ".join(f"{task}: {' '.join(own)}" for task, own in names.items())


def xtreme_markdown(content: dict[str, Any], plan: Plan) -> str:
    """The text of `xtreme.md`: the table, and the differences to the baseline by task."""
    header, rows = xtreme_rows(content, plan)
    study = plan.study
    title = TITLES[study.target.benchmark]
    parts = [
        f"# {title}: {study.name}",
        f"{study.model.name}, split {study.evaluation.split}, points (0-100), zero-shot from English, mean over "
        "languages and seeds; a dash where a score is missing or nothing was planned.",
        table(header, [_shown(row, header, content["recipes"][row[0]]["marks"]) for row in rows]),
        *_marked_parts(content),
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
    if bare := len(content["unlabelled"]):
        parts.append(f"{bare} cells have predictions and no score, as their test sets have no labels: see submission/.")
    if failed := len(content["missing"]) - bare:
        parts.append(f"{failed} cells are missing: see `missing` in xtreme.json.")
    return "\n\n".join(parts) + "\n"


def _shown(row: Sequence[Any], header: Sequence[str], marks: dict[str, Any]) -> list[str | None]:
    """A row of the main table; a task's score with the signs of its marks."""
    cells = [_points(value) for value in row[1:-1]]
    signs = ["".join(SIGNS[mark] for mark in SIGNS if marks.get(name, {}).get(mark)) for name in header[1:-1]]
    marked = [cell and cell + sign for cell, sign in zip(cells, signs, strict=True)]
    return [row[0], *marked, _signed(row[-1])]


def _marked_parts(content: dict[str, Any]) -> list[str]:
    """What the signs mean and the averages without marked cells; nothing where no cell is marked."""
    found = [marks for recipe in content["recipes"].values() for marks in recipe["marks"].values()]
    kinds = [kind for kind in SIGNS if any(marks[kind] for marks in found)]
    if not kinds:
        return []
    legend = "; ".join(f"{SIGNS[kind]} {MEANINGS[kind]}" for kind in kinds)
    left_out = "; ".join(f"{kind}: {_left_out(content, kind)}" for kind in kinds)
    names = [name for name in _WITHOUT if set(_WITHOUT[name]) <= set(kinds)]
    rows = [
        [recipe, _points(own["average"]), *(_points(own["averages"][name]) for name in names)]
        for recipe, own in content["recipes"].items()
    ]
    header = ["recipe", "average", *(name.replace("_", " ") for name in names)]
    return [
        f"{legend}.",
        "## Averages without marked cells",
        f"For every recipe without the cells that are marked for any of them ({left_out}).",
        table(header, rows),
    ]


def _left_out(content: dict[str, Any], kind: str) -> str:
    """The targets, with languages where only these are marked, that an average leaves out."""
    tasks: dict[str, dict[str, None]] = {}
    for recipe in content["recipes"].values():
        for task, marks in recipe["marks"].items():
            if marks[kind]:
                tasks.setdefault(task, {}).update(dict.fromkeys(marks[kind] if kind == CHOSEN_ON else ()))
    return ", ".join(" ".join((task, *languages)) for task, languages in tasks.items())


def _recipe(plan: Plan, scores: Scores, recipe: Recipe, marks: Marks) -> dict[str, Any]:
    cells = [cell for cell in plan.cells if cell.recipe == recipe.name]
    tasks = {target: _task([c for c in cells if c.target == target], target, scores) for target in plan.targets}
    groups = {
        group: mean(tasks[name]["score"] for name in names if name in tasks)
        for group, names in BENCHMARKS[plan.study.target.benchmark].items()
    }
    seeds = {seed for cell in cells for seed in (cell.intermediate_seed, cell.target_seed) if seed is not None}
    found = {target: marks.of(recipe.name, target) for target in plan.targets}
    return {
        "seeds": sorted(seeds),
        "tasks": tasks,
        "groups": groups,
        "average": mean(task["score"] for task in tasks.values()),
        "averages": {name: _average(cells, scores, marks, kinds) for name, kinds in _WITHOUT.items()},
        "marks": {
            target: {
                CHOSEN_ON: list(marks.chosen_on.get((recipe.name, target), ())),
                SAME_DATA: SAME_DATA in kinds,
            }
            for target, kinds in found.items()
            if kinds
        },
    }


def _average(cells: Sequence[Cell], scores: Scores, marks: Marks, without: Sequence[str]) -> float | None:
    """The mean of the tasks' scores over the cells that have none of the marks `without`, for any recipe."""
    languages = marks.languages_chosen_on if CHOSEN_ON in without else {}
    targets = marks.targets_of_same_data if SAME_DATA in without else set()
    kept: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.target not in targets and cell.language not in languages.get(cell.target, ()):
            kept.setdefault(cell.target, []).append(cell)
    return mean(_task(own, target, scores)["score"] for target, own in kept.items())


def _task(cells: Sequence[Cell], target: str, scores: Scores) -> dict[str, Any]:
    task = get_task(target)
    values: dict[tuple[str, str], list[float | None]] = {}
    for cell in cells:
        values.setdefault((cell.language, cell.metric), []).append(scores.value(cell))
    languages = {
        language: {metric: mean(values.get((language, metric), ())) for metric in task.metrics}
        for language in dict.fromkeys(cell.language for cell in cells)
    }
    metrics = {metric: mean(own[metric] for own in languages.values()) for metric in task.metrics}
    return {"metrics": metrics, "score": mean(metrics[m] for m in task.score_metrics), "languages": languages}


def _minus(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def _points(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.1f}"
