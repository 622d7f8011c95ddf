"""The tags of final scores, and the values that a run writes for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from statistics import fmean
from typing import Any

from stilts.tasks import get_task

ALL = "all"  # stands for the mean over a target's languages


def tag(task: str, language: str, metric: str) -> str:
    """`eval/<task>/<language>/<metric>`."""
    return f"eval/{task}/{language}/{metric}"


def score_tags(places: Iterable[tuple[str, str]]) -> list[str]:
    """The tags of targets in languages: each target's means over languages first, and then its languages."""
    languages: dict[str, dict[str, None]] = {}
    for target, language in places:
        languages.setdefault(target, {})[language] = None
    means = [tag(target, ALL, name) for target in languages for name in (*get_task(target).metrics, *_score(target))]
    return means + [
        tag(target, language, metric)
        for target, own in languages.items()
        for metric in get_task(target).metrics
        for language in own
    ]


def final_scores(rows: Iterable[Mapping[str, Any]], planned: Collection[tuple[str, str]]) -> dict[str, float]:
    """Tag -> points of a run's score rows (clean inputs), with the means over the languages of targets.

    A target has a mean only where all languages that were to be scored are (`planned`: (target, language)). Its
    `score` is the mean of the metrics that the benchmark counts, where it counts several.
    """
    values: dict[str, float] = {}
    columns: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        values[tag(row["target"], row["language"], row["metric"])] = row["value"]
        columns.setdefault((row["target"], row["metric"]), {})[row["language"]] = row["value"]
    means = {
        key: fmean(own.values())
        for key, own in columns.items()
        if {language for target, language in planned if target == key[0]} <= own.keys()
    }
    values |= {tag(target, ALL, metric): mean for (target, metric), mean in means.items()}
    for target in dict.fromkeys(target for target, _ in means):
        counted = [means.get((target, metric)) for metric in get_task(target).score_metrics]
        if _score(target) and None not in counted:
            values[tag(target, ALL, "score")] = fmean(value for value in counted if value is not None)
    return values


def _score(target: str) -> tuple[str, ...]:
    return ("score",) if len(get_task(target).score_metrics) > 1 else ()
