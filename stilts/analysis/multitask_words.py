"""The answer to question 1 in sentences, made from the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stilts.analysis.families import ALL, BENCHMARK, LANGUAGE, TARGET
from stilts.analysis.multitask import REVERSED, Found
from stilts.analysis.power import ALPHA, NOT_SUPPORTED, SUPPORTED, UNDERPOWERED
from stilts.analysis.seeds import INNER_ONLY
from stilts.analysis.task_sets import OTHER, SEVERAL, SINGLE, TaskSet, all_of
from stilts.analysis.wording import interval_text, listed, p_text, points, span

_SHOWN = (SUPPORTED, REVERSED)
_NAMED = 3  # of either sign, in a sentence on affinities


def sentences(found: Found, sets: Sequence[TaskSet], margin: float) -> list[str]:
    """The answer: several against the best single, what each task adds, arms, losses, affinities."""
    return [
        *_several(found, sets, margin),
        *_added(found, margin),
        *_arms(found, margin),
        _negative(found),
        *_affinity(found),
    ]


def notes(found: Found, sets: Sequence[TaskSet]) -> list[str]:
    """On what the numbers rest."""
    out = [
        "intervals are over seeds, languages and test sets as they are; variances are pooled over a target's recipes",
        "the best single task is chosen by half of the seeds and scored with the others, both ways, where it has two",
    ]
    if (found.deltas["scope"] == INNER_ONLY).any():
        out.append("some intervals are over target seeds only: nothing is said about another intermediate run there")
    if found.best["p"].isna().any():
        out.append("with one seed a recipe its luck and the recipe cannot be told apart: no interval")
    other = [one.recipe for one in sets if one.kind == OTHER]
    if other:
        out.append(f"neither one task nor several, so with gains only: {', '.join(other)}")
    whole = set(found.deltas.loc[found.deltas["target"] == ALL, "recipe"])
    part = [one.recipe for one in sets if one.kind in (SINGLE, SEVERAL) and one.recipe not in whole]
    if whole and part:
        out.append(f"not in the mean over targets, as scores are missing: {', '.join(part)}")
    return out


def _several(found: Found, sets: Sequence[TaskSet], margin: float) -> list[str]:
    tasks = {one.recipe: one.tasks for one in sets}
    whole = [one.recipe for arm in dict.fromkeys(one.arm for one in sets) if (one := all_of(sets, arm))]
    gains = {(row["recipe"], row["target"]): row for row in _of(found.deltas) if row["language"] == ALL}
    out, rest = [], []
    for row in _main(found.best):
        if row["verdict"] not in _SHOWN and row["recipe"] not in whole:
            rest.append(row)
            continue
        gain = gains.get((row["recipe"], row["target"]))
        before = ""
        if gain:
            ends = interval_text(gain["low"], gain["high"])
            before = f" {_over(row)} {points(gain['delta'])} points over {gain['reference']} ({ends});"
        name = f"{row['recipe']} ({len(tasks[row['recipe']])} tasks)"
        by = "other seeds" if row["se"] == row["se"] else "the same seed"
        held = f"against the best single task, chosen by {by} ({row['reference']}), {_size(row)}"
        out.append(f"{name}:{before} {held}: {_best_word(row, margin)}.")
    if rest:
        names = listed(_name(row, "recipe") for row in rest)
        out.append(f"Not shown to beat the best single task: {names}{_found(rest)}.")
    return out


def _best_word(row: dict[str, Any], margin: float) -> str:
    if row["verdict"] == SUPPORTED:
        above = sum(each["low"] > 0 for each in row["over_each"].values())
        of = len(row["over_each"])
        if above == of:
            return "several tasks beat the best single one, whichever that is"
        return f"several tasks beat the single one that the other seeds choose, not shown for each ({above} of {of})"
    if row["verdict"] == REVERSED:
        return "the best single task beats them"
    return f"it is not shown that several tasks beat the best single one{_why(row, margin)}"


def _added(found: Found, margin: float) -> list[str]:
    out, rest = [], []
    for row in _main(found.added):
        if row["verdict"] in _SHOWN:
            word = "adds to" if row["verdict"] == SUPPORTED else "takes from"
            out.append(f"{row['task']} {word} the other tasks of {row['recipe']}, {_over(row)} {_size(row)}.")
        else:
            rest.append(row)
    if rest:
        names = listed(_name(row, "task") for row in rest)
        out.append(f"Not shown to add to the other tasks, or to take from them: {names}{_found(rest)}.")
    return out


def _arms(found: Found, margin: float) -> list[str]:
    out = []
    for row in _main(found.arms):
        words = {SUPPORTED: "is better than", REVERSED: "is worse than"}
        word = words.get(row["verdict"], "is not shown to differ from")
        why = "" if row["verdict"] in _SHOWN else _why(row, margin)
        out.append(f"{row['recipe']} {word} {row['reference']} (the same tasks): {_over(row)} {_size(row)}{why}.")
    return out


def _negative(found: Found) -> str:
    parts = []
    for family, what in ((TARGET, "means over a target's languages"), (LANGUAGE, "languages of targets")):
        for kind, words in ((SINGLE, "single tasks"), (SEVERAL, "several tasks")):
            one = found.negative[family].get(kind)
            if one and one["cells"]:
                chance = f"by chance {one['expected']:.2f}"
                parts.append(f"{one['negative']:.0f} of {one['cells']:.0f} {what} with {words} ({chance})")
    if not parts:
        return "Losses cannot be counted: there are no intervals."
    return f"Interval wholly below the baseline: {'; '.join(parts)}."


def _affinity(found: Found) -> list[str]:
    if found.affinity.empty:
        return []
    shown = found.affinity[found.affinity["p_adjusted"] <= ALPHA].sort_values("centred")
    if shown.empty:
        could = span(found.affinity["detectable"])
        end = f"; {could} points would have been found four times in five, before Holm" if could else ": no interval"
        return [f"No single task is shown to go with a target beyond what both do elsewhere{end}."]
    out = []
    for word, rows in (
        ("more", shown[shown["centred"] > 0].iloc[::-1]),
        ("less", shown[shown["centred"] < 0]),
    ):
        if len(rows):
            each = [
                f"{row['recipe']} on {row['target']} {points(row['centred'])} "
                f"({interval_text(row['low'], row['high'])})"
                for row in rows.head(_NAMED).to_dict("records")
            ]
            out.append(f"Beyond what task and target do elsewhere, {word} is gained by {listed(each)}.")
    return out


def _main(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over targets where there are any, else over the languages of each target."""
    main = rows[rows["family"] == BENCHMARK]
    return _of(main if len(main) else rows[rows["family"] == TARGET])


def _of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _name(row: dict[str, Any], column: str) -> str:
    return str(row[column]) if row["target"] == ALL else f"{row[column]} on {row['target']}"


def _over(row: dict[str, Any]) -> str:
    return "on average over targets" if row["target"] == ALL else f"on {row['target']}"


def _size(row: dict[str, Any]) -> str:
    ends = interval_text(row["low"], row["high"])
    p = f", p {p_text(row['p_adjusted'])} after Holm" if row["p_adjusted"] == row["p_adjusted"] else ""
    return f"{points(row['delta'])} points ({ends}{p})"


def _why(row: dict[str, Any], margin: float) -> str:
    if row["verdict"] == UNDERPOWERED:
        return _found([row])
    assert row["verdict"] == NOT_SUPPORTED
    if row["high"] <= margin:
        return f"; {margin:g} or more is outside of the interval"
    return f"; {margin:g} or more would have been found{_found([row])}"


def _found(rows: Sequence[dict[str, Any]]) -> str:
    """What could have been found, for the end of a sentence."""
    could = span(row["detectable"] for row in rows)
    return f" ({could} points would have been found four times in five)" if could else " (one seed tells nothing)"
