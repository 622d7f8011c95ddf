"""Nodes that die, and nodes that only seem to: the job goes on elsewhere or later, and nobody else writes its run."""

from __future__ import annotations

import pytest
from test_interruptions import Undisturbed, finish, starts
from tiny_study import TinyStudy

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nodes")]


def test_a_node_that_crashes(study: TinyStudy, undisturbed: Undisturbed) -> None:
    study.add("run", hold=4)
    job = study.submit("run", nodes=2)
    study.until_held("run", ranks=2)
    study.cluster.control("crash", "node2")
    try:
        study.cluster.wait(job, "PENDING", limit=60)  # Slurm has missed the node, ended the rest and requeued the job
    finally:
        study.cluster.control("boot", "node2")
    finish(study, job, "run", restarts=1)
    assert starts(study, "run") == [(0, 0), (1, 3)], "from the last checkpoint"
    assert study.results("run") == undisturbed(ranks=2)


def test_a_rank_that_was_left_behind(study: TinyStudy, undisturbed: Undisturbed) -> None:
    run = study.add("run", hold=4)
    job = study.submit("run")
    study.until_held("run")
    stale = study.status("run")["ranks"]
    study.cluster.control("on", "node1", "pkill", "-KILL", "slurmd")
    try:
        study.cluster.run("scontrol", "update", "nodename=node1", "state=down", "reason=lost")  # in place of a timeout
        finish(study, job, "run", restarts=1)
        status, results = (run / "status.json").read_bytes(), study.results("run")
        assert study.status("run")["ranks"][0]["host"] == "node2"
        pid = str(stale[0]["pid"])
        study.cluster.control("on", "node1", "kill", "-0", pid)  # the first start's rank lives
        study.release("run")
        study.until(lambda: not alive(study, pid), "the rank that was left behind ends")
    finally:
        study.cluster.control("on", "node1", "slurmd")
    assert (run / "status.json").read_bytes() == status, "the old start says nothing any more"
    assert study.results("run") == results == undisturbed()
    assert "a later start of this run has taken over" in study.said()
    assert starts(study, "run") == [(0, 0), (1, 3)]


def alive(study: TinyStudy, pid: str) -> bool:
    """Whether a process of node1 lives."""
    found = study.cluster.control("on", "node1", "sh", "-c", f"ps -o stat= -p {pid} || true")
    return bool(found.strip()) and not found.startswith("Z")
