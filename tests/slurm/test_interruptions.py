"""Jobs that Slurm interrupts go on where they were, alone, and end with the bytes of an undisturbed run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tiny_study import TinyStudy

pytestmark = pytest.mark.slow
Undisturbed = Callable[..., dict[str, bytes]]


def starts(study: TinyStudy, run: str) -> list[tuple[int, int]]:
    """Restart count and step of each start of a run."""
    path = study.folder / "runs" / run / "slurm.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return [(start["restart"], start["step"]) for start in map(json.loads, lines)]


def finish(study: TinyStudy, job: str, run: str, restarts: int | None = None) -> None:
    """Wait for the job, whose last start has to be number `restarts`, or any but the first."""
    study.cluster.wait(job, "COMPLETED", limit=240)
    status, counted = study.status(run), int(study.cluster.facts(job)["Restarts"])
    assert status["state"] == "done"
    assert status["slurm"]["restart_count"] == counted
    assert counted == restarts if restarts is not None else counted > 0


def test_a_time_limit(study: TinyStudy, undisturbed: Undisturbed) -> None:
    run = study.add("run", hold=4)
    job = study.submit("run", time="2", signal_seconds=30)  # 2 minutes; nothing but the signal ends what is held
    study.until(lambda: len(starts(study, "run")) > 1, "a start after the time limit's signal", limit=200)
    # Slurm looks every 30 seconds, so the signal came 60 to 90 after the start: has this machine come to the step?
    if (run / "held-0-0").exists():
        assert "stopped by SIGUSR1 at rank 0" in (run / "log.txt").read_text()
        assert starts(study, "run")[1] == (1, 4), "from the step before the signal, not from the save after the third"
    finish(study, job, "run")
    assert not list(run.glob(".attempt-*")), "what was staged is gone"
    assert study.results("run") == undisturbed()


def test_elements_of_an_array_are_requeued_alone(study: TinyStudy, undisturbed: Undisturbed) -> None:
    runs = ("run", "other", "last")
    for run in runs:
        study.add(run, hold=4)
    job = study.submit(*runs, array=True, throttle=3)
    for run in runs:
        study.until_held(run)
    study.cluster.run("scontrol", "requeue", f"{job}_0")  # as an administrator does
    # as before a time limit: its script requeues the job, whose own id is the array's
    study.cluster.run("scancel", "--signal=USR1", f"{job}_2")
    for run in ("run", "last"):
        study.until(lambda run=run: len(starts(study, run)) == 2, f"the second start of {run}")  # type: ignore[misc]
    study.release("other")
    finish(study, f"{job}_0", "run", restarts=1)
    finish(study, f"{job}_2", "last", restarts=1)
    finish(study, f"{job}_1", "other", restarts=0)
    assert starts(study, "other") == [(0, 0)]
    assert starts(study, "last") == [(0, 0), (1, 4)]
    assert study.results("run") == undisturbed()


def test_preemption(study: TinyStudy, undisturbed: Undisturbed) -> None:
    study.add("run", hold=4)
    job = study.submit("run")
    study.until_held("run")
    urgent = study.cluster.run(
        "sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null",
        "--wrap=sleep 2",
    ).strip()  # fmt: skip
    assert study.cluster.wait(urgent, "COMPLETED", limit=120)
    finish(study, job, "run", restarts=1)
    assert starts(study, "run")[0] == (0, 0)
    assert starts(study, "run")[1][1] >= 3, "from a checkpoint"
    assert study.results("run") == undisturbed()


@pytest.mark.long
@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("launcher", ["srun", "deepspeed", "mpirun"])
def test_a_stop_signal_to_two_nodes(study: TinyStudy, undisturbed: Undisturbed, launcher: str) -> None:
    study.add("run", hold=4)
    job = study.submit("run", nodes=2, launcher=launcher)
    study.until_held("run", ranks=2)
    # where --signal sends it: to the ranks, or to the batch script, which tells mpirun
    to_script = ["--batch"] if launcher == "mpirun" else []
    study.cluster.run("scancel", *to_script, "--signal=USR1", job)
    finish(study, job, "run", restarts=1)
    assert starts(study, "run") == [(0, 0), (1, 4)]
    assert study.results("run") == undisturbed(ranks=2)
