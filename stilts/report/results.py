"""Reads what `collect` wrote, as the page needs it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from stilts.config import CLEAN
from stilts.errors import InputError
from stilts.study.plan import Plan
from stilts.table import mean
from stilts.tasks import get_task

ALL = "all"  # in `target`: the mean over targets; in `language`: over languages
SCORE = "score"  # the metric that is the mean of those that the benchmark counts
NEEDED = ("xtreme.json", "deltas.csv", "scores.csv")
STATISTICS = "statistics.json"
KINDS = {"": "seeds", "_test_set": "test items", "_combined": "seeds and test items"}
"""What the columns of an interval in deltas.csv end with -> what the interval is over; first what stars are of."""

INTERVALS = {"seeds": "seeds", "test_set": "test items"}
"""What `negative_transfer` of statistics.json calls an interval -> what it is over."""

MISSING = "missing: "  # what a line of problems.txt about a missing score starts with
FALSE_WINNERS = 0.04
"""The share of targets with a winner where all recipes are equal, as simulated."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a difference, in points.

    Attributes:
        over: what was drawn again: "seeds", "test items" or both.
    """

    low: float
    high: float
    p: float | None
    over: str


@dataclass(frozen=True)
class Delta:
    """A recipe's difference to the baseline, in points, in one place.

    Attributes:
        intervals: those there are.
        over: what the interval to show is over; "" where there is none in the same table.
        seeds: of the smaller arm.
        detectable: the difference that the test over seeds would find four times of five.
        p_adjusted: after the correction for `tests` tests of its family.
    """

    value: float
    intervals: tuple[Interval, ...] = ()
    seeds: int = 0
    detectable: float | None = None
    p_adjusted: float | None = None
    tests: int = 0
    stars: str = ""
    over: str = ""

    @property
    def interval(self) -> Interval | None:
        """The one to show."""
        return next((one for one in self.intervals if one.over == self.over), None)


class NoisyGap(NamedTuple):
    """Missing scores under one noisy condition; languages with spaces between."""

    recipe: str
    target: str
    languages: str
    condition: str
    reason: str


@dataclass(frozen=True)
class Results:
    """The content of `results/`.

    Attributes:
        content: xtreme.json.
        statistics: statistics.json; None where `collect` has not written it.
        deltas: (recipe, target, language) -> difference of the task's score, also for `ALL`.
        sds: (recipe, target, language) -> standard deviation over seeds, where the task counts one metric.
    """

    plan: Plan
    folder: Path
    content: Mapping[str, Any]
    statistics: Mapping[str, Any] | None
    deltas: Mapping[tuple[str, str, str], Delta]
    sds: Mapping[tuple[str, str, str], float] = field(default_factory=dict)

    @property
    def recipes(self) -> Mapping[str, Any]:
        """Recipe -> its part of xtreme.json."""
        return dict(self.content["recipes"])

    @property
    def others(self) -> list[str]:
        """The recipes that are compared with the baseline."""
        return [name for name in self.recipes if name != self.plan.baseline]

    @cached_property
    def best(self) -> dict[str, Mapping[str, Any]]:
        """Target -> the choice of its best recipe."""
        return dict((self.statistics or {}).get("best") or {})

    @property
    def own_choice(self) -> list[str]:
        """The targets of which the score of the best recipe is of what chose it."""
        return [target for target, one in self.best.items() if not one.get("apart", True)]

    @property
    def false_winners(self) -> float:
        """How many targets would have a winner if all recipes were equal."""
        return FALSE_WINNERS * len(self.best)

    @cached_property
    def over(self) -> str:
        """What the shown intervals of targets and averages are over; "" where there are none."""
        return next((delta.over for (_, _, language), delta in self.deltas.items() if language == ALL), "")

    @cached_property
    def reasons(self) -> dict[tuple[str, str, str], str]:
        """(recipe, target, language) of each missing cell -> why."""
        return {(m["recipe"], m["target"], m["language"]): m["reason"] for m in self.content["missing"]}

    @cached_property
    def problems(self) -> list[str]:
        """The lines of problems.txt about what was found and not used; missing cells are in `reasons`."""
        return [line for line in self._lines if line and not line.startswith(MISSING)]

    @cached_property
    def noisy_gaps(self) -> list[NoisyGap]:
        """The lines of problems.txt about missing scores under noisy conditions."""
        found = []
        for line in self._lines if self.plan.noisy_places else ():
            where, _, reason = line.removeprefix(MISSING).partition(": ")
            places, under, condition = where.partition(" under ")
            if line.startswith(MISSING) and under:
                recipe, target, languages = places.split(" ", 2)
                found.append(NoisyGap(recipe, target, languages, condition, reason))
        return found

    @cached_property
    def _lines(self) -> list[str]:
        path = self.folder / "problems.txt"
        return path.read_text(encoding="utf-8").split("\n") if path.is_file() else []  # texts may hold U+2028

    @cached_property
    def unlabelled(self) -> set[tuple[str, str, str]]:
        """The missing cells of which all was done, but the test set has no labels."""
        return {(m["recipe"], m["target"], m["language"]) for m in self.content["unlabelled"]}

    def task(self, recipe: str, target: str) -> Mapping[str, Any]:
        """A task of a recipe, as in xtreme.json."""
        return dict(self.recipes[recipe]["tasks"][target])

    def score(self, recipe: str, target: str, language: str) -> float | None:
        """The score in a language: the mean of the metrics that the benchmark counts."""
        metrics = self.task(recipe, target)["languages"][language]
        return mean(metrics.get(name) for name in get_task(target).score_metrics)

    def cells(self) -> Iterator[tuple[str, str, str]]:
        """Recipe, target and language of every planned cell."""
        for recipe, own in self.recipes.items():
            for target, task in own["tasks"].items():
                for language in task["languages"]:
                    yield recipe, target, language

    def rows_of_scores(self) -> Iterator[dict[str, str]]:
        """The rows of scores.csv, of clean inputs."""
        with open(self.folder / "scores.csv", encoding="utf-8", newline="") as file:
            yield from (row for row in csv.DictReader(file) if row["condition"] == CLEAN)


def read_results(plan: Plan) -> Results:
    """What `collect` wrote for a study.

    Raises:
        InputError: there are no results, or they are of other recipes, targets or languages.
    """
    folder = results_folder(plan)
    content = json.loads((folder / "xtreme.json").read_text(encoding="utf-8"))
    _refuse_others(plan, content["recipes"], folder / "xtreme.json")
    path = folder / STATISTICS
    statistics = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    sds = _sds(folder / "by_language.csv")
    return Results(plan, folder, content, statistics, _deltas(folder / "deltas.csv"), sds)


def results_folder(plan: Plan) -> Path:
    """`results/` of a study that was collected. Raises InputError for another."""
    folder = plan.folder / "results"
    absent = [name for name in NEEDED if not (folder / name).is_file()]
    if absent:
        raise InputError(
            f"no {', '.join(absent)} in {folder}", "the results of this study", "run `stilts collect` for it first"
        )
    return folder


def _refuse_others(plan: Plan, recipes: Mapping[str, Any], path: Path) -> None:
    """Raise InputError where results are of other recipes, targets or languages than the study's."""
    languages: dict[tuple[str, str], dict[str, None]] = {}
    for run in plan.runs:
        for place in plan.places.get(run.run, ()):
            languages.setdefault((run.recipe, place.target), {})[place.language] = None
    _refuse_other("recipes", list(recipes), [recipe.name for recipe in plan.recipes], path)
    for recipe, own in recipes.items():
        _refuse_other("targets", list(own["tasks"]), list(plan.targets), path)
        for target, task in own["tasks"].items():
            planned = list(languages.get((recipe, target), ()))
            _refuse_other(f"{target} languages", list(task["languages"]), planned, path)


def _refuse_other(what: str, found: Sequence[str], planned: Sequence[str], path: Path) -> None:
    if sorted(found) != sorted(planned):
        raise InputError(
            f"{path} has the {what} {', '.join(found)}",
            f"those of the study: {', '.join(planned)}",
            "run `stilts collect` for it again",
        )


def _deltas(path: Path) -> dict[tuple[str, str, str], Delta]:
    """The rows of deltas.csv that are about a task's score, or about the mean over tasks."""
    found = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["target"] == ALL or row["metric"] == _score_metric(row["target"]):
                found[row["recipe"], row["target"], row["language"]] = _delta(row)
    return _of_one_kind(found)


def _of_one_kind(found: Mapping[tuple[str, str, str], Delta]) -> dict[tuple[str, str, str], Delta]:
    """Says which interval is shown: one kind for targets and averages, as in xtreme.md, and one for the languages of
    a target, as in the figures.
    """
    groups = {key: ALL if key[2] == ALL else key[1] for key in found}
    kinds: dict[str, set[str]] = {}
    for key, delta in found.items():
        kinds.setdefault(groups[key], set()).update(one.over for one in delta.intervals)
    first = {group: next((over for over in KINDS.values() if over in own), "") for group, own in kinds.items()}
    return {key: replace(delta, over=first[groups[key]]) for key, delta in found.items()}


def _delta(row: Mapping[str, str]) -> Delta:
    intervals = []
    for end, over in KINDS.items():
        low, high = _number(row.get(f"low{end}")), _number(row.get(f"high{end}"))
        if low is not None and high is not None:
            intervals.append(Interval(low, high, _number(row.get(f"p{end}")), over))
    return Delta(
        float(row["delta"]), tuple(intervals), int(row["seeds"] or 0), _number(row.get("detectable")),
        _number(row.get("p_adjusted")), int(_number(row.get("tests")) or 0), row.get("stars") or "",
    )  # fmt: skip


def _sds(path: Path) -> dict[tuple[str, str, str], float]:
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as file:
        return {
            (row["recipe"], row["target"], row["language"]): float(row["sd"])
            for row in csv.DictReader(file)
            if row["sd"] and row["metric"] == _score_metric(row["target"])
        }


def _score_metric(target: str) -> str:
    counted = get_task(target).score_metrics
    return counted[0] if len(counted) == 1 else SCORE


def _number(text: str | None) -> float | None:
    return float(text) if text else None
