"""Made-up results: scores of every planned cell, merged by the real collector, and statistics beside them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stilts.config import RunSettings, Study
from stilts.settings import read
from stilts.status import Status, write_status
from stilts.study.collect import collect
from stilts.study.plan import Plan, expand
from stilts.study.scores import KEYS
from stilts.tasks import get_task

COLUMNS = (
    "recipe", "baseline", "target", "language", "metric", "delta", "low", "high", "p", "n", "seeds", "df",
    "low_test_set", "high_test_set", "p_test_set", "low_combined", "high_combined", "p_combined", "detectable",
    "family", "tests", "p_adjusted", "stars", "marks",
)  # fmt: skip
GAINS = {"squad": 3.0, "mnli": -1.5}
NASTY = "</script><img src=x onerror=alert(1)> & 'quoted' \"twice\" <!-- \u2028"
BASE = {"en": 70.0, "de": 60.0, "sw": 45.0}


def make_plan(folder: Path, **changes: Any) -> Plan:
    """A study of a baseline and two recipes, three targets in up to three languages, two target seeds."""
    settings = {
        "name": "small",
        "output_dir": str(folder / "out"),
        "intermediate": [
            {"name": "none"}, {"name": "squad", "tasks": ["squad_v1"]}, {"name": "mnli", "tasks": ["mnli"]},
        ],
        "target": {
            "tasks": ["xnli", "mlqa", "tatoeba"],
            "languages": {"xnli": ["en", "de", "sw"], "mlqa": ["en", "de"], "tatoeba": ["de", "sw"]},
            "seeds": [1, 2],
        },
        "training": {"select": "last", "max_steps": 4},
    }  # fmt: skip
    return expand(read(Study, {**settings, **changes}, ""))


def make_up(plan: Plan, without: Sequence[str] = ()) -> None:
    """Write status and scores of every run, but for the runs `without`, which have failed; then collect."""
    draw = random.Random(1)
    for run in plan.runs:
        folder = plan.run_folder(run.run)
        if run.run in without:
            write_status(folder, Status("failed", 1, 0, 1, 4, error=NASTY))
            continue
        steps = run.training.max_steps or 4
        status = Status("done", 1, 0, steps, steps, 0.5, 9000.0, device="cuda", rank_seconds=3600.0)
        write_status(folder, status)
        rows = [json.dumps(_row(run, place, draw)) for place in plan.places.get(run.run, ())]
        if rows:
            (folder / "scores.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    collect(plan)


def _row(run: RunSettings, place: Any, draw: random.Random) -> dict[str, Any]:
    value = BASE.get(place.language, 50.0) + GAINS.get(run.recipe, 0.0) + draw.uniform(-1, 1)
    row = {
        "study": run.study, "run": run.run, "recipe": run.recipe, "target": place.target, "language": place.language,
        "split": place.split, "metric": place.metric, "value": value, "n": 2000,
        "intermediate_seed": run.seeds["intermediate"], "target_seed": run.seeds["target"], "condition": "clean",
        "noise_seed": None, "step": 1000, "layer": None, "task_version": 1, "git": "0123456789abcdef",
        "selection": f"best:{place.target}/dev/en" if run.trains_on else "last", "config_hash": run.settings_hash,
    }  # fmt: skip
    return {key: row[key] for key in KEYS}


def write_deltas(plan: Plan, rows: Sequence[dict[str, Any]]) -> None:
    """Replace deltas.csv; what a row does not say is empty."""
    with open(plan.folder / "results" / "deltas.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(
            {"baseline": plan.baseline, "metric": _metric(row["target"]), "seeds": 2, **row} for row in rows
        )


def _metric(target: str) -> str:
    """What deltas.csv calls the score of a target."""
    counted = get_task(target).score_metrics if target != "all" else ()
    return counted[0] if len(counted) == 1 else "score"


def write_statistics(plan: Plan, **changes: Any) -> None:
    """Replace statistics.json."""
    content = {
        "baseline": plan.baseline, "interval": 0.95, "draws": 2000, "families": {},
        "best": {
            "xnli": {"recipe": "squad", "method": "cross_fitted", "chosen": ["squad", "squad"], "score": 61.2,
                     "reported": 61.4, "gain": 1.9, "low": 0.4, "high": 3.4, "winner": "squad", "note": ""},
            "mlqa": {"recipe": "squad", "method": "cross_fitted", "chosen": ["squad", "mnli"], "score": 67.0,
                     "reported": 68.0, "gain": 0.2, "low": -1.0, "high": 1.4, "winner": None, "note": NASTY},
        },
        "methods": {"cross_fitted": "chosen on one half, scored on the other"},
        "negative_transfer": {
            "target": {"interval": "seeds", "cells": 6, "negative": 1, "positive": 3, "expected": 0.15},
            "language": {"interval": "seeds", "cells": 14, "negative": 3, "positive": 6, "expected": 0.35},
        },
        "claims": [
            {"claim": "squad-helps", "text": "SQuAD helps most of all.", "source": "arXiv 2005.13013 v2, table 2",
             "recipe": "squad", "target": None, "published": 2.4, "delta": 3.0, "low": 1.0, "high": 5.0,
             "detectable": 1.8, "verdict": "supported", "note": NASTY},
            {"claim": "mlm", "text": "Masked LM adds nothing.", "source": "arXiv 2005.13013 v2, section 4",
             "recipe": None, "target": None, "published": None, "delta": None, "low": None, "high": None,
             "detectable": None, "verdict": "not in this study", "note": ""},
        ],
        "degenerate": [{"run": "target-mnli-s1-xnli-t1", "target": "xnli", "language": "sw", "what": "one class"}],
        "deviations": [{"setting": "training.max_steps", "preset": "jiant", "expected": None, "found": 4, "runs": 18,
                        "example": "target-none-xnli-t1"}],
        **changes,
    }  # fmt: skip
    (plan.folder / "results" / "statistics.json").write_text(json.dumps(content), encoding="utf-8")


def delta(recipe: str, target: str = "all", language: str = "all", value: float = 1.0, **more: Any) -> dict[str, Any]:
    """A row of deltas.csv."""
    return {"recipe": recipe, "target": target, "language": language, "delta": value, **more}
