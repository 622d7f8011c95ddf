"""The test cluster itself: it works in both of its modes, and nothing is left of it, however it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cluster import ROOT, Cluster

pytestmark = pytest.mark.slow


def processes_of(folder: Path) -> list[str]:
    """Command lines of live processes that belong to the cluster in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            named = str(folder) in " ".join(words) or process.environ().get("CLUSTER_DIR") == str(folder)
            if named and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(words))
        except psutil.Error:
            pass  # it has just ended
    return found


@pytest.mark.parametrize("script", ["tests/slurm/cluster.sh", ".ci/run"])
def test_shellcheck_is_content(script: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.fail("no shellcheck") if os.environ.get("CI") else pytest.skip("found no shellcheck: apt-get install it")
    done = subprocess.run(["shellcheck", ROOT / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def interfaces() -> set[str]:
    return set(psutil.net_if_addrs())


def test_two_nodes_that_run_jobs(cluster: Cluster) -> None:
    assert cluster.idle() == 2
    names = cluster.run("srun", "--nodes=2", "hostname").split()
    assert sorted(names) == ["node1", "node2"] if cluster.mode == "nodes" else len(names) == 2
    gpus = cluster.run("srun", "--gres=gpu:2", "bash", "-c", "echo $CUDA_VISIBLE_DEVICES").strip()
    assert cluster.mode == "loopback" or gpus == "0,1"


@pytest.mark.parametrize("mode", ["", "loopback"])
@pytest.mark.usefixtures("slurm_cluster")  # skips where Slurm is not installed
def test_nothing_is_left_of_it_where_its_owner_is_killed(tmp_path_factory: pytest.TempPathFactory, mode: str) -> None:
    folder = tmp_path_factory.mktemp("s") / "c"
    before = interfaces()
    program = "import sys, time, cluster, pathlib\nc = cluster.Cluster(pathlib.Path(sys.argv[1]), sys.argv[2])\n"
    program += "c.run('sbatch', '--nodes=2', '--output=/dev/null', '--wrap=srun sleep 1000')\n"
    program += "while 'RUNNING' not in c.queue().values(): time.sleep(0.1)\nprint('up', flush=True)\ntime.sleep(1000)"
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(folder), mode], cwd=Path(__file__).parent, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    assert any("slurmctld" in words for words in processes_of(folder))
    assert any("sleep 1000" in words for words in processes_of(folder))
    owner.kill()
    owner.wait()
    end = time.monotonic() + 20
    while folder.exists() or processes_of(folder):
        assert time.monotonic() < end, processes_of(folder)
        time.sleep(0.1)
    assert interfaces() == before
