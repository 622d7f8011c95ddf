"""What noise costs: scores under noisy inputs beside the clean ones of the same runs. Pure functions on score rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any, NamedTuple

from stilts.config import CLEAN
from stilts.tasks import TASKS

COLUMNS = (
    "recipe", "target", "language", "metric", "condition", "kind", "level", "where", "clean", "noisy", "drop", "chance",
    "relative_drop", "noise_sd", "noise_seeds", "seeds", "n",
)  # fmt: skip
AREA_COLUMNS = (
    "recipe", "target", "language", "metric", "kind", "where", "levels", "highest", "clean", "area", "chance",
    "relative_area",
)  # fmt: skip
ALL = "all"  # the row for the mean over a target's languages that have the condition
_CHOICES = {"xcopa": 2}

Seeds = tuple[int | None, int | None]
Cell = tuple[str, str, str, str]


class ConditionName(NamedTuple):
    """The parts of a condition's name `KIND@LEVEL[@WHERE]` (`stilts.config.Condition`)."""

    kind: str
    level: float
    where: str


def parsed(condition: str) -> ConditionName:
    """The parts of a name. Raises ValueError for a text that is none."""
    kind, level, *where = condition.split("@")
    return ConditionName(kind, float(level), where[0] if where else "")


def chance(target: str, metric: str, n: int) -> float:
    """Points that guessing gives on `n` examples: of accuracies one in so many answers, else 0."""
    task = TASKS.get(target)
    if task is None or metric != "accuracy":
        return 0.0
    answers = {"pair": len(task.labels), "choice": _CHOICES.get(target, 0), "retrieval": n}.get(task.format, 0)
    return 100 / answers if answers else 0.0


def relative_drop(clean: float, noisy: float, chance: float) -> float | None:
    """(clean - noisy) / (clean - chance): 0 where noise costs nothing, 1 where it costs all above chance.

    None for a clean score that is not above chance.
    """
    return (clean - noisy) / (clean - chance) if clean > chance else None


def noise_table(
    rows: Iterable[Mapping[str, Any]],
    missing: Collection[tuple[str, str, str, str]] = (),
    guessed: Callable[[str, str, int], float] = chance,
) -> list[dict[str, Any]]:
    """One row a recipe, target, language (and ALL), metric and noisy condition, with the columns COLUMNS, in points.

    Noise seeds are averaged within a run, then runs (intermediate and target seeds) are; `clean` is over the same runs.
    `noise_sd` is the mean over runs of the standard deviation over noise seeds; `noise_seeds` is the smallest number of
    them in a run, `seeds` the number of runs, `n` the scored examples. A run without a clean score does not count.

    Args:
        rows: score rows, clean and noisy ones (as in scores.csv).
        missing: recipe, target, language and condition of cells that lack a score of some run or noise seed: they have
            no row, and their target no mean over languages.
        guessed: what guessing gives, as `chance` does.
    """
    clean: dict[Cell, dict[Seeds, float]] = {}
    noisy: dict[tuple[Cell, str], dict[Seeds, list[float]]] = {}
    counts: dict[Cell, int] = {}
    for row in rows:
        cell = row["recipe"], row["target"], row["language"], row["metric"]
        seeds = row["intermediate_seed"], row["target_seed"]
        counts[cell] = row["n"]
        if row["condition"] == CLEAN:
            clean.setdefault(cell, {})[seeds] = row["value"]
        else:
            noisy.setdefault((cell, row["condition"]), {}).setdefault(seeds, []).append(row["value"])
    table: dict[tuple[Cell, str], dict[str, Any]] = {}
    for (cell, condition), runs in noisy.items():
        if (*cell[:3], condition) in missing:
            continue
        both = {seeds: values for seeds, values in runs.items() if seeds in clean.get(cell, {})}
        if both:
            before = fmean(clean[cell][seeds] for seeds in both)
            table[cell, condition] = _row(cell, condition, before, list(both.values()), counts[cell], guessed)
    return _with_means(table, {(recipe, target, condition) for recipe, target, _, condition in missing})


def _row(
    cell: Cell,
    condition: str,
    clean: float,
    runs: list[list[float]],
    n: int,
    guessed: Callable[[str, str, int], float],
) -> dict[str, Any]:
    after, least = fmean(map(fmean, runs)), guessed(cell[1], cell[3], n)
    seeds = min(map(len, runs))
    return {
        **dict(zip(COLUMNS[:4], cell, strict=True)), "condition": condition, **parsed(condition)._asdict(),
        "clean": clean, "noisy": after, "drop": clean - after, "chance": least,
        "relative_drop": relative_drop(clean, after, least),
        "noise_sd": fmean(map(stdev, runs)) if seeds > 1 else None, "noise_seeds": seeds, "seeds": len(runs), "n": n,
    }  # fmt: skip


def _with_means(
    table: Mapping[tuple[Cell, str], dict[str, Any]], incomplete: Collection[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """The rows, after each target's the mean over its languages where it has several and none is missing."""
    groups: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for ((recipe, target, _, metric), condition), row in table.items():
        groups.setdefault((recipe, target, metric, condition), []).append(row)
    out = []
    for (recipe, target, _, condition), rows in groups.items():
        out += rows
        if len(rows) > 1 and (recipe, target, condition) not in incomplete:
            known = {key: [row[key] for row in rows] for key in ("clean", "noisy", "drop", "chance", "noise_sd")}
            mean = {key: None if None in values else fmean(values) for key, values in known.items()}
            fewest = {key: min(row[key] for row in rows) for key in ("noise_seeds", "seeds")}
            whole = {**rows[0], "language": ALL, **mean, **fewest, "n": sum(row["n"] for row in rows)}
            whole["relative_drop"] = relative_drop(whole["clean"], whole["noisy"], whole["chance"])
            out.append(whole)
    return out


def noise_areas(table: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is left over all levels of a kind: one row with the columns AREA_COLUMNS where there are two levels or more.

    `area` is the mean score from level 0 (clean) to the `highest` level, by trapezoids, so in points; `relative_area`
    is (area - chance) / (clean - chance): 1 where noise costs nothing, None for a clean score not above chance.

    Args:
        table: rows of `noise_table`; the clean score is that of the lowest level's runs.
    """
    curves: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in table:
        curves.setdefault(tuple(row[key] for key in AREA_COLUMNS[:6]), []).append(row)
    out = []
    for key, rows in curves.items():
        if len(rows) < 2:
            continue
        rows = sorted(rows, key=lambda row: row["level"])
        clean, least = rows[0]["clean"], rows[0]["chance"]
        points = [(0.0, clean), *((row["level"], row["noisy"]) for row in rows)]
        highest = points[-1][0]
        area = sum((x - w) * (y + v) / 2 for (w, v), (x, y) in pairwise(points)) / highest
        cost = relative_drop(clean, area, least)
        values = (len(rows), highest, clean, area, least, None if cost is None else 1 - cost)
        out.append(dict(zip(AREA_COLUMNS, (*key, *values), strict=True)))
    return out
