"""What hangs, dies or is told to stop: the job ends in time, says why, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cases_hung
import pytest
import tiny
from faults import Fault, assert_fired, fired
from harness import run_ranks
from jobs import Job

from stilts.setup_ops import extensions_folder, use_own_folder

pytestmark = pytest.mark.slow

LAUNCHERS = [
    pytest.param("deepspeed"),
    pytest.param("torchrun", marks=pytest.mark.long),
    pytest.param("mpirun", marks=pytest.mark.long),
]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Starts jobs; what is left of them is killed after the test."""
    started: list[Job] = []

    def start(launcher: str, *faults: Fault, **training: object) -> Job:
        started.append(Job(tmp_path, launcher, faults, **training))
        return started[-1]

    yield start
    for job in started:
        job.close()


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("kind", ["hang", pytest.param("hang_hard", marks=pytest.mark.long)])
def test_a_hung_rank_ends_the_job_with_all_stacks_in_the_log(
    start: Callable[..., Job], launcher: str, kind: str
) -> None:
    fault, limit = Fault(kind, 1, "micro_batch", step=3), 5.0
    job = start(launcher, fault, step_timeout=limit)
    job.wait_for(lambda: fired(job.report) == [fault])
    job.seconds_to_end(limit + 10)
    assert job.process.returncode != 0
    assert "the threads of rank 0 on" in job.log, job.tail()
    assert ("the threads of rank 1 on" if kind == "hang" else "in rank 1 on") in job.log, job.tail()
    assert "faults.py" in job.log, "where rank 1 hangs"
    assert job.status["state"] == "failed"
    assert "longer than 5 s (training.step_timeout)" in job.status["error"]


@pytest.mark.long
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_rank_that_hangs_in_a_prediction_ends_the_job(start: Callable[..., Job], launcher: str) -> None:
    """No step takes too long there: the others' collective times out, and they let the hung rank say where it is."""
    fault, limit = Fault("hang", 1, "forward"), 15.0
    job = start(launcher, fault, collective_timeout=limit, max_steps=2)
    job.wait_for(lambda: fired(job.report) == [fault])
    job.seconds_to_end(limit + 10)
    assert job.process.returncode != 0
    for rank in (0, 1):
        assert f"the threads of rank {rank} on" in job.log, job.tail()
    assert "faults.py" in job.log, "where rank 1 hangs"
    assert job.status["state"] == "failed"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_killed_rank_ends_the_job_within_a_minute(start: Callable[..., Job], launcher: str) -> None:
    fault = Fault("kill", 1, "micro_batch", step=3)
    job = start(launcher, fault)
    job.wait_for(lambda: fired(job.report) == [fault])
    job.seconds_to_end(60)
    assert job.process.returncode != 0
    assert_fired(job.report, [fault])
    assert job.status["state"] in ("failed", "running", "stopped")


@pytest.mark.parametrize(
    ("launcher", "number"),
    [
        ("deepspeed", signal.SIGTERM),
        ("torchrun", signal.SIGUSR1),
        ("mpirun", signal.SIGTERM),
        pytest.param("deepspeed", signal.SIGUSR1, marks=pytest.mark.long),
        pytest.param("torchrun", signal.SIGTERM, marks=pytest.mark.long),
        pytest.param("mpirun", signal.SIGUSR1, marks=pytest.mark.long),
    ],
)
def test_a_stop_request_to_the_launchers_group_leaves_no_orphan(
    start: Callable[..., Job], launcher: str, number: signal.Signals
) -> None:
    job = start(launcher)
    job.wait_for(lambda: job.status["step"] >= 3)
    os.killpg(job.process.pid, number)
    job.seconds_to_end(60)
    if (launcher, number) != ("mpirun", signal.SIGTERM):  # mpirun leaves its ranks little time then
        assert job.status["state"] == "stopped", job.tail()
        assert list(job.path.parent.glob("checkpoints/step-*")), "the last completed step is saved"


def test_a_lock_of_a_process_that_was_killed_does_not_hang_a_run(tmp_path: Path) -> None:
    """The lock is on the operator that every run of several ranks loads."""
    use_own_folder()
    operators = tmp_path / "operators"
    shutil.copytree(extensions_folder(), operators, ignore=shutil.ignore_patterns("lock", "async_io"))
    folders = [path.parent for path in operators.rglob("deepspeed_shm_comm.so")]
    assert folders, "`make setup` builds it"
    for folder in folders:
        code = f"import os; os.open({str(folder / 'lock')!r}, os.O_CREAT | os.O_EXCL); os.kill(os.getpid(), 9)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    path = tiny.make_run(tmp_path, tiny.make_model(tmp_path / "model"), "run", {"mnli": 24})
    run_ranks(cases_hung.run_file_with_operators, 2, tmp_path / "logs", str(operators), str(path), timeout=100)
    assert not list(operators.rglob("lock"))
    logs = "".join((tmp_path / f"logs/rank{rank}.txt").read_text() for rank in (0, 1))
    assert logs.count("the process that was compiling there is gone") == len(folders)
