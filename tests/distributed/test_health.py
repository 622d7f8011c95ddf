"""Losses and gradients that are not finite: dropped by all ranks, counted, named, and not without end."""

from __future__ import annotations

import json
from pathlib import Path

import cases
import numpy as np
import pytest
import tiny
from faults import Fault, assert_fired
from harness import run_ranks

CONFIGS = [("zero0", "fp32"), ("zero2", "bf16"), ("zero3", "fp32")]
MORE = [
    ("zero0", "bf16"), ("zero1", "fp32"), ("zero1", "bf16"), ("zero2", "fp32"), ("zero3", "bf16"),
    ("zero2_offload", "fp32"), ("zero3_offload", "bf16"),
]  # fmt: skip
MATRIX = [
    *(pytest.param(*case, marks=pytest.mark.slow) for case in CONFIGS),
    *(pytest.param(*case, marks=pytest.mark.long) for case in MORE),
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tiny.make_model(tmp_path / "model")
    return tmp_path


@pytest.mark.parametrize(("config", "precision"), MATRIX)
def test_a_bad_step_leaves_no_trace(study: Path, config: str, precision: str) -> None:
    """Weights are untouched by it, and what comes after is what would have come without it."""
    path = tiny.make_run(study, study / "model", "run", {"mnli": 40}, training={"micro_batch_tokens": 60})
    overrides = [f"deepspeed.config={config}", f"training.precision={precision}"]
    found = {}
    for kind in ("loss", "gradient", "left out"):
        report = study / f"{kind}.jsonl"
        (path.parent / "bad_batches.jsonl").unlink(missing_ok=True)
        found[kind] = run_ranks(
            cases.with_a_bad_step, 2, study / f"logs-{kind}", str(path), kind, str(report), *overrides
        )
        if kind == "loss":
            assert_fired(report, [Fault("nan", 1, "micro_batch", 0, 1)])
    for kind in ("loss", "gradient"):
        ours, without = found[kind][0], found["left out"][0]
        assert [problem is not None for problem in ours["problem"]] == [False, True, False, False]
        assert found[kind][1]["problem"] == ours["problem"], "every rank knows"
        assert f"the {kind} of step 2 (task mnli) is not finite" in ours["problem"][1]
        for name, weight in ours["before"].items():
            np.testing.assert_array_equal(ours["after"][name], weight, err_msg=name)
            np.testing.assert_array_equal(ours["end"][name], without["end"][name], err_msg=name)
        assert any((ours["end"][name] != weight).any() for name, weight in ours["before"].items())
    problem = found["loss"][0]["problem"][1]
    assert "on rank 1" in problem


@pytest.mark.slow
def test_bad_steps_are_counted_and_named_and_end_a_run(study: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    training = {"max_steps": 8, "max_bad_steps": 2, "micro_batch_tokens": 60}
    path = tiny.make_run(study, study / "model", "run", {"mnli": 40}, training=training)
    once = [Fault("nan", 1, "micro_batch", 1, 2)]
    report = study / "report.jsonl"
    assert run_ranks(cases.run_with_faults, 2, study / "logs1", str(path), once, str(report)) == ["done"] * 2
    assert_fired(report, once)
    (line,) = [json.loads(text) for text in (path.parent / "bad_batches.jsonl").read_text().splitlines()]
    assert (line["step"], line["task"], line["reason"]) == (3, "mnli", "loss")
    (batch,) = line["batches"]
    assert (batch["rank"], batch["micro_batch"], batch["loss"]) == (1, 1, "nan")
    assert batch["examples"]
    assert all(name.startswith("mnli") for name in batch["examples"])
    events = EventAccumulator(str(path.parent / "tensorboard"))
    events.Reload()
    skipped = {event.step: event.value for event in events.Scalars("health/skipped_steps")}
    assert skipped == {1: 0, 2: 0, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1}

    other = tiny.make_run(study, study / "model", "other", {"mnli": 40}, training=training)
    often = [Fault("nan", 0, "micro_batch", 0, step) for step in (1, 3, 4)]
    report = study / "report2.jsonl"
    ends = run_ranks(cases.run_with_faults, 2, study / "logs2", str(other), often, str(report))
    assert_fired(report, often)
    assert all("2 steps in a row were not finite (training.max_bad_steps 2)" in line for line in ends)
    assert all("step 5" in line for line in ends)
    status = json.loads((other.parent / "status.json").read_text())
    assert status["state"] == "failed"
    assert "lower the learning rate" in status["error"]
    assert len((other.parent / "bad_batches.jsonl").read_text().splitlines()) == 3
