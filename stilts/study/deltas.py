"""What each recipe bought: differences to the baseline, with an interval where there are seeds enough for one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, cast

from stilts.study.marks import find_marks
from stilts.study.plan import Plan
from stilts.study.scores import Scores

COLUMNS = ("recipe", "baseline", "target", "language", "metric", "delta", "low", "high", "p", "n", "seeds", "marks")
ALL = "all"  # the row for the mean over a target's languages

Seeds = tuple[int | None, int | None]
Interval = tuple[float | None, float | None, float | None]


def deltas(plan: Plan, scores: Scores) -> list[dict[str, Any]]:
    """The rows of `deltas.csv`, in points; empty if the study has no baseline, and without incomplete cells.

    `low`, `high` and `p` are Welch's t-interval (95 %) and test over seeds, empty unless both arms have two. Target
    seeds are nested in intermediate seeds (facts): where a recipe has several intermediate seeds, each counts once
    with the mean of its fine-tunes; with a single one the interval is over target seeds and says nothing about
    another intermediate run. `seeds` is the smaller arm's number of such units, `n` the scored examples (their sum
    for `all`). The test set's own sampling error is not in it. `marks` (`stilts.study.marks`): of the
    recipe's cell, for `all` of any of them.
    """
    if plan.baseline is None:
        return []
    arms, rows, marks = _arms(scores), [], find_marks(plan, scores)
    base = {key[1:]: arm for key, arm in arms.items() if key[0] == plan.baseline}
    pairs = {key: (arm, base[key[1:]]) for key, arm in arms.items() if key[0] != plan.baseline and key[1:] in base}
    intervals = welch([(units, other) for (units, _), (other, _) in pairs.values()])
    for (key, ((units, n), other)), (low, high, p) in zip(pairs.items(), intervals, strict=True):
        rows.append({
            "recipe": key[0], "baseline": plan.baseline, "target": key[1], "language": key[2], "metric": key[3],
            "delta": fmean(units) - fmean(other[0]), "low": low, "high": high, "p": p, "n": n,
            "seeds": min(len(units), len(other[0])),
            "marks": " ".join(marks.of(key[0], key[1], None if key[2] == ALL else key[2])),
        })  # fmt: skip
    return rows


def welch(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[Interval]:
    """Low and high end of the 95 % interval of each pair's difference of means, and the p value of its test.

    Nones below two values an arm or without variance. Pairs of the same two sizes are computed in one call.
    """
    found: list[Interval] = [(None, None, None)] * len(pairs)
    sizes: dict[tuple[int, int], list[int]] = {}
    for index, (first, second) in enumerate(pairs):
        if min(len(first), len(second)) > 1 and (len(set(first)) > 1 or len(set(second)) > 1):
            sizes.setdefault((len(first), len(second)), []).append(index)
    for own in sizes.values():
        from scipy.stats import ttest_ind

        result = ttest_ind([pairs[i][0] for i in own], [pairs[i][1] for i in own], axis=1, equal_var=False)
        interval = result.confidence_interval(0.95)
        numbers = zip(interval.low.tolist(), interval.high.tolist(), result.pvalue.tolist(), strict=True)
        for index, (low, high, p) in zip(own, numbers, strict=True):
            found[index] = (low, high, p)
    return found


def _arms(scores: Scores) -> dict[tuple[str, str, str, str], tuple[list[float], int]]:
    """(recipe, target, language or ALL, metric) -> values by seed unit and number of examples; complete cells only."""
    arms: dict[tuple[str, str, str, str], tuple[list[float], int]] = {}
    for recipe, blocks in scores.blocks.items():
        for block in blocks:
            seeds = [(own.run.seeds["intermediate"], own.run.seeds["target"]) for own in block.runs]
            languages: dict[tuple[str, str], list[tuple[str, tuple[float | None, ...], int]]] = {}
            for (place, values), n in zip(block.columns(), block.runs[0].counts, strict=True):
                languages.setdefault((place.target, place.metric), []).append((place.language, values, n))
            for (target, metric), found in languages.items():
                whole = [(language, cast("tuple[float, ...]", v), n) for language, v, n in found if None not in v]
                for language, values, n in whole:
                    arms[recipe, target, language, metric] = (_units(seeds, values), n)
                if len(whole) == len(found):
                    overall = [fmean(column) for column in zip(*(values for _, values, _ in whole), strict=True)]
                    arms[recipe, target, ALL, metric] = (_units(seeds, overall), sum(n for *_, n in whole))
    return arms


def _units(seeds: Sequence[Seeds], values: Sequence[float]) -> list[float]:
    """One value a seed of the outermost phase that has several."""
    units: dict[int | None, list[float]] = {}
    for (intermediate, _), value in zip(seeds, values, strict=True):
        units.setdefault(intermediate, []).append(value)
    return list(values) if len(units) == 1 else [fmean(own) for own in units.values()]
