"""Rows that others published, shipped as data with their sources: `stilts/compare/published/*.yaml`."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from stilts.compare.side import Cell, Mean, Side, official_size
from stilts.settings import unknown
from stilts.tasks import get_task, languages_of

PREFIX = "published:"


@lru_cache(maxsize=1)
def published() -> dict[str, Side]:
    """Name -> row, in the order of the files."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    folder = files("stilts.compare") / "published"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.iterdir(), key=lambda path: path.name)]
    rows = [row for text in texts for row in yaml.load(text, Loader=loader)]
    return {row["name"]: _side(row) for row in rows}


def published_row(name: str) -> Side:
    """The row called `name`, without the prefix. Raises InputError for an unknown name."""
    rows = published()
    if name not in rows:
        raise unknown(f"published row {name!r}", name, list(rows), "name a row that is shipped")
    return rows[name]


def published_rows(benchmark: str, split: str) -> list[Side]:
    """The rows of a benchmark that call their sets `split`."""
    return [row for row in published().values() if (row.benchmark, row.split) == (benchmark, split)]


def reported_languages(target: str, benchmark: str, split: str) -> frozenset[str]:
    """The languages that a benchmark's mean is over, on the split that is read where "dev" or "test" is reported."""
    task = get_task(target)
    lacks = task.test_only if task.reported[split] == "dev" else ()
    return frozenset(languages_of(task, benchmark)) - frozenset(lacks)


def _side(row: dict[str, Any]) -> Side:
    benchmark, split = row["benchmark"], row["split"]
    marks = row.get("marks", {})
    cells = {
        target: _cells(target, metrics, get_task(target).reported[split], tuple(marks.get(target, ())))
        for target, metrics in row.get("languages", {}).items()
    }
    means = {
        target: Mean(metrics, get_task(target).reported[split], reported_languages(target, benchmark, split))
        for target, metrics in row.get("tasks", {}).items()
    }
    about = f"{row['model']}; {row['source']}"
    return Side(f"{PREFIX}{row['name']}", about, benchmark, split, row["note"].strip(), cells, means)


def _cells(target: str, metrics: dict[str, dict[str, float]], split: str, marks: tuple[str, ...]) -> dict[str, Cell]:
    codes = dict.fromkeys(code for values in metrics.values() for code in values)
    return {
        code: Cell({name: values.get(code) for name, values in metrics.items()}, split, marks,
                   official_size(target, split, code))
        for code in codes
    }  # fmt: skip
