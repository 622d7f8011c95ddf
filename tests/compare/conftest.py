"""Small studies with hand-made scores, collected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stilts.config import load_study
from stilts.study.collect import collect
from stilts.study.plan import Cell, expand
from stilts.study.write import write


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """Write, score and collect a study: `study("a", value, **settings)`, with `value(cell)` or None for no score.

    Returns the study file. Two recipes, xnli (en, de) and mlqa (en, de), one seed.
    """

    def make(name: str, value: Callable[[Cell], float | None], n: int = 10, **settings: Any) -> Path:
        path = tmp_path / f"{name}.yaml"
        content = {
            "name": name,
            "output_dir": str(tmp_path / "out"),
            "model": {"name": "a/model"},
            "intermediate": [{"name": "none"}, {"name": "mnli", "tasks": ["mnli"]}],
            "target": {"tasks": ["xnli", "mlqa"], "languages": ["en", "de"]},
            "training": {"max_steps": 3, "select": "last"},
            **settings,
        }
        path.write_text(yaml.safe_dump(content))
        plan = expand(load_study(path))
        write(plan, path.read_text())
        hashes = {run.run: run.settings_hash for run in plan.runs}
        for cell in plan.cells:
            if (points := value(cell)) is None:
                continue
            row = {
                "study": name, "run": cell.run, "recipe": cell.recipe, "target": cell.target,
                "language": cell.language, "split": cell.split, "metric": cell.metric, "value": points, "n": n,
                "intermediate_seed": cell.intermediate_seed, "target_seed": cell.target_seed, "condition": "clean",
                "noise_seed": None, "step": 3, "layer": None, "selection": "last", "task_version": 1, "git": "abc",
                "config_hash": hashes[cell.run],
            }  # fmt: skip
            with open(plan.run_folder(cell.run) / "scores.jsonl", "a") as file:
                file.write(json.dumps(row) + "\n")
        collect(plan)
        return path

    return make
