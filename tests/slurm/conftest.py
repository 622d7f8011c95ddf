"""The Slurm cluster that these tests run on."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster import Cluster

sys.path.append(str(Path(__file__).parents[1] / "distributed"))  # tiny runs, and ranks without a launcher
from tiny_study import TinyStudy


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[Cluster]:
    """A cluster of two nodes. Without Slurm the tests are skipped; under CI that is a failure."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name, path=path) is None]
    if missing:
        reason = f"found no {', '.join(missing)}: apt-get install slurm-wlm munge (Debian, Ubuntu)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder) / "c")
        yield cluster
        cluster.close()


@pytest.fixture
def cluster(slurm_cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with two idle nodes; jobs that a test leaves are cancelled."""
    yield slurm_cluster
    slurm_cluster.clear()


@pytest.fixture
def nodes(cluster: Cluster) -> Cluster:
    """The cluster, where its nodes are told apart by names, networks and processes."""
    if cluster.mode != "nodes":
        reason = "this machine cannot give nodes their own networks and processes: run the tests as root"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return cluster


@pytest.fixture
def study(tmp_path: Path, cluster: Cluster) -> TinyStudy:
    """An empty study on the cluster."""
    return TinyStudy(tmp_path, cluster)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, slurm_cluster: Cluster) -> Callable[..., dict[str, bytes]]:
    """What `TinyStudy.add("run")` leaves where nothing happens to it, outside of Slurm: `undisturbed(ranks=1)`."""

    @functools.cache
    def results(ranks: int = 1) -> dict[str, bytes]:
        import cases
        from harness import run_ranks

        twin = TinyStudy(tmp_path_factory.mktemp("undisturbed"), slurm_cluster)
        run_ranks(cases.run_file, ranks, twin.folder / "logs", str(twin.add("run") / "run.yaml"))
        return twin.results("run")

    return results
