"""A run on two nodes, each with its own host name, network and shared memory, has the losses of a run on one."""

from __future__ import annotations

import pytest
from cluster import Cluster
from tiny_study import TinyStudy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, slurm_cluster: Cluster) -> TinyStudy:
    return TinyStudy(tmp_path_factory.mktemp("nodes"), slurm_cluster)


def losses(study: TinyStudy, run: str, config: str, nodes: int, **profile: str) -> list[float]:
    """The losses of two ranks on one node or on two."""
    study.add(run, config=config)
    job = study.submit(run, nodes=nodes, ranks=2 // nodes, **profile)
    assert study.cluster.wait(job, limit=120) == "COMPLETED", study.said()
    status = study.status(run)
    assert status["state"] == "done"
    assert [rank["host"] for rank in status["ranks"]] == (["node1", "node2"] if nodes == 2 else ["node1"] * 2)
    assert status["slurm"]["nodes"] == ("node[1-2]" if nodes == 2 else "node1")
    return study.losses(run)


@pytest.mark.usefixtures("nodes")
def test_two_nodes_have_the_losses_of_one(study: TinyStudy) -> None:
    alone = losses(study, "zero2-one", "zero2", nodes=1)
    assert len(alone) == 8
    assert losses(study, "zero2-two", "zero2", nodes=2) == alone
    assert losses(study, "zero2-launcher", "zero2", nodes=2, launcher="deepspeed") == alone


@pytest.mark.usefixtures("nodes")
def test_zero3_on_two_nodes_has_the_losses_of_one(study: TinyStudy) -> None:
    assert losses(study, "zero3-two", "zero3", nodes=2) == losses(study, "zero3-one", "zero3", nodes=1)
