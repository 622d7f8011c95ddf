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
    assert study.cluster.wait(job, limit=240) == "COMPLETED", study.said()
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
    hostfile = study.folder / "runs/zero2-launcher/hostfile"
    assert hostfile.read_text() == "node1 slots=1\nnode2 slots=1\n"
    assert "[runner.py" in (hostfile.parent / "launcher.txt").read_text()


@pytest.mark.long
@pytest.mark.usefixtures("nodes")
def test_mpirun_on_two_nodes(study: TinyStudy) -> None:
    assert losses(study, "mpi-two", "zero2", 2, launcher="mpirun") == losses(study, "mpi-one", "zero2", 1)


@pytest.mark.usefixtures("nodes")
def test_ranks_that_do_not_find_each_other_end_at_once(study: TinyStudy) -> None:
    study.add("run")
    # a variable of mpirun sends the ranks to MPI, which makes a world of each: srun has told it nothing
    job = study.submit("run", nodes=2, environment={"OMPI_COMM_WORLD_SIZE": "2"})
    assert study.cluster.wait(job, "FAILED", limit=120) == "FAILED"
    status = study.status("run")
    assert status["state"] == "failed"
    assert "STILTS_RANKS says 2 ranks but this rank's world has 1" in status["error"]
    assert status["step"] == 0


@pytest.mark.usefixtures("nodes")
def test_zero3_on_two_nodes_has_the_losses_of_one(study: TinyStudy) -> None:
    assert losses(study, "zero3-two", "zero3", nodes=2) == losses(study, "zero3-one", "zero3", nodes=1)
