"""Reads what `stilts collect` wrote for a study: a side for each recipe."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from stilts.compare.side import Cell, RunScore, Side
from stilts.config import CLEAN, load_study
from stilts.errors import InputError
from stilts.settings import load_yaml

Sets = dict[tuple[str, str, str], tuple[str, int]]
"""Recipe, target and language -> split and number of scored examples."""
BY_LANGUAGE, SCORES, XTREME = "by_language.csv", "scores.csv", "xtreme.json"


def study_sides(path: Path, overrides: Sequence[str] = ()) -> list[Side]:
    """The recipes of a study, in its order.

    Args:
        path: a study file, a study's output folder, or its results/.
        overrides: `key=value` settings of a study file; they say in which folder it is.

    Raises:
        InputError: there is nothing there, or nothing was collected.
    """
    folder = _results(path, overrides)
    content = json.loads((folder / XTREME).read_text(encoding="utf-8"))
    facts = _facts(folder.parent)
    about, split = facts["model"], facts["split"]
    runs, sets = _runs(folder)
    cells = _cells(folder, sets)
    return [
        Side(f"{facts['name']}/{recipe}", about, content["benchmark"], split, "", cells.get(recipe, {}), {},
             tuple(runs.get(recipe, ())))
        for recipe in content["recipes"]
    ]  # fmt: skip


def _results(path: Path, overrides: Sequence[str]) -> Path:
    """The folder results/ of what a person named."""
    if path.is_dir():
        folder = path if (path / XTREME).is_file() else path / "results"
    elif path.is_file():
        folder = load_study(path, overrides).folder / "results"
    else:
        raise InputError(
            f"nothing at {path}", "a study file, a study's output folder or published:NAME", "mend the path"
        )
    lacks = [name for name in (XTREME, BY_LANGUAGE, SCORES) if not (folder / name).is_file()]
    if lacks:
        raise InputError(
            f"{folder} has no {', '.join(lacks)}", "a study that was collected", "run `stilts collect STUDY.yaml` first"
        )
    return folder


def _facts(folder: Path) -> dict[str, str]:
    """Name, model and split of the study in a folder; of one without study.yaml only the folder's name."""
    path = folder / "study.yaml"
    content: dict[str, Any] = load_yaml(path) if path.is_file() else {}
    model = (content.get("model") or {}).get("name", "")
    split = (content.get("evaluation") or {}).get("split", "dev")
    return {"name": str(content.get("name", folder.name)), "model": str(model), "split": str(split)}


def _runs(folder: Path) -> tuple[dict[str, list[RunScore]], Sets]:
    """Recipe -> its scores run by run; recipe, target and language -> the set that was scored."""
    runs: dict[str, list[RunScore]] = {}
    sets: Sets = {}
    columns = ("recipe", "target", "language", "metric", "intermediate_seed", "target_seed", "value", "split", "n",
               "condition")  # fmt: skip
    for recipe, target, language, metric, outer, inner, value, split, n, condition in _rows(folder / SCORES, columns):
        if condition != CLEAN:
            continue
        runs.setdefault(recipe, []).append(RunScore(target, language, metric, (outer, inner), float(value)))
        sets[recipe, target, language] = split, int(n)
    return runs, sets


def _cells(folder: Path, sets: Sets) -> dict[str, dict[str, dict[str, Cell]]]:
    """Recipe -> target -> language -> cell, of every planned cell."""
    found: dict[str, dict[str, dict[str, Cell]]] = {}
    columns = ("recipe", "target", "language", "metric", "value", "marks")
    for recipe, target, language, metric, value, marks in _rows(folder / BY_LANGUAGE, columns):
        own = found.setdefault(recipe, {}).setdefault(target, {})
        metrics = {**(own[language].metrics if language in own else {}), metric: float(value) if value else None}
        split, n = sets.get((recipe, target, language), (None, None))
        own[language] = Cell(metrics, split, tuple(marks.split()), n)
    return found


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The named columns of each row."""
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if lacks := [name for name in columns if name not in header]:
            found = f"{path} lacks the columns {', '.join(lacks)}"
            raise InputError(found, "results of this version", "run `stilts collect` again")
        yield from map(itemgetter(*map(header.index, columns)), reader)
