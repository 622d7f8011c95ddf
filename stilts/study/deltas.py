"""What each recipe bought: differences to the baseline, with an interval where there are seeds enough for one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from stilts.study.marks import find_marks
from stilts.study.plan import Cell, Plan
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
    arms, rows, marks = _arms(plan, scores), [], find_marks(plan, scores)
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


def _arms(plan: Plan, scores: Scores) -> dict[tuple[str, str, str, str], tuple[list[float], int]]:
    """(recipe, target, language or ALL, metric) -> values by seed unit and number of examples; complete cells only."""
    cells: dict[tuple[str, str, str], dict[str, list[Cell]]] = {}
    for cell in plan.cells:
        languages = cells.setdefault((cell.recipe, cell.target, cell.metric), {})
        languages.setdefault(cell.language, []).append(cell)
    arms: dict[tuple[str, str, str, str], tuple[list[float], int]] = {}
    for (recipe, target, metric), languages in cells.items():
        whole = {
            language: {(c.intermediate_seed, c.target_seed): float(scores.rows[c]["value"]) for c in group}
            for language, group in languages.items()
            if all(c in scores.rows for c in group)
        }
        counts = {language: int(scores.rows[languages[language][0]]["n"]) for language in whole}
        for language, values in whole.items():
            arms[(recipe, target, language, metric)] = (_units(values), counts[language])
        if len(whole) == len(languages):
            seeds = next(iter(whole.values()))
            overall = {seed: fmean(values[seed] for values in whole.values()) for seed in seeds}
            arms[(recipe, target, ALL, metric)] = (_units(overall), sum(counts.values()))
    return arms


def _units(values: dict[Seeds, float]) -> list[float]:
    """One value a seed of the outermost phase that has several."""
    first = dict.fromkeys(intermediate for intermediate, _ in values)
    if len(first) == 1:
        return list(values.values())
    return [fmean(v for (intermediate, _), v in values.items() if intermediate == seed) for seed in first]
