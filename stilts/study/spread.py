"""What stands beside the means: standard deviations over seeds, and the gap between English and the other languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stilts.study.scores import Block
from stilts.study.seed_means import Targets, stdev
from stilts.table import mean, table
from stilts.tasks import get_task

ENGLISH = "en"
Units = dict[int | None, float | None]
"""Seed of the outermost phase that has several -> the score with it; one entry for None where there is none."""


def spreads(targets: Sequence[str], blocks: Sequence[Block]) -> dict[str, Any]:
    """`{"tasks": {TASK: sd}, "average": sd, "units": number}` of a recipe, in points.

    Target seeds are nested in intermediate seeds: where a recipe has several intermediate seeds, each counts once, with
    the mean of its fine-tunes. None where a score is missing or there are not two such units. In the average, a task
    that has no seeds of its own (nothing is trained for it) counts the same for every unit.
    """
    found = task_units(targets, blocks)
    seeds = sorted({seed for units in found.values() for seed in units if seed is not None})
    averages = [mean(_with(units, seed) for units in found.values()) for seed in seeds]
    return {
        "tasks": {target: _sd(list(found.get(target, {}).values())) for target in targets},
        "average": _sd(averages),
        "units": len(seeds),
    }


def task_units(targets: Sequence[str], blocks: Sequence[Block]) -> dict[str, Units]:
    """Target -> the task's score by unit; None where a score of the unit is missing."""
    outer = len({own.run.seeds["intermediate"] for block in blocks for own in block.runs}) > 1
    phase = "intermediate" if outer else "target"
    found: dict[str, Units] = {}
    for block in blocks:
        places: dict[str, dict[str, list[int]]] = {}
        for number, place in enumerate(block.places):
            places.setdefault(place.target, {}).setdefault(place.metric, []).append(number)
        for target, metrics in places.items():
            scored = [metrics[metric] for metric in get_task(target).score_metrics]
            units: dict[int | None, list[float | None]] = {}
            for own in block.runs:
                score = mean(mean(own.values[i] for i in numbers) for numbers in scored)
                units.setdefault(own.run.seeds[phase], []).append(score)
            found[target] = {seed: mean(values) for seed, values in units.items()}
    return {target: found[target] for target in targets if target in found}


def gaps(own: Targets) -> dict[str, float | None]:
    """TASK: English minus the mean of the other languages, in points, of the tasks that are scored in both.

    With the metrics that the benchmark counts; None where a score is missing.
    """
    found = {}
    for target, languages in own.items():
        scores = {
            code: mean(metrics[metric] for metric in get_task(target).score_metrics)
            for code, metrics in languages.items()
        }
        if ENGLISH in scores and len(scores) > 1:
            english, rest = scores.pop(ENGLISH), mean(scores.values())
            found[target] = None if english is None or rest is None else english - rest
    return found


def gap_parts(content: Mapping[str, Any]) -> list[str]:
    """The part of xtreme.md with the gaps; nothing where no task has one."""
    recipes = content["recipes"]
    tasks = list(dict.fromkeys(task for own in recipes.values() for task in own["gaps"]))
    if not tasks:
        return []
    rows = [[name, *(_points(own["gaps"].get(task)) for task in tasks)] for name, own in recipes.items()]
    return [
        "## Cross-lingual gap",
        "English minus the mean of the other languages; smaller is better transfer only where English is no worse.",
        table(["recipe", *tasks], rows),
    ]


def retrieval_parts(content: Mapping[str, Any]) -> list[str]:
    """The part of xtreme.md with the averages without retrieval; nothing where no recipe has one."""
    averages = {name: own["average_without_retrieval"] for name, own in content["recipes"].items()}
    if set(averages.values()) <= {None}:
        return []
    rows = [[name, _points(content["recipes"][name]["average"]), _points(value)] for name, value in averages.items()]
    return ["## Averages without retrieval", table(["recipe", "average", "without retrieval"], rows)]


def _with(units: Units, seed: int) -> float | None:
    return units[seed] if seed in units else units[None] if len(units) == 1 and None in units else None


def _sd(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return stdev(known) if len(known) == len(values) > 1 else None


def _points(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
