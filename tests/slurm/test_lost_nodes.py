"""Nodes that die, and nodes that only seem to: the job goes on elsewhere or later, and nobody else writes its run."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_interruptions import Undisturbed, finish, starts
from tiny_study import TinyStudy

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nodes")]


def test_a_node_that_crashes(study: TinyStudy, undisturbed: Undisturbed) -> None:
    study.add("run")
    study.hold("run", 4, rank=1)  # rank 0 waits for it, loses the connection to it, and says that the run has failed
    job = study.submit("run", nodes=2)
    study.until_held("run")
    study.cluster.control("crash", "node2")
    try:
        study.cluster.wait(job, "PENDING", limit=120)  # Slurm has missed the node, ended the rest and requeued the job
    finally:
        study.cluster.control("boot", "node2")
    finish(study, job, "run", restarts=1)
    assert starts(study, "run") == [(0, 0), (1, 3)], "from the last checkpoint"
    assert study.results("run") == undisturbed(ranks=2)


def test_a_rank_that_was_left_behind(study: TinyStudy, undisturbed: Undisturbed) -> None:
    run = study.add("run", hold=4)
    study.hold("run", 7, restart=1)  # after its save of step 6
    job = study.submit("run")
    study.until_held("run")
    stale = str(study.status("run")["ranks"][0]["pid"])
    study.cluster.control("on", "node1", "sh", "-c", f"kill -KILL $(cat {study.cluster.folder}/slurmd-node1.pid)")
    try:
        study.cluster.run("scontrol", "update", "nodename=node1", "state=down", "reason=lost")  # in place of a timeout
        study.until_held("run", restart=1)
        assert study.status("run")["ranks"][0]["host"] == "node2"
        before = contents(run)
        assert any("checkpoints/step-00000006" in name for name in before)
        assert alive(study, stale), "the first start's rank"
        study.release("run")  # it comes to its own save of step 6 now
        study.until(lambda: not alive(study, stale), "the rank that was left behind ends")
        assert "a later start of this run has taken over" in study.said()
        assert contents(run) == before
        study.release("run", restart=1)
        finish(study, job, "run", restarts=1)
    finally:
        study.cluster.control("on", "node1", "slurmd")
    assert starts(study, "run") == [(0, 0), (1, 3)]
    assert study.results("run") == undisturbed()


def contents(run: Path) -> dict[str, bytes]:
    """What a run has committed and what it says about itself, without its text logs."""
    files = [*(run / "checkpoints").rglob("*"), *run.glob("*.json"), *run.glob("slurm.jsonl")]
    return {str(path.relative_to(run)): path.read_bytes() for path in files if path.is_file()}


def alive(study: TinyStudy, pid: str) -> bool:
    """Whether a process of node1 is there."""
    return study.cluster.control("on", "node1", "sh", "-c", f"kill -0 {pid} 2>&1 || true") == ""
