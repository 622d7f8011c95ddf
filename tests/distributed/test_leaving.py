"""Stopped ranks leave together: `srun --kill-on-bad-exit` ends all others with the first that leaves."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import tiny
from harness import run_ranks

from stilts.config import load_run
from stilts.errors import Stopped
from stilts.training import record
from stilts.training.run import execute

pytestmark = pytest.mark.slow


def stop_slowly(path: str) -> tuple[float, float]:
    """A run that stops at once; when this rank had written "stopped" (rank 0, after a while), and when it left."""
    written, write = [0.0], record.write_status

    def slow(folder: Path, status: record.Status) -> None:
        if status.state == "stopped":
            time.sleep(2)
            write(folder, status)
            written[0] = time.time()
        else:
            write(folder, status)

    record.write_status = slow
    os.environ["SLURM_JOB_ID"] = "127"
    with pytest.raises(Stopped):
        execute(load_run(path), Path(path).parent)
    return written[0], time.time()


def test_no_rank_leaves_before_the_status_is_written(tmp_path: Path) -> None:
    model = tiny.make_model(tmp_path / "model")
    path = tiny.make_run(tmp_path, model, "run", {"mnli": 16}, training={"stop_after": 0.0})
    (written, _), *others = run_ranks(stop_slowly, 3, tmp_path / "logs", str(path))
    assert written
    assert all(left >= written for _, left in others)
    status = record.read_status(path.parent)
    assert status.state == "stopped"
    assert status.slurm is not None
    assert (status.slurm["job"], status.slurm["restart_count"]) == ("127", 0)
