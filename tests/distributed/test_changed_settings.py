"""A run whose settings changed after it was stopped: refused with the name of the setting, or allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cases
import pytest
import tiny
from faults import Fault
from harness import RankFailed, run_ranks
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

pytestmark = pytest.mark.slow


def test_another_setting_is_refused_or_allowed(tmp_path: Path) -> None:
    model = tmp_path / "model"
    tiny.make_model(model)
    sets = [tiny.make_set(tmp_path, model, "xnli", 9, "dev", "de")]

    def make(rate: float, **changes: Any) -> str:
        training = {"max_steps": 6, "learning_rate": rate}
        return str(tiny.make_run(
            tmp_path, model, "run", {"mnli": 24}, training=training, evaluation_sets=sets, **changes
        ))  # fmt: skip

    stop = Fault("signal", 0, "step", 0, 3, signal="SIGTERM")
    report = str(tmp_path / "report.jsonl")
    ended = run_ranks(cases.run_with_faults, 2, tmp_path / "logs1", make(1e-3), [stop], report)
    assert ended == ["stopped"] * 2
    other = make(2e-3, settings_hash="ba9876543210")
    with pytest.raises(
        RankFailed, match=r"training\.learning_rate 0\.001 -> 0\.002; expected .* --allow-drift training"
    ):
        run_ranks(cases.run_file, 2, tmp_path / "logs2", other)
    status = json.loads((tmp_path / "runs/run/status.json").read_text())
    assert status["state"] == "failed"
    assert "training.learning_rate 0.001 -> 0.002" in status["error"]
    allowed = make(2e-3, settings_hash="ba9876543210", allow_drift=["training"])
    run_ranks(cases.run_file, 2, tmp_path / "logs3", allowed)
    log = (tmp_path / "runs/run/log.txt").read_text()
    assert "goes on with another setting (--allow-drift): training.learning_rate 0.001 -> 0.002" in log
    status = json.loads((tmp_path / "runs/run/status.json").read_text())
    assert (status["state"], status["step"], status["restarts"]) == ("done", 6, 1)
    rows = [json.loads(line) for line in (tmp_path / "runs/run/scores.jsonl").read_text().splitlines()]
    assert {row["config_hash"] for row in rows} == {"ba9876543210"}
    events = EventAccumulator(str(tmp_path / "runs/run/tensorboard"))
    events.Reload()
    rates = {event.step: event.value for event in events.Scalars("train/learning_rate")}
    assert rates[1] == pytest.approx(1e-3)
    assert rates[5] == pytest.approx(2e-3 * 2 / 6)
