"""Reads `runs/*/scores.jsonl` and compares them with the cells that the plan expects."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stilts.config import RunSettings
from stilts.status import Status, read_status
from stilts.study.plan import Cell, Plan

SCORES, PREDICTED = "scores.jsonl", "predicted.jsonl"
KEYS = (
    "study", "run", "recipe", "target", "language", "split", "metric", "value", "n", "intermediate_seed",
    "target_seed", "condition", "noise_seed", "step", "layer", "selection", "task_version", "git", "config_hash",
)  # fmt: skip
_KEYS = frozenset(KEYS)
Row = dict[str, Any]


@dataclass
class Scores:
    """What was found.

    Attributes:
        rows: the valid rows, one a cell, in the plan's order.
        missing: cell -> why it has no score.
        predicted: those of them whose test set has no labels -> number of predictions.
        problems: what is wrong in the files, one line each.
    """

    rows: dict[Cell, Row] = field(default_factory=dict)
    missing: dict[Cell, str] = field(default_factory=dict)
    predicted: dict[Cell, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def value(self, cell: Cell) -> float | None:
        """The cell's score in points, or None."""
        row = self.rows.get(cell)
        return None if row is None else float(row["value"])


def read_scores(plan: Plan) -> Scores:
    """All scores of a study. No broken file stops it: what cannot be used is named in `problems` and `missing`."""
    expected: dict[str, dict[tuple[str, str, str], Cell]] = {}
    for cell in plan.cells:
        expected.setdefault(cell.run, {})[(cell.target, cell.language, cell.metric)] = cell
    runs = {run.run: run for run in plan.runs}
    states = {name: read_status(plan.run_folder(name)) for name in runs}
    scores = Scores()
    for name, cells in expected.items():
        found = _RunScores(runs[name], cells)
        found.read(plan)
        scores.problems += found.problems
        for cell in cells.values():
            if cell in found.reasons and (cell not in found.rows or found.reasons[cell].startswith("conflict")):
                scores.missing[cell] = found.reasons[cell]
            elif cell in found.rows:
                scores.rows[cell] = found.rows[cell]
            elif (cell.target, cell.language) in found.predicted:
                scores.predicted[cell] = found.predicted[cell.target, cell.language]
                scores.missing[cell] = (
                    f"the {cell.split} set has no labels: predictions are in results/submission/{cell.recipe}/"
                )
            else:
                scores.missing[cell] = why_missing(runs[name], runs, states)
    scores.problems += _strangers(plan, runs)
    return scores


def rows_of_run(plan: Plan, run: RunSettings, cells: Iterable[Cell]) -> dict[Cell, Row]:
    """The valid rows of one run's scores."""
    found = _RunScores(run, {(cell.target, cell.language, cell.metric): cell for cell in cells})
    found.read(plan)
    return found.rows


def why_missing(run: RunSettings, runs: Mapping[str, RunSettings], states: Mapping[str, Status]) -> str:
    """Why a run has written no score, in words that name the run to look at."""
    status = states[run.run]
    for need in run.needs:
        if states[need].state != "done":
            return f"needs {need}: {why_missing(runs[need], runs, states)}"
    if status.state == "done":
        return f"run {run.run} is done but wrote no such score"
    if status.state in ("failed", "stopped") and status.error:
        return f"run {run.run} {status.state}: {status.error}"
    return f"run {run.run} is {status.state}" if status.state != "pending" else f"run {run.run} was not run yet"


class _RunScores:
    """The rows of one run's file, sorted into good, stale and conflicting ones."""

    def __init__(self, run: RunSettings, cells: Mapping[tuple[str, str, str], Cell]) -> None:
        self.run, self.cells = run, cells
        self.rows: dict[Cell, Row] = {}
        self.reasons: dict[Cell, str] = {}
        self.predicted: dict[tuple[str, str], int] = {}  # target, language -> predictions without scores
        self.problems: list[str] = []

    def read(self, plan: Plan) -> None:
        for name, add in ((SCORES, self._add), (PREDICTED, self._add_predicted)):
            self._read(plan.run_folder(self.run.run) / name, add)

    def _read(self, path: Path, add: Callable[[Any], str | None]) -> None:
        """Give every row of a file to `add`, which says what is wrong with it."""
        if not path.is_file():
            return
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                tail = "was not written to its end" if number == len(lines) else "is no JSON"
                self.problems.append(f"{path} line {number} {tail}: ignored")
                continue
            problem = add(row)
            if problem:
                self.problems.append(f"{path} line {number}: {problem}")

    def _add_predicted(self, row: Any) -> str | None:
        """Take one row that says that a set without labels was predicted; what is wrong with it, or None."""
        if not isinstance(row, dict) or not _number(row.get("n")) or row["n"] < 1:
            return "no row with a number of predictions: ignored"
        key = str(row.get("target")), str(row.get("language"))
        if (*key, row.get("split")) not in {(c.target, c.language, c.split) for c in self.cells.values()}:
            return f"{' '.join(key)} {row.get('split')} is not in the plan of this run: ignored"
        if row.get("config_hash") != self.run.settings_hash:
            return f"{' '.join(key)} is stale: predicted with the settings {row.get('config_hash')}: ignored"
        self.predicted[key] = int(row["n"])
        return None

    def _add(self, row: Any) -> str | None:
        """Take one row; what is wrong with it, or None."""
        if not isinstance(row, dict) or row.keys() != _KEYS:
            wrong = sorted(_KEYS ^ set(row)) if isinstance(row, dict) else row
            return f"the keys of a score row differ in {wrong}: ignored"
        if not all(isinstance(row[key], str) for key in ("target", "language", "metric")):
            return "target, language and metric are no texts: ignored"
        cell = self.cells.get((row["target"], row["language"], row["metric"]))
        if cell is None:
            return f"{row['target']} {row['language']} {row['metric']} is not in the plan of this run: ignored"
        if row["config_hash"] != self.run.settings_hash:
            stale = f"stale: scored with the settings {row['config_hash']}, the plan has {self.run.settings_hash}"
            self.reasons.setdefault(cell, stale)
            return f"{row['target']} {row['language']} {row['metric']} is {stale}"
        for key in ("run", "recipe", "split", "intermediate_seed", "target_seed"):
            if row[key] != getattr(cell, key):
                return f"{key} is {row[key]!r}, the plan has {getattr(cell, key)!r}: ignored"
        if row["condition"] != "clean":
            return f"condition {row['condition']!r} is not in the plan: ignored"
        value, n = row["value"], row["n"]
        if not _number(value) or not 0 <= value <= 100:
            return f"value {value!r} of {row['target']} {row['language']} is not in points (0-100): ignored"
        if not _number(n) or n < 1:
            return f"n {n!r} of {row['target']} {row['language']} is no number of examples: ignored"
        if cell in self.rows and self.rows[cell]["value"] != value:
            self.reasons[cell] = f"conflict: scored {self.rows[cell]['value']} and {value} in run {self.run.run}"
            return f"{row['target']} {row['language']} {row['metric']}: {self.reasons[cell]}"
        self.rows.setdefault(cell, _shared(row))
        return None


def _shared(row: Row) -> Row:
    """The row with keys and texts that all rows share: json makes each anew, which is most of a row's memory."""
    return {key: sys.intern(value) if isinstance(value := row[key], str) else value for key in KEYS}


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _strangers(plan: Plan, runs: Mapping[str, RunSettings]) -> list[str]:
    """Scores in run folders that the plan does not have."""
    folders = sorted((plan.folder / "runs").glob(f"*/{SCORES}"))
    return [f"{path} belongs to no run of the plan: ignored" for path in folders if path.parent.name not in runs]
