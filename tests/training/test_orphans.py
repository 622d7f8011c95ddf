"""A rank whose launcher, or the `stilts run` above it, is gone: asked to stop, then ended; by hand it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

RANK = """
import signal, sys, time
from pathlib import Path
from stilts.training import orphans
told = Path(sys.argv[1])
def stop(*_):
    with open(told / "told", "a") as out:
        out.write("told\\n")
    if {obeys}:
        sys.exit(75)
signal.signal(signal.SIGTERM, stop)
orphans.LOOK_EVERY = 0.1
orphans.end_with_parent(3.0)
(told / "ready").touch()
while True:
    time.sleep(0.1)
"""
LAUNCHER = """
import subprocess, sys
rank = subprocess.Popen([sys.executable, "-c", {rank!r}, sys.argv[1]])
print(rank.pid, flush=True)
rank.wait()
"""
RUNNER = """
import subprocess, sys
launcher = subprocess.Popen([sys.executable, "-c", {launcher!r}, sys.argv[1]])
launcher.wait()
"""


class Tree:
    """A launcher and its rank; with `runner` another process above, whose command line is that of `deepspeed`."""

    def __init__(self, folder: Path, obeys: bool = True, runner: bool = False, **variables: str) -> None:
        self.folder = folder
        launcher = LAUNCHER.format(rank=RANK.format(obeys=obeys))
        words = [sys.executable, "-c", launcher, str(folder)]
        if runner:
            (folder / "deepspeed").write_text(RUNNER.format(launcher=launcher))
            words = [sys.executable, str(folder / "deepspeed"), str(folder)]
        names = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "STILTS_PARENT")
        environment = {name: value for name, value in os.environ.items() if name not in names}
        self.top = subprocess.Popen(words, env={**environment, **variables}, stdout=subprocess.PIPE, text=True)
        assert self.top.stdout is not None
        self.rank = psutil.Process(int(self.top.stdout.readline()))
        self.launcher = self.rank.parent()
        wait(lambda: (folder / "ready").exists())

    @property
    def told(self) -> bool:
        return (self.folder / "told").exists()

    def seconds_to_live(self) -> float:
        """Seconds until the rank is gone."""
        began = time.monotonic()
        wait(lambda: not alive(self.rank))
        return time.monotonic() - began

    def close(self) -> None:
        for process in (self.rank, self.launcher):
            if process is not None and alive(process):
                process.kill()
        self.top.kill()
        self.top.communicate()


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait(reached: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def trees() -> Iterator[list[Tree]]:
    started: list[Tree] = []
    yield started
    for tree in started:
        tree.close()


def test_a_rank_is_asked_to_stop_when_its_launcher_is_killed(tmp_path: Path, trees: list[Tree]) -> None:
    trees.append(Tree(tmp_path, RANK="0"))
    trees[0].top.kill()
    assert trees[0].seconds_to_live() < 2
    assert trees[0].told


def test_a_rank_that_does_not_stop_is_ended_after_the_grace(tmp_path: Path, trees: list[Tree]) -> None:
    trees.append(Tree(tmp_path, obeys=False, RANK="0"))
    trees[0].top.kill()
    assert 2 < trees[0].seconds_to_live() < 6
    assert trees[0].told


def test_a_rank_stops_when_deepspeed_is_killed_above_its_launcher(tmp_path: Path, trees: list[Tree]) -> None:
    """As by SIGUSR1, of which `deepspeed` dies, while its launcher below goes on."""
    trees.append(Tree(tmp_path, runner=True, RANK="0"))
    trees[0].top.send_signal(signal.SIGUSR1)
    assert trees[0].seconds_to_live() < 2
    assert trees[0].told


def test_a_rank_stops_when_the_study_above_is_gone(tmp_path: Path, trees: list[Tree]) -> None:
    study = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    trees.append(Tree(tmp_path, STILTS_PARENT=str(study.pid)))
    time.sleep(0.5)
    assert alive(trees[0].rank)
    study.kill()
    study.wait()
    assert trees[0].seconds_to_live() < 2
    assert trees[0].told


def test_a_process_started_by_hand_outlives_its_shell(tmp_path: Path, trees: list[Tree]) -> None:
    trees.append(Tree(tmp_path))
    trees[0].top.kill()
    time.sleep(1)
    assert alive(trees[0].rank)
    assert not trees[0].told
