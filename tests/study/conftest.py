"""A small study, its plan, and hand-made scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stilts.config import Study
from stilts.settings import read
from stilts.study.plan import Cell, Plan, expand
from stilts.study.scores import KEYS


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """The mapping of a study: baseline and one recipe, two targets and a retrieval task."""
    return {
        "name": "small",
        "output_dir": str(tmp_path / "out"),
        "intermediate": [{"name": "none"}, {"name": "squad", "tasks": ["squad_v1"]}],
        "target": {
            "tasks": ["xnli", "mlqa", "tatoeba"],
            "languages": {"xnli": ["en", "de"], "mlqa": ["en"], "tatoeba": ["de"]},
        },
        "training": {"select": "last", "max_steps": 4},
    }


@pytest.fixture
def make_plan(settings: dict[str, Any]) -> Callable[..., Plan]:
    """The plan of `settings` with top-level keys replaced."""

    def make(**changes: Any) -> Plan:
        return expand(read(Study, {**settings, **changes}, ""))

    return make


def _score_row(plan: Plan, cell: Cell, value: float, **changes: Any) -> dict[str, Any]:
    """A score row of a cell."""
    run = next(run for run in plan.runs if run.run == cell.run)
    row = {
        "study": plan.study.name, "run": cell.run, "recipe": cell.recipe, "target": cell.target,
        "language": cell.language, "split": cell.split, "metric": cell.metric, "value": value, "n": 10,
        "intermediate_seed": cell.intermediate_seed, "target_seed": cell.target_seed, "condition": "clean",
        "noise_seed": None, "step": 4, "layer": None, "selection": "last", "task_version": 1, "git": "abc",
        "config_hash": run.settings_hash, **changes,
    }  # fmt: skip
    assert set(row) == set(KEYS)
    return row


def _write_rows(plan: Plan, rows: list[dict[str, Any]], tail: str = "") -> None:
    """Append rows to their runs' files; `tail` goes to the end of the last one."""
    for row in rows:
        path = plan.run_folder(row["run"]) / "scores.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
    if tail:
        with open(plan.run_folder(rows[-1]["run"]) / "scores.jsonl", "a", encoding="utf-8") as out:
            out.write(tail)


@pytest.fixture(scope="session")
def scored() -> Callable[..., list[dict[str, Any]]]:
    """Rows for every cell of a plan; `value` maps a cell to its score."""

    def rows(plan: Plan, value: Callable[[Cell], float]) -> list[dict[str, Any]]:
        return [_score_row(plan, cell, value(cell)) for cell in plan.cells]

    return rows


@pytest.fixture(scope="session")
def score_row() -> Callable[..., dict[str, Any]]:
    """A score row of a cell: `score_row(plan, cell, value, **changes)`."""
    return _score_row


@pytest.fixture(scope="session")
def write_rows() -> Callable[..., None]:
    """Append rows to their runs' files: `write_rows(plan, rows, tail="")`."""
    return _write_rows


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """What the stand-ins of the trainer did, read when called."""
    path = tmp_path / "events.jsonl"
    path.touch()
    monkeypatch.setenv("FAKE_LOG", str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]
