"""Sends jobs to Slurm, one after the other, and keeps a record of what it has taken."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stilts.errors import InputError, StiltsError
from stilts.slurm.client import Slurm
from stilts.slurm.jobs import Job
from stilts.slurm.script import Scripts
from stilts.slurm.submitted import FOLDER, SubmittedJob, record
from stilts.study.stopping import AGAIN, stop_signals


@dataclass
class Sent:
    """The jobs of a submission and the ids that they have so far.

    Attributes:
        folder: the study's folder.
        jobs: each after those it needs.
        scripts: name of a job -> its script.
        queued: run id -> Slurm's name of the place where it waits or runs already.
        ids: name of a job -> its id.
    """

    folder: Path
    jobs: list[Job]
    scripts: Mapping[str, Path]
    queued: Mapping[str, str]
    ids: dict[str, int] = field(default_factory=dict)

    def send(self, scripts: Scripts, cluster: Slurm) -> None:
        """Submit all jobs. What Slurm has taken is on record, whatever comes after.

        Raises:
            StiltsError: a job was refused, or could not be recorded (and was cancelled).
            Stopped: a signal arrived between two jobs.
        """
        with stop_signals() as stop:
            stop.deferred = True  # a job must not be submitted without being recorded
            for job in self.jobs:
                stop.check()
                try:
                    self._send(job, scripts, cluster)
                except (StiltsError, OSError) as error:
                    done = f"{len(self.ids)} of {len(self.jobs)} jobs are submitted"
                    raise StiltsError(f"{error} ({self.scripts[job.name]}); {done}: {AGAIN}") from None

    def _send(self, job: Job, scripts: Scripts, cluster: Slurm) -> None:
        path = self.scripts[job.name]
        before = self.before(job)
        number = cluster.sbatch(path.absolute(), dependency(before, job.after_all))
        needs = list(dict.fromkeys(int(name.partition("_")[0]) for name in before))
        taken = SubmittedJob(number, job.kind, scripts.job_name(job), list(job.runs), job.array,
                             f"{FOLDER}/{path.name}", needs, time.time(), scripts.log(job))  # fmt: skip
        try:
            record(self.folder, taken)
        except OSError:
            cluster.cancel([str(number)])
            raise
        self.ids[job.name] = number

    def before(self, job: Job) -> list[str]:
        """Slurm's names of the jobs and array elements that a job waits for."""
        if job.after_all:
            earlier = dict.fromkeys(place.partition("_")[0] for place in self.queued.values())
            return [*earlier, *(str(self.ids[other.name]) for other in self.jobs if other.name in self.ids)]
        own = [str(self.ids[name]) + ("" if index is None else f"_{index}") for name, index in job.after]
        return [*own, *job.after_queued]


def dependency(names: list[str], however_they_end: bool) -> list[str]:
    """The options of sbatch that let a job wait. One whose need has failed is cancelled, not left in the queue."""
    if not names:
        return []
    if however_they_end:
        return [f"--dependency=afterany:{':'.join(names)}"]
    return [f"--dependency=afterok:{':'.join(names)}", "--kill-on-invalid-dep=yes"]


def refuse_unrecorded(folder: Path, recorded: Sequence[SubmittedJob], cluster: Slurm) -> None:
    """Raise InputError where a job of the study is queued that its record does not have: it would be sent twice."""
    known = {job.job for job in recorded}
    for job, script in cluster.submitted_from((folder / FOLDER).absolute()).items():
        if job not in known:
            raise InputError(
                f"job {job} was submitted from {script} and is not on record (by hand, or an earlier call was killed)",
                "jobs that `stilts submit` knows", f"scancel {job}, or wait until it has ended",
            )  # fmt: skip
