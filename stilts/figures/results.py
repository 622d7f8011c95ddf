"""What the figures are drawn from: the rows of results/ that stand for a task's score."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from stilts.errors import InputError
from stilts.settings import unknown
from stilts.tasks import get_task

ALL = "all"  # the target that stands for the mean over targets, and the language for that over languages
Span = tuple[float, float]
Place = tuple[str, str, str]
"""Recipe, target, language."""


class Gain(NamedTuple):
    """One row of deltas.csv, in points over the baseline.

    Attributes:
        seeds, test_set: the 95 % intervals of the two kinds, None where there is none.
    """

    delta: float
    seeds: Span | None
    test_set: Span | None
    stars: str
    marks: tuple[str, ...]


class Score(NamedTuple):
    """A recipe's score in points with its standard deviation over seeds, None where there is none."""

    value: float
    sd: float | None


@dataclass(frozen=True)
class Results:
    """A collected study.

    Attributes:
        baseline: the recipe that gains are over, None without gains.
        recipes, targets: in the study's order.
        gains: of the scores that the benchmark counts.
        languages: target, recipe, language -> score; complete cells only.
        averages: recipe -> benchmark average.
        gaps: recipe, target -> English minus the mean of the other languages.
    """

    baseline: str | None
    recipes: tuple[str, ...]
    targets: tuple[str, ...]
    gains: dict[Place, Gain] = field(default_factory=dict)
    languages: dict[Place, Score] = field(default_factory=dict)
    averages: dict[str, Score] = field(default_factory=dict)
    gaps: dict[tuple[str, str], float] = field(default_factory=dict)


def read_results(folder: Path, recipes: Sequence[str] = ()) -> Results:
    """Read results/ of these recipes, default all. Raises InputError where nothing was collected or one is unknown."""
    names = ("deltas.csv", "by_language.csv", "xtreme.json")
    if lacks := [name for name in names if not (folder / name).is_file()]:
        raise InputError(f"{folder} has no {', '.join(lacks)}", "a collected study", "run `stilts collect` first")
    content = json.loads((folder / "xtreme.json").read_text(encoding="utf-8"))["recipes"]
    for name in recipes:
        if name not in content:
            raise unknown(f"recipe {name!r}", name, list(content), "name a recipe of the study")
    content = {name: own for name, own in content.items() if not recipes or name in recipes}
    gains, baselines = _gains(folder / "deltas.csv")
    return Results(
        next(iter(baselines), None),
        tuple(content),
        tuple(dict.fromkeys(task for own in content.values() for task in own["tasks"])),
        {place: gain for place, gain in gains.items() if place[0] in content},
        {place: score for place, score in _languages(folder / "by_language.csv").items() if place[0] in content},
        {
            name: Score(own["average"], own["sds"]["average"])
            for name, own in content.items()
            if own["average"] is not None
        },
        {(name, task): gap for name, own in content.items() for task, gap in own["gaps"].items() if gap is not None},
    )


def _gains(path: Path) -> tuple[dict[Place, Gain], set[str]]:
    found, baselines = {}, set()
    for row in _rows(path, ("delta", "family", "low_test_set", "stars", "marks")):
        if row["family"]:  # the rows of a task's score, and of averages
            baselines.add(row["baseline"])
            found[row["recipe"], row["target"], row["language"]] = Gain(
                float(row["delta"]), _span(row["low"], row["high"]), _span(row["low_test_set"], row["high_test_set"]),
                row["stars"], tuple(row["marks"].split()),
            )  # fmt: skip
    return found, baselines


def _languages(path: Path) -> dict[Place, Score]:
    """The scores by language; of a task that counts several metrics their mean, without an sd."""
    cells: dict[Place, dict[str, Score]] = {}
    for row in _rows(path, ("value", "sd")):
        if row["value"]:
            sd = float(row["sd"]) if row["sd"] else None
            place = row["recipe"], row["target"], row["language"]
            cells.setdefault(place, {})[row["metric"]] = Score(float(row["value"]), sd)
    found = {}
    for place, metrics in cells.items():
        counted = get_task(place[1]).score_metrics
        if all(name in metrics for name in counted):
            value = sum(metrics[name].value for name in counted) / len(counted)
            found[place] = Score(value, metrics[counted[0]].sd if len(counted) == 1 else None)
    return found


def _span(low: str, high: str) -> Span | None:
    return (float(low), float(high)) if low and high else None


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if lacks := [name for name in columns if name not in (reader.fieldnames or ())]:
            found = f"{path} lacks the columns {', '.join(lacks)}"
            raise InputError(found, "results of this version", "run `stilts collect` again")
        yield from reader
