"""`stilts status`, `cancel`, `retry` and `logs` by command on the cluster: of a run that goes, fails and goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster import Cluster

from stilts.sample import generate

pytestmark = pytest.mark.slow
RUN = "target-none-xnli-t1"


class Study:
    """A study of one run that would go on for hours."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        generate(folder / "data", seed=1, languages=2, pretrained=False)
        phases = {phase: {"time": "10"} for phase in ("prepare", "intermediate", "target", "collect")}
        environment = {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}
        (folder / "site.yaml").write_text(yaml.safe_dump({"phases": phases, "environment": environment}))
        study = {
            "name": "s",
            "output_dir": str(folder / "out"),
            "model": {"name": str(folder / "data/model_random")},
            "data": {"root": str(folder / "data"), "limit": {"xnli": {"dev": 40}}},
            "target": {"tasks": ["xnli"], "languages": ["en"]},
            "training": {"batch_size": 8, "learning_rate": 1e-4, "max_steps": 1_000_000, "max_length": 48,
                         "select": "last", "precision": "fp32", "log_every": 1},
            "launch": {"profile": "site.yaml"},
        }  # fmt: skip
        (folder / "study.yaml").write_text(yaml.safe_dump(study))

    def call(self, command: str, *words: str) -> str:
        """What `stilts COMMAND study.yaml ...` prints."""
        line = [sys.executable, "-m", "stilts", command, "study.yaml", *words]
        done = subprocess.run(line, env=self.cluster.environment, cwd=self.folder, capture_output=True, text=True,
                              timeout=150, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self) -> dict[str, Any]:
        """What `stilts status --json` says about the run."""
        (one,) = json.loads(self.call("status", "--json"))["runs"]
        assert one["run"] == RUN
        found: dict[str, Any] = one
        return found

    def until(self, state: str, step: int = 0) -> dict[str, Any]:
        """Wait until the run is shown in a state, after so many steps."""
        end = time.monotonic() + 150
        while (one := self.run())["shown"] != state or one["step"] < step:
            assert time.monotonic() < end, one
            time.sleep(1)
        return one


def test_a_run_is_watched_cancelled_and_retried(cluster: Cluster, tmp_path: Path) -> None:
    study = Study(tmp_path, cluster)
    study.call("submit")
    assert study.run()["shown"] == "queued"
    assert "| queued" in study.call("status")

    one = study.until("running", step=2)
    assert one["queue"]["state"] == "RUNNING"
    assert 0 < one["queue"]["time_left"] <= 600
    assert one["job"].endswith("_0")
    assert one["seconds_left"] > 0
    text = study.call("status")
    assert f"| {RUN} | running | {one['job']} |" in text
    assert "| collect |" in text
    assert "step" in study.call("logs", RUN)
    assert study.call("logs", RUN, "--rank", "0")
    assert study.call("logs", "prepare")

    lines = study.call("cancel")
    assert "1 that ran are cancelled; 1 of their runs have saved their last step" in lines
    stopped = study.run()
    assert stopped["shown"] == "stopped"
    assert list((tmp_path / f"out/s/runs/{RUN}/checkpoints").glob("step-*"))
    time.sleep(8)  # longer than a requeued job waits
    assert not {"PENDING", "RUNNING"} & set(cluster.queue().values())

    model = tmp_path / "data/model_random"
    model.rename(tmp_path / "away")
    study.call("submit")
    failed = study.until("failed")
    assert failed["error"]
    assert failed["error"] in study.call("status")
    assert json.loads(study.call("submit", "--json"))["jobs"] == []

    (tmp_path / "away").rename(model)
    assert json.loads(study.call("retry", "--json"))["retried"] == [RUN]
    one = study.until("running", step=stopped["step"] + 1)
    assert one["restarts"] >= 1, "from the checkpoint of the cancelled job"
    study.call("cancel", RUN)
    assert study.run()["shown"] == "stopped"
    assert "| prepare |" in study.call("status")
