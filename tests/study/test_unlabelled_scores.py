"""Cells whose test sets have no labels: predictions in the submission, no score, and no failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_submission import examples_of, manifest_of, predictions_file, predictions_of

from stilts.config import SetRef, Study
from stilts.evaluation.scoring import ScoreFile
from stilts.formats import get_format
from stilts.settings import read
from stilts.status import Status, write_status
from stilts.study.collect import collect
from stilts.study.plan import Plan, expand
from stilts.study.write import write
from stilts.tasks import get_task

FACTS = {"n": 7, "step": 4, "layer": None, "selection": "last"}
WITHOUT = ("qaa", "qab")  # languages without labels
REASON = "the test set has no labels: predictions are in results/submission/none/"


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    return {
        "name": "s",
        "output_dir": str(tmp_path / "out"),
        "target": {"tasks": ["xnli", "udpos"], "languages": ["en", *WITHOUT]},
        "evaluation": {"split": "test"},
        "training": {"select": "last", "max_steps": 4},
    }


def scored(content: dict[str, Any], without: tuple[str, ...] = WITHOUT) -> Plan:
    """What the runs write where some sets have no labels."""
    plan = expand(read(Study, content, ""))
    write(plan, yaml.safe_dump(content))
    for settings in plan.runs:
        scores = ScoreFile(plan.run_folder(settings.run), settings)
        for ref in settings.evaluation_sets:
            examples, task = examples_of(ref.task, ref.language), get_task(ref.task)
            rows = predictions_of(ref, settings.seed, examples)
            path = predictions_file(plan, settings.run, ref.task, ref.split, ref.language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            metrics = get_format(task.format).grade(task, ref.language, examples, rows).metrics
            scores.add(ref, {} if ref.language in without else metrics, FACTS)
        write_status(plan.run_folder(settings.run), Status("done"))
    return plan


def test_tables_say_why_and_nothing_has_failed(content: dict[str, Any], tmp_path: Path, call) -> None:
    plan = scored(content)
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(content))
    code, out, err = call("collect", file)
    assert (code, err) == (0, "")
    assert f"no score: none xnli qaa qab: {REASON}" in out
    assert "(2 of 6 cells)" in out
    values = json.loads((plan.folder / "results/xtreme.json").read_text())
    cells = [(one["recipe"], one["target"], one["language"]) for one in values["unlabelled"]]
    assert cells == [("none", task, code) for task in ("xnli", "udpos") for code in WITHOUT]
    assert {one["reason"] for one in values["missing"]} == {REASON}
    assert len(values["missing"]) == 4
    task = values["recipes"]["none"]["tasks"]["xnli"]
    assert (task["score"], task["languages"]["qaa"]["accuracy"]) == (None, None)
    assert task["languages"]["en"]["accuracy"] is not None
    text = (plan.folder / "results/xtreme.md").read_text()
    assert "4 cells have predictions and no score, as their test sets have no labels" in text
    assert "cells are missing" not in text


def test_the_submission_has_them_all(content: dict[str, Any], call) -> None:
    plan = scored(content)
    (submission,) = collect(plan).submissions
    manifest = manifest_of(plan)
    assert {one["reason"] for one in manifest["missing"]} == {"not in this study"}
    assert {(one["task"], one["language"]) for one in manifest["files"]} == {
        (task, code) for task in ("xnli", "udpos") for code in ("en", *WITHOUT)
    }
    checked = json.loads(call("score", "--predictions", submission.folder, "--json")[1])
    assert {one["kind"] for one in checked["findings"]} == {"missing"}
    assert checked["predictions"]["udpos"] == dict.fromkeys(("en", *WITHOUT), 7)


def test_half_written_predictions_are_not_submitted(content: dict[str, Any]) -> None:
    plan = scored(content)
    path = predictions_file(plan, "target-none-xnli-t1", "xnli", "test", "qaa")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))
    collect(plan)
    lacking = {(one["task"], one["language"]): one["reason"] for one in manifest_of(plan)["missing"]}
    assert lacking["xnli", "qaa"].endswith("5 predictions; expected 7, as were made")


def test_a_seed_that_failed_is_missing(content: dict[str, Any], tmp_path: Path, call) -> None:
    plan = scored({**content, "seeds": [1, 2]})
    (plan.run_folder("target-none-xnli-t2") / "predicted.jsonl").unlink()
    write_status(plan.run_folder("target-none-xnli-t2"), Status("failed", error="no memory"))
    found = collect(plan)
    assert {(one["target"], one["language"]) for one in found.missing} == {("xnli", "qaa"), ("xnli", "qab")}
    assert found.missing[0]["reason"] == f"{REASON}; run target-none-xnli-t2 failed: no memory"
    assert {one["target"] for one in found.unlabelled} == {"udpos"}


def test_what_cannot_be_used_is_named(content: dict[str, Any]) -> None:
    plan = scored(content)
    path = plan.run_folder("target-none-xnli-t1") / "predicted.jsonl"
    row = json.loads(path.read_text().splitlines()[0])
    changes = [{"config_hash": "old"}, {"language": "de"}, {"n": 0}, {"split": "dev"}]
    path.write_text("".join(json.dumps({**row, **change}) + "\n" for change in changes) + "{")
    found = collect(plan)
    assert [problem.partition("predicted.jsonl ")[2] for problem in found.problems] == [
        "line 1: xnli qaa is stale: predicted with the settings old: ignored",
        "line 2: xnli de test is not in the plan of this run: ignored",
        "line 3: no row with a number of predictions: ignored",
        "line 4: xnli qaa dev is not in the plan of this run: ignored",
        "line 5 was not written to its end: ignored",
    ]
    assert {one["reason"] for one in found.missing} == {"run target-none-xnli-t1 is done but wrote no such score"}


def test_a_run_knows_what_it_has_predicted(content: dict[str, Any]) -> None:
    plan = scored(content)
    settings = plan.runs[0]
    again = ScoreFile(plan.run_folder(settings.run), settings)
    assert all(map(again.has, settings.evaluation_sets))
    assert not again.has(SetRef("xnli", "dev", "qaa", ""))
    row = again.predicted[0]
    assert set(again.rows[0]) - set(row) == {"metric", "value"}
