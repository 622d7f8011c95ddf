"""Writes scores and the graded predictions that give exactly these, for every run of a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stilts.config import RunSettings, SetRef
from stilts.study.plan import Plan
from stilts.tasks import get_task

ITEMS, EACH = 60, 3  # of a set; items of a premise or article
Quality = Callable[[RunSettings, SetRef], float]
"""The probability that a run has an item of a set right."""


def write_graded(plan: Plan, quality: Quality, score_row: Any, write_rows: Any, seed: int = 0) -> list[dict[str, Any]]:
    """Predictions, examples and score rows of all runs; returns the rows. Items are hard alike in all runs."""
    random = np.random.default_rng(seed)
    values = {}
    hard: dict[str, np.ndarray] = {}
    for run in plan.runs:
        for ref in run.evaluation_sets:
            own = hard.setdefault(ref.task, np.repeat(random.normal(0, 0.15, ITEMS // EACH), EACH))
            items, scores = _items(ref, random.random(ITEMS) < np.clip(quality(run, ref) + own, 0.02, 0.98), random)
            write_items(plan, run.run, ref, items)
            values |= {(run.run, ref.task, ref.language, metric): value for metric, value in scores.items()}
            folder = plan.features / ref.folder
            folder.mkdir(parents=True, exist_ok=True)
            examples = [_example(ref, number) for number in range(ITEMS)]
            (folder / "examples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in examples), "utf-8")
    rows = [
        score_row(plan, cell, values[cell.run, cell.target, cell.language, cell.metric], n=ITEMS) for cell in plan.cells
    ]
    write_rows(plan, rows)
    return rows


def predictions(plan: Plan, run: str, ref: SetRef) -> Path:
    """The file of one run and set."""
    return plan.run_folder(run) / "predictions" / ref.task / f"{ref.split}-{ref.language}.jsonl"


def write_items(plan: Plan, run: str, ref: SetRef, items: list[dict[str, Any]]) -> None:
    """Write a file of predictions."""
    path = predictions(plan, run, ref)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in items), "utf-8")


def _example(ref: SetRef, number: int) -> dict[str, Any]:
    group = f"{number // EACH}"
    return {"id": str(number), "text_a": group, "article": group, "context": group}


def _items(
    ref: SetRef, right: np.ndarray, random: np.random.Generator
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """The items and the metrics that they give, computed here, in points."""
    ids = [str(number) for number in range(len(right))]
    form = get_task(ref.task).format
    if form == "pair":
        items = [{"id": name, "prediction": int(name) % 3, "correct": bool(own)}
                 for name, own in zip(ids, right, strict=True)]  # fmt: skip
        return items, {"accuracy": 100 * float(right.mean())}
    if form == "span":
        f1 = np.where(right, 1.0, random.integers(0, 4, len(right)) / 4)
        items = [{"id": name, "prediction": name, "exact_match": float(own), "f1": float(part)}
                 for name, own, part in zip(ids, right, f1, strict=True)]  # fmt: skip
        return items, {"exact_match": 100 * float(right.mean()), "f1": 100 * float(f1.mean())}
    gold, found = random.integers(1, 4, len(right)), random.integers(1, 4, len(right))
    correct = np.where(right, np.minimum(gold, found), 0)
    items = [{"id": name, "prediction": ["O", f"B-{name}"], "gold": ["O", "O"], "correct": 1,
              "spans": [int(g), int(p), int(c)]}
             for name, g, p, c in zip(ids, gold, found, correct, strict=True)]  # fmt: skip
    return items, {"f1": 200 * float(correct.sum()) / float(gold.sum() + found.sum())}
