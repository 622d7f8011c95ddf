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
    lines = (study.folder / "runs" / run / "slurm.jsonl").read_text().splitlines()
    return [(start["restart"], start["step"]) for start in map(json.loads, lines)]


def finish(study: TinyStudy, job: str, run: str, restarts: int) -> None:
    """Wait for the job, whose last start has to be number `restarts`."""
    assert study.cluster.wait(job, "COMPLETED", limit=120) == "COMPLETED"
    status = study.status(run)
    assert status["state"] == "done"
    assert status["slurm"]["restart_count"] == restarts
    assert study.cluster.facts(job)["Restarts"] == str(restarts)


@pytest.mark.usefixtures("nodes")
def test_a_time_limit(study: TinyStudy, undisturbed: Undisturbed) -> None:
    run = study.add("run", hold=4)
    job = study.submit("run", time="2")  # minutes; the signal comes 60 seconds or more before, and nothing else does
    study.until_held("run")
    study.until(lambda: study.status("run")["state"] == "stopped", "the signal before the time limit", limit=150)
    assert "SIGUSR1 at rank 0" in study.status("run")["error"]
    finish(study, job, "run", restarts=1)
    assert starts(study, "run") == [(0, 0), (1, 4)], (
        "from the step before the signal, not from the save after the third"
    )
    assert study.results("run") == undisturbed()
    assert not list(run.glob(".attempt-*")), "what was staged is gone"


def test_a_requeued_element_of_an_array(study: TinyStudy, undisturbed: Undisturbed) -> None:
    for run in ("other", "run"):
        study.add(run, hold=4)
    job = study.submit("other", "run", array=True, throttle=2)
    study.until_held("other")
    study.until_held("run")
    study.cluster.run("scontrol", "requeue", f"{job}_1")
    study.until(lambda: len(starts(study, "run")) == 2, "the element's second start")
    study.release("other")
    finish(study, f"{job}_1", "run", restarts=1)
    finish(study, f"{job}_0", "other", restarts=0)
    assert starts(study, "other") == [(0, 0)]
    assert study.results("run") == undisturbed()


def test_preemption(study: TinyStudy, undisturbed: Undisturbed) -> None:
    study.add("run", hold=4)
    job = study.submit("run")
    study.until_held("run")
    urgent = study.cluster.run(
        "sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null",
        "--wrap=sleep 2",
    ).strip()  # fmt: skip
    assert study.cluster.wait(urgent, "COMPLETED", limit=60)
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
