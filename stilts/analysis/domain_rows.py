"""What question 5 reads: the measures between data sets, and the gains of single tasks as a matrix beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stilts.analysis.multitask import averaged
from stilts.analysis.rectangular import connected
from stilts.analysis.seeds import cells
from stilts.analysis.task_sets import SINGLE, TaskSet
from stilts.errors import InputError
from stilts.tasks import TASKS, data_of

NEEDED = ("intermediate", "target", "measure", "value")
SAME_DATA, COLUMN, SAME = "same_data", "column", "yes"


@dataclass(frozen=True)
class Measured:
    """The measures of a file.

    Attributes:
        values: measure -> (intermediate tasks, targets), NaN where none is given.
        same_data: bool (intermediate tasks, targets): the target is fine-tuned on the intermediate task's own data.
        columns: target -> a key that it shares with others that one fine-tune is scored on.
    """

    values: dict[str, pd.DataFrame]
    same_data: pd.DataFrame
    columns: dict[str, str]


@dataclass(frozen=True)
class Matrices:
    """One measure beside the gains: rows are tasks, columns targets (or some that share a fine-tune).

    Attributes:
        measure: its name.
        tasks, columns: of the matrices; `targets`: column -> its targets.
        gains: points; `divergence`: the measure; `same_format`: 1 or 0, NaN where a format is not known.
        known: the cells that are compared.
        same_data: task and column of the cells that are left out.
    """

    measure: str
    tasks: tuple[str, ...]
    columns: tuple[str, ...]
    targets: dict[str, tuple[str, ...]]
    gains: np.ndarray
    divergence: np.ndarray
    same_format: np.ndarray
    known: np.ndarray
    same_data: tuple[tuple[str, str], ...]


def read_measures(path: Path) -> Measured:
    """A CSV of measures: intermediate, target, measure, value, and where there are such same_data and column.

    Without those columns, both are what the declared tasks say. Raises InputError for anything wrong in it.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", "a CSV file of measures", "change measures")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}", "CSV with a header", "mend the file") from None
    absent = [column for column in NEEDED if column not in table]
    if absent or table.empty:
        found = f"{path} lacks {', '.join(absent)}" if absent else f"{path} has no rows"
        raise InputError(found, f"the columns {', '.join(NEEDED)}, a row a pair of data sets and measure", "add them")
    numbers = pd.to_numeric(table["value"], errors="coerce").astype(float)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        where = f"{path}, row {wrong[0] + 2}: value is {table['value'].iloc[wrong[0]]!r}"
        raise InputError(where, "a number", "mend the row")
    key = list(NEEDED[:-1])
    twice = table[table.duplicated(key)]
    if len(twice):
        raise InputError(f"{path}, row {twice.index[0] + 2}: {' '.join(twice.iloc[0][key])} comes twice",
                         "one value a pair and measure", "remove a row")  # fmt: skip
    order = {"index": list(dict.fromkeys(table["intermediate"])), "columns": list(dict.fromkeys(table["target"]))}
    values = {
        str(name): own.assign(value=numbers[own.index])
        .pivot(index="intermediate", columns="target", values="value")
        .reindex(**order)
        for name, own in table.groupby("measure", sort=False)
    }
    pairs = table.drop_duplicates(["intermediate", "target"])
    declared = [share_data(a, _trained_on(b)) for a, b in zip(pairs["intermediate"], pairs["target"], strict=True)]
    pairs = pairs.assign(same=pairs[SAME_DATA] == SAME if SAME_DATA in table else declared)
    same = pairs.pivot(index="intermediate", columns="target", values="same").eq(True)
    given = dict(zip(table["target"], table[COLUMN], strict=True)) if COLUMN in table else {}
    return Measured(values, same, {name: given.get(name) or _column(name) for name in order["columns"]})


def share_data(intermediate: str, trained_on: Iterable[str]) -> bool:
    """Whether a chain of training tasks has the training data of an intermediate task."""
    return not data_of(intermediate).isdisjoint(name for task in trained_on for name in data_of(task))


def _trained_on(target: str) -> tuple[str, ...]:
    """What a target is fine-tuned on, as it is declared."""
    return TASKS[target].trains_on if target in TASKS else ()


def _column(target: str) -> str:
    """Targets of one format that are fine-tuned on the same task have the same."""
    return " ".join((TASKS[target].format, *_trained_on(target))) if _trained_on(target) else target


def matrices(measured: Measured, scores: pd.DataFrame, baseline: str, sets: Sequence[TaskSet]) -> list[Matrices]:
    """The gains of every single task beside each measure, where both are known.

    Args:
        scores: rows of `stilts.analysis.multitask.runs_of`; means are over the languages of a target, then over the
            targets of a column.
    """
    single = singles(sets)
    totals = cells(averaged(scores), ["recipe", "target"]).pivot(index="recipe", columns="target", values="mean")
    out = []
    for name, values in measured.values.items():
        tasks = [task for task in values.index if task in single]
        targets = [target for target in values.columns if target in totals]
        shared_by: dict[str, tuple[str, ...]] = {}
        for target in targets:
            shared_by[measured.columns[target]] = (*shared_by.get(measured.columns[target], ()), target)
        groups = {"+".join(own): own for own in shared_by.values()}
        gains = totals.reindex([single[task] for task in tasks])[targets] - totals.loc[baseline, targets]
        same = measured.same_data.reindex(index=tasks, columns=targets).eq(True)
        away = values.loc[tasks, targets]
        shared = _grouped(same.astype(float), groups) > 0
        points, far = _grouped(gains, groups), _grouped(away, groups)
        known = connected(~np.isnan(points) & ~np.isnan(far) & ~shared)
        left_out = [(tasks[i], list(groups)[j]) for i, j in zip(*np.nonzero(shared), strict=True)]
        alike = np.array([[same_format(task, own[0]) for own in groups.values()] for task in tasks], dtype=np.float64)
        shape = (len(tasks), len(groups))
        out.append(Matrices(name, tuple(tasks), tuple(groups), groups, points, far, alike.reshape(shape), known,
                            tuple(left_out)))  # fmt: skip
    return out


def singles(sets: Sequence[TaskSet]) -> dict[str, str]:
    """Task -> the recipe that trains on it alone: the one with its name, else the first."""
    out: dict[str, str] = {}
    for one in sets:
        if one.kind == SINGLE and not one.arm and (one.tasks[0] not in out or one.recipe == one.tasks[0]):
            out[one.tasks[0]] = one.recipe
    return out


def same_format(intermediate: str, target: str) -> float:
    """1 where two declared tasks have one format, else 0; NaN where one is not declared."""
    if intermediate not in TASKS or target not in TASKS:
        return math.nan
    return float(TASKS[intermediate].format == TASKS[target].format)


def _grouped(values: pd.DataFrame, groups: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """(tasks, columns): means over the targets of a column, NaN where one of them is not known."""
    parts = [values[list(own)].to_numpy(dtype=np.float64).mean(axis=1) for own in groups.values()]
    return np.stack(parts, axis=1) if parts else np.zeros((len(values), 0))
