"""Reads a table of score rows, also one that stilts did not make: CSV, or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stilts.analysis.noise import parsed
from stilts.config import CLEAN
from stilts.errors import InputError

NEEDED = ("recipe", "target", "language", "metric", "value")
SEEDS = ("intermediate_seed", "target_seed")
CONDITION = ("condition", "noise_seed")
_CELL = ("recipe", "target", "language", "metric", *SEEDS)
_ADD = "one row a score, as results/scores.csv has them"


def read_scores(path: Path, noisy: bool = False, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The clean scores of a table: the columns NEEDED (texts, `value` in float64) and SEEDS ("" where there is none).

    Rows of another `condition` than clean are left out, and rows that repeat another one; other columns are dropped.

    Args:
        noisy: take the rows of all conditions, with the columns CONDITION (texts; no condition is "clean") and `n`
            (examples; 0 where none are told).
        columns: others that a question asks for, which tell cells apart, too; "" where the table has none.

    Raises:
        InputError: no such file, a column or a value missing, no number, two different scores of one cell and seed, no
            condition's name where noisy rows are wanted.
    """
    if not path.is_file():
        raise InputError(f"no file at {path}", "a table of score rows (CSV or JSON lines)", "change --scores")
    rows = _json_lines(path) if path.suffix in (".jsonl", ".json") else _csv(path)
    needed = (*NEEDED, CONDITION[0]) if noisy else NEEDED
    absent = [column for column in needed if column not in rows]
    if absent:
        raise InputError(f"{path} lacks the columns {', '.join(absent)}", f"{', '.join(needed)}: {_ADD}", "add them")
    if noisy:
        rows = _conditions(rows, path)
    elif "condition" in rows:
        rows = rows[rows["condition"].isin(["", CLEAN])]
    rows = rows.assign(**{seed: "" for seed in (*SEEDS, *columns) if seed not in rows})
    for column in NEEDED[:-1]:
        empty = np.flatnonzero(rows[column] == "")
        if len(empty):
            raise InputError(f"{path}, row {rows.index[empty[0]]}: {column} is empty", "a name", "mend the row")
    values = pd.to_numeric(rows["value"], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        text = rows["value"].iloc[wrong[0]]
        raise InputError(f"{path}, row {rows.index[wrong[0]]}: value is {text!r}", "a number in points", "mend the row")
    rows = rows.assign(value=values)
    if rows.empty:
        raise InputError(f"{path} has no clean score", "score rows", "give another table")
    return _single(rows, [*_CELL, *columns, *(CONDITION if noisy else ())], ["n"] if noisy else [], path)


def _conditions(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The rows with the columns CONDITION and `n` set."""
    rows = rows.assign(condition=rows["condition"].replace("", CLEAN))
    for name in rows["condition"].unique():
        if name != CLEAN:
            try:
                right = 0 < parsed(name).level <= 1
            except ValueError:
                right = False
            if not right:
                row = rows.index[(rows["condition"] == name).argmax()]
                expected = "clean, KIND@LEVEL or KIND@LEVEL@WHERE, the level above 0 and at most 1"
                raise InputError(f"{path}, row {row}: condition is {name!r}", expected, "mend the row")
    seed = rows["noise_seed"] if "noise_seed" in rows else pd.Series("", rows.index, dtype=object)
    counts = pd.to_numeric(rows["n"], errors="coerce") if "n" in rows else pd.Series(0.0, rows.index)
    return rows.assign(
        noise_seed=seed.where(rows["condition"] != CLEAN, ""), n=counts.where(np.isfinite(counts), 0).astype(int)
    )


def _single(rows: pd.DataFrame, cell: list[str], more: list[str], path: Path) -> pd.DataFrame:
    kept = rows[[*cell, "value", *more]].drop_duplicates([*cell, "value"])
    twice = kept[kept.duplicated(cell, keep=False)]
    if len(twice):
        one, other = twice.iloc[0], twice[(twice[cell] == twice.iloc[0][cell]).all(axis=1)].iloc[1]
        raise InputError(
            f"{path}, rows {one.name} and {other.name}: two scores of {' '.join(one[cell]).strip()}",
            f"one score a recipe, target, language, metric{', condition' if more else ''} and seed",
            "keep one split, step and layer",
        )
    return kept.reset_index(drop=True)


def _csv(path: Path) -> pd.DataFrame:
    """Rows as texts; the index is the line's number in the file where no field spans lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines, restval="", restkey="more"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: {error}", "CSV in UTF-8 with a header", "mend the file") from None
    if not rows:
        raise InputError(f"{path} has no rows", f"a header and {_ADD}", "give another table")
    return pd.DataFrame(rows, index=range(2, len(rows) + 2), dtype=object)


def _json_lines(path: Path) -> pd.DataFrame:
    rows: dict[int, dict[str, str]] = {}
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip():
                row = json.loads(line)
                rows[number] = {key: _text(value) for key, value in row.items()}
    except (UnicodeDecodeError, ValueError, AttributeError) as error:
        where = f"{path}, row {len(rows) + 1}"
        raise InputError(f"{where}: {error}", "one JSON object a line", "mend the row") from None
    if not rows:
        raise InputError(f"{path} has no rows", _ADD, "give another table")
    return pd.DataFrame.from_dict(rows, orient="index", dtype=object).fillna("")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
