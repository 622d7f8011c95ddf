"""A target run whose model is not to be kept: it goes when all is scored, and nothing is trained again for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cases
import pytest
import tiny
from harness import run_ranks

from stilts.config import load_run
from stilts.status import recorded_status, write_status
from stilts.study.disk import CHECKPOINT_FILES, MODEL_FILES, files_of

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The run.yaml of a run that trains on mnli and scores xnli in two languages."""
    model = tiny.make_model(tmp_path / "model")
    sets = [tiny.make_set(tmp_path, model, "xnli", 6, "dev", language) for language in ("en", "de")]
    changes = {"keep_model": False, "training": {"save_every": 2, "keep_every": 2}}
    return tiny.make_run(tmp_path, model, "run", {"mnli": 24}, evaluation_sets=sets, evaluates=["xnli"], **changes)


def test_the_model_goes_when_all_is_scored(run: Path) -> None:
    folder, logs = run.parent, run.parents[2] / "logs"
    run_ranks(cases.run_file, 2, logs, str(run))
    assert recorded_status(folder).state == "done"
    assert not (folder / "model").exists()
    rows = (folder / "scores.jsonl").read_bytes()
    assert [json.loads(line)["language"] for line in rows.splitlines()] == ["en", "de"]

    # the run is started again by hand, then as if it had been killed after the model was removed
    for state in ("done", "running"):
        write_status(folder, replace(recorded_status(folder), state=state))
        run_ranks(cases.run_file, 2, logs, str(run))
        assert recorded_status(folder).state == "done"
        assert (folder / "scores.jsonl").read_bytes() == rows
        assert not (folder / "model").exists()
    log = (folder / "log.txt").read_text()
    assert log.count("done already, and its model was not to be kept") == 2
    assert log.count("the model of step 5 is in") == 1  # trained once


def test_the_model_stays_until_then(run: Path) -> None:
    folder, logs = run.parent, run.parents[2] / "logs"
    run_ranks(cases.run_file, 1, logs, str(run))
    first, second = (folder / "scores.jsonl").read_text().splitlines(keepends=True)
    (folder / "scores.jsonl").write_text(first)  # a score is missing and the model is gone: it is trained again
    run_ranks(cases.run_file, 1, logs, str(run))
    again = (folder / "scores.jsonl").read_text().splitlines(keepends=True)
    assert [json.loads(line)["value"] for line in again] == [json.loads(line)["value"] for line in (first, second)]
    assert (folder / "log.txt").read_text().count("the model of step 5 is in") == 2


@pytest.mark.parametrize("config", ["zero2", "zero3"])
def test_the_plan_counts_at_least_the_files_there_are(run: Path, config: str) -> None:
    """Of a run that keeps its model and its checkpoints, as intermediate ones do."""
    text = run.read_text().replace("config: zero2", f"config: {config}")
    run.write_text(text.replace("keep_model: false", "keep_model: true").replace("kind: target", "kind: intermediate"))
    run_ranks(cases.run_file, 2, run.parents[2] / "logs", str(run))
    folder = run.parent
    model, checkpoints = folder / "model", sorted((folder / "checkpoints").glob("step-*"))
    assert len(checkpoints) == 2
    below = {path: sum(1 for _ in path.rglob("*")) + 1 for path in (folder, model, *checkpoints)}
    assert below[model] <= MODEL_FILES
    assert all(below[path] <= CHECKPOINT_FILES + 2 * 2 for path in checkpoints)
    own = below[folder] - below[model] - sum(below[path] for path in checkpoints)
    assert own <= files_of(load_run(run), 2)
