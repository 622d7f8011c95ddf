"""results/ of made-up studies, small and as large as the paper's."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stilts.study.statistics import COLUMNS
from stilts.study.tables import BY_LANGUAGE
from stilts.tasks import get_task, languages_of


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., Path]:
    """Write deltas.csv, by_language.csv and xtreme.json: `results(recipes, targets, gain, span, baseline)`.

    `gain(recipe, target, language)` is the difference to the first recipe, `span` half of its interval over seeds, or
    None; the interval of the test set is half as wide.
    """

    def write(
        recipes: list[str],
        targets: list[str],
        gain: Callable[[str, str, str], float] = lambda *_: random.Random(1).gauss(0, 4),
        span: float | None = 1.0,
        baseline: bool = True,
        languages: list[str] | None = None,
    ) -> Path:
        deltas: list[dict[str, Any]] = []
        scores: list[list[Any]] = []
        for recipe in recipes:
            for target in targets:
                for code in languages or languages_of(target):
                    value = 50 + (gain(recipe, target, code) if recipe != recipes[0] else 0)
                    scores += [[recipe, target, code, name, value, 1.0, 3, ""] for name in get_task(target).metrics]
            if recipe != recipes[0] and baseline:
                places = [
                    (target, code) for target in targets for code in (*(languages or languages_of(target)), "all")
                ]
                deltas += [_delta(recipe, recipes[0], *place, gain(recipe, *place), span) for place in places]
                deltas.append(_delta(recipe, recipes[0], "all", "all", gain(recipe, "all", "all"), span))
        _csv(tmp_path / "deltas.csv", COLUMNS, [[row.get(name, "") for name in COLUMNS] for row in deltas])
        _csv(tmp_path / "by_language.csv", BY_LANGUAGE, scores)
        content = {
            name: {"tasks": dict.fromkeys(targets), "average": 50.0, "sds": {"average": 0.5},
                   "gaps": {target: float(number) for number, target in enumerate(targets)}}
            for name in recipes
        }  # fmt: skip
        (tmp_path / "xtreme.json").write_text(json.dumps({"recipes": content}))
        return tmp_path

    return write


def _delta(recipe: str, baseline: str, target: str, language: str, delta: float, span: float | None) -> dict[str, Any]:
    family = "language" if language != "all" else "benchmark" if target == "all" else "target"
    ends = {} if span is None else {
        "low": delta - span, "high": delta + span,
        "low_test_set": delta - span / 2, "high_test_set": delta + span / 2,
    }  # fmt: skip
    return {"recipe": recipe, "baseline": baseline, "target": target, "language": language, "metric": "score",
            "delta": delta, "family": family, "stars": "*" if delta > 5 else "",
            "marks": "same_data" if (recipe, target) == ("squad_v1", "xquad") else "", **ends}  # fmt: skip


def _csv(path: Path, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
