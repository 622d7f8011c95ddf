"""`stilts doctor` on a cluster: Slurm answers, and the ranks of a job on two nodes are compared."""

from __future__ import annotations

import json
import sys

import pytest
from cluster import Cluster

pytestmark = pytest.mark.slow


def test_a_job_on_two_nodes(nodes: Cluster) -> None:
    words = ["srun", "-N2", "--ntasks-per-node=1", "--mem-per-cpu=2000"]
    content = json.loads(nodes.run(*words, sys.executable, "-m", "stilts", "doctor", "--job", "--json", timeout=200))
    assert content["problems"] == 0
    assert [rank["host"] for rank in content["ranks"]] == ["node1", "node2"]
    checks = {check["name"]: check for check in content["checks"]}
    assert checks["Slurm"]["state"] == "ok"
    assert "is UP" in checks["Slurm"]["found"]
    assert checks["software of the ranks"]["found"] == "the same on 2 ranks"
    assert checks["all-reduce"]["found"].startswith("sums are right; 2 ranks through gloo")
