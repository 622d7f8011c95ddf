"""`stilts cancel`: ends jobs that wait and runs that go, for good, after these have saved."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from stilts.errors import InputError
from stilts.slurm.client import QueueRow, Slurm
from stilts.slurm.profile import load_profile
from stilts.slurm.script import profile_path
from stilts.slurm.submitted import SubmittedJob, recorded_jobs
from stilts.status import recorded_status
from stilts.study.plan import Plan
from stilts.study.processes import command_above, ranks_here

POLL = 1.0  # seconds between looks at what is to end
FINAL = 60.0  # seconds to wait for jobs that have been cancelled to leave the queue
_SAVED = ("stopped", "done", "failed")


@dataclass(frozen=True)
class _Target:
    """A job or an element that is to go: its name in Slurm, and its run if it has one."""

    place: str
    run: str | None


def cancel_study(
    plan: Plan, runs: Collection[str] = (), slurm: Slurm | None = None, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Cancel the jobs of a study, or of some runs only, and stop its runs on this machine; what was done, in lines.

    What waits goes first, so that nothing takes the places that become free. Ranks that run are asked to save, and have
    `training.save_grace` seconds. Their job script then requeues the job, as after any stop, so it is cancelled
    afterwards, and again until it is gone. Runs that were cancelled go on from their checkpoints when they are
    submitted again.

    Args:
        plan: the study.
        runs: run ids; none for all, with the jobs that prepare and collect.
        slurm: the cluster.
        sleep: for tests.
    """
    cluster, jobs = slurm or Slurm(), recorded_jobs(plan.folder)
    lines = []
    if jobs and cluster.available():
        lines = _Cancelling(plan, jobs, runs, cluster, sleep).go()
    lines += _stop_here(plan, runs)
    return lines or ["nothing waits or runs"]


class _Cancelling:
    """The jobs of a study that are cancelled in one call."""

    def __init__(
        self, plan: Plan, jobs: Sequence[SubmittedJob], runs: Collection[str], slurm: Slurm,
        sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self.plan, self.slurm, self.sleep = plan, slurm, sleep
        self.ids = [job.job for job in jobs]
        places = [_Target(place, run) for job in jobs for place, run in job.places()]
        self.targets = [one for one in places if not runs or one.run in runs]

    def go(self) -> list[str]:
        rows = self._active()
        waiting = [place for place, row in rows.items() if row.state == "PENDING"]
        self.slurm.cancel(waiting)
        running = [one for one in self.targets if one.place in rows and one.place not in waiting]
        saved = self._let_save([one for one in running if one.run])
        left = self._until_gone()
        lines = [f"{len(waiting)} jobs or elements that waited are cancelled"] if waiting else []
        if running:
            lines.append(f"{len(running)} that ran are cancelled; {saved} of their runs have saved their last step")
        return lines + ([f"still in the queue after {FINAL:.0f} s: {' '.join(left)}"] if left else [])

    def _let_save(self, running: Sequence[_Target]) -> int:
        """Ask the ranks to stop and wait for them; how many runs have saved."""
        if not running:
            return 0
        self.slurm.cancel([one.place for one in running], signal="USR1", batch=_script_hears(self.plan))
        deadline = self.plan.study.training.save_grace
        while deadline > 0 and not all(map(self._saved, running)):
            self.sleep(POLL)
            deadline -= POLL
            rows = self._active()
            running = [one for one in running if self._saved(one) or rows.get(one.place, _GONE).state == "RUNNING"]
        return sum(map(self._saved, running))

    def _saved(self, one: _Target) -> bool:
        return recorded_status(self.plan.run_folder(str(one.run))).state in _SAVED

    def _until_gone(self) -> list[str]:
        """Cancel what is there until nothing is: a script that was about to requeue its job may bring it back."""
        for _ in range(round(FINAL / POLL)):
            rows = self._active()
            self.slurm.cancel([place for place, row in rows.items() if row.state != "COMPLETING"])
            if not rows:
                return []
            self.sleep(POLL)
        return list(self._active())

    def _active(self) -> Mapping[str, QueueRow]:
        rows, wanted = self.slurm.queue(self.ids), {one.place for one in self.targets}
        return {place: row for place, row in rows.items() if row.active and place in wanted}


_GONE = QueueRow("", "COMPLETED")


def _script_hears(plan: Plan) -> bool:
    """Whether signals are for the job script, which hands them on."""
    try:
        return not load_profile(profile_path(plan.study.launch)).ranks_in_steps
    except InputError:  # it was submitted with another file
        return False


def _stop_here(plan: Plan, runs: Collection[str]) -> list[str]:
    """Ask ranks on this machine that are in no job to save and stop, and their `stilts run`, too, if all runs go."""
    lines, commands = [], set()
    for run in plan.runs:
        status = recorded_status(plan.run_folder(run.run))
        if status.state != "running" or status.slurm is not None or (runs and run.run not in runs):
            continue
        pids = ranks_here(status)
        commands |= {pid for pid in map(command_above, pids) if pid is not None}
        for pid in pids:
            _signal(pid)
        if pids:
            lines.append(f"run {run.run}: {len(pids)} ranks on this machine were asked to save and stop")
    if commands and not runs:
        for pid in commands:
            _signal(pid)
        lines.append(f"`stilts run` (process {', '.join(map(str, sorted(commands)))}) was asked to end")
    elif commands:
        lines.append("their `stilts run` goes on with the other runs")
    return lines


def _signal(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)
