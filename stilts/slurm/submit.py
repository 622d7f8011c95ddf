"""`stilts submit`: what is missing of a study, as jobs that wait for each other."""

from __future__ import annotations

import grp
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stilts.config import RunSettings, SetRef
from stilts.errors import InputError, StiltsError
from stilts.files import write_text
from stilts.slurm.client import QueueRow, Slurm
from stilts.slurm.jobs import Job, Standing, jobs_of
from stilts.slurm.profile import Profile, load_profile
from stilts.slurm.script import Scripts, here, profile_path
from stilts.slurm.submitted import FOLDER, LOGS, SubmittedJob, active_places, latest_places, record, recorded_jobs
from stilts.status import possibly_alive, study_status
from stilts.study.cost import cost_of
from stilts.study.disk import refuse_without_space
from stilts.study.plan import Plan
from stilts.study.stopping import AGAIN, stop_signals
from stilts.study.write import study_lock, write

DEFAULT_ARRAY = 1001  # Slurm's default MaxArraySize, where no cluster can be asked (--dry-run)


@dataclass(frozen=True)
class Submission:
    """What `submit` did.

    Attributes:
        folder: the study's folder.
        jobs: the jobs, each after those it needs.
        ids: name of a job -> its id in Slurm; empty after a dry run.
        scripts: name of a job -> its script.
        queued: run id -> Slurm's name of the place where it waits or runs already.
        done: how many runs are done.
        failed: ids of runs that failed and were left alone, with those that need them.
        later: ids of runs that `max_submit` left for another call.
        notes: what a user should know, one line each.
    """

    folder: Path
    jobs: list[Job]
    ids: dict[str, int] = field(default_factory=dict)
    scripts: dict[str, Path] = field(default_factory=dict)
    queued: dict[str, str] = field(default_factory=dict)
    done: int = 0
    failed: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def submit_study(
    plan: Plan,
    text: str,
    dry_run: bool = False,
    allow_drift: Sequence[str] = (),
    retry: Collection[str] = (),
    slurm: Slurm | None = None,
) -> Submission:
    """Write the plan and the scripts of what is missing, and submit them.

    Runs that are done, wait or run already are left alone, and so are runs that failed, unless `retry` names them.

    Args:
        plan: an expanded study.
        text: the study file's text.
        dry_run: write the scripts, submit nothing; no Slurm is needed then.
        allow_drift: settings that runs may go on with though they were started with others.
        retry: ids of failed runs to submit again.
        slurm: the cluster.

    Raises:
        InputError: study or profile are wrong, Slurm is not here, or the disk is too small.
        StiltsError: Slurm refused a job; those before it are submitted and recorded.
        Stopped: a signal arrived between two jobs.
    """
    plan.refuse_unfinished()
    profile = load_profile(profile_path(plan.study.launch))
    cluster = slurm or Slurm()
    if not dry_run:
        cluster.require()
    with study_lock(plan.folder):
        notes = write(plan, text, allow_drift)
        queue = cluster.queue(job.job for job in recorded_jobs(plan.folder)) if cluster.available() else {}
        found = _look(plan, queue, retry, profile)
        if profile.prepare_on == "login" and found.standing.prepare and not dry_run:
            _prepare_here(plan)
            found = _look(plan, queue, retry, profile)
        size = profile.max_array_size or (DEFAULT_ARRAY if dry_run else cluster.limits().max_array_size)
        jobs = jobs_of(plan, found.standing, size)
        if jobs:
            _look_at_the_disk(plan, jobs, profile, notes if dry_run else None)
        scripts = Scripts(profile, plan.study.launch, plan.study.name, plan.folder, here())
        paths = _write_scripts(plan.folder, jobs, scripts, profile)
        submission = Submission(
            plan.folder, jobs, {}, paths, dict(found.standing.queued), found.done, found.failed, found.later, notes
        )
        if jobs and not dry_run:
            _submit(submission, scripts, cluster, queue)
        return submission


@dataclass(frozen=True)
class _Found:
    standing: Standing
    done: int
    failed: list[str]
    later: list[str]


def _look(plan: Plan, queue: Mapping[str, QueueRow], retry: Collection[str], profile: Profile) -> _Found:
    """Which runs are to be submitted."""
    recorded = recorded_jobs(plan.folder)
    places = latest_places(recorded)
    states = study_status(plan.folder, [run.run for run in plan.runs])
    active = {run: row for run, row in active_places(recorded, queue).items() if states[run].state != "done"}
    failed: dict[str, None] = {}
    todo: list[RunSettings] = []
    for run in plan.runs:
        status = states[run.run]
        if status.state == "done" or run.run in active:
            continue
        broken = status.state == "failed" and run.run not in retry
        if broken or any(need in failed for need in run.needs):
            failed[run.run] = None
        elif run.run not in places and status.state == "running" and possibly_alive(status):
            raise InputError(
                f"run {run.run} runs outside of Slurm ({status.ranks})", "a run that is stopped", "stop it first"
            )
        else:
            todo.append(run)
    room = max(0, profile.max_submit - len(active) - 2) if profile.max_submit else len(todo)
    now, later = todo[:room], todo[room:]  # the plan's order: a run comes after those it needs
    prepare = next((p for j in recorded if j.kind == "prepare" for p, _ in j.places() if _active(queue.get(p))), None)
    absent = any(not (plan.features / ref.folder / "manifest.json").is_file() for ref in _sets(now))
    return _Found(
        Standing([run.run for run in now], {run: row.job for run, row in active.items()}, absent, prepare),
        sum(status.state == "done" for status in states.values()),
        list(failed),
        [run.run for run in later],
    )


def _active(row: QueueRow | None) -> bool:
    return row is not None and row.active


def _sets(runs: Sequence[RunSettings]) -> list[SetRef]:
    sets = [run.train_sets + run.selection_sets + run.evaluation_sets + run.support_sets for run in runs]
    return list({ref.folder: ref for refs in sets for ref in refs}.values())


def runs_at_once(jobs: Sequence[Job], profile: Profile) -> int:
    """How many runs of some jobs may go at the same time."""
    width = profile.throttle or sum(len(job.runs) for job in jobs)
    return profile.runs_at_once or sum(min(len(job.runs), width) for job in jobs)


def _look_at_the_disk(plan: Plan, jobs: Sequence[Job], profile: Profile, notes: list[str] | None) -> None:
    """Refuse a study that the disk is too small for; with `notes` say so there instead."""
    try:
        refuse_without_space(plan, cost_of(plan, runs_at_once(jobs, profile)).disk)
    except InputError as error:
        if notes is None:
            raise
        notes.append(str(error))


def _prepare_here(plan: Plan) -> None:
    from stilts.study.local import prepare_data

    with stop_signals():
        prepare_data(plan)


def _write_scripts(folder: Path, jobs: Sequence[Job], scripts: Scripts, profile: Profile) -> dict[str, Path]:
    """Render all scripts, then write them: a name that cannot be carried is refused before anything is there."""
    texts = {job.name: scripts.text(job) for job in jobs}
    (folder / FOLDER / LOGS).mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, text in texts.items():
        paths[name] = folder / FOLDER / f"{name}.sbatch"
        write_text(paths[name], text)
    if profile.group:
        _share(folder, profile.group)
    return paths


def _share(folder: Path, group: str) -> None:
    """Give a study's folder to a group, and what is made in it from now on."""
    try:
        number = grp.getgrnam(group).gr_gid
        for path in (folder, *(parent for parent in folder.rglob("*") if parent.is_dir())):
            os.chown(path, -1, number)
            os.chmod(path, path.stat().st_mode | 0o2070)
    except KeyError:
        raise InputError(
            f"group is {group!r}, which is no group here", "one of your groups (`id`)", "change it"
        ) from None
    except PermissionError as error:
        raise InputError(
            f"{error.filename} cannot be given to group {group}", "a group that you are in", "change group"
        ) from None


def _submit(submission: Submission, scripts: Scripts, cluster: Slurm, queue: Mapping[str, QueueRow]) -> None:
    """Submit the jobs in order; what Slurm has taken is recorded at once, whatever comes after."""
    old = [job.job for job in recorded_jobs(submission.folder) if job.kind == "collect" and _waits(queue, job.job)]
    with stop_signals() as stop:
        stop.deferred = True  # a job must not be submitted without being recorded
        for job in submission.jobs:
            stop.check()
            needs = _needed_ids(job, submission)
            path = submission.scripts[job.name]
            try:
                number = cluster.sbatch(path.absolute(), _dependency(job, submission))
            except StiltsError as error:
                done = f"{len(submission.ids)} of {len(submission.jobs)} jobs are submitted"
                raise StiltsError(f"{error} ({path}); {done}: {AGAIN}") from None
            submission.ids[job.name] = number
            record(
                submission.folder,
                SubmittedJob(number, job.kind, scripts.job_name(job), list(job.runs), job.array,
                             f"{FOLDER}/{path.name}", needs, time.time(), scripts.log(job)),
            )  # fmt: skip
    cluster.cancel([str(number) for number in old])  # the new collector waits for all that they waited for


def _dependency(job: Job, submission: Submission) -> list[str]:
    """The options of sbatch that let a job wait. One whose need has failed is cancelled, not left in the queue."""
    names = _places_before(job, submission)
    if not names:
        return []
    how = "afterany" if job.after_all else "afterok"
    return [f"--dependency={how}:{':'.join(names)}", *([] if job.after_all else ["--kill-on-invalid-dep=yes"])]


def _places_before(job: Job, submission: Submission) -> list[str]:
    """Slurm's names of the jobs and array elements that a job waits for."""
    if job.after_all:
        earlier = dict.fromkeys(place.partition("_")[0] for place in submission.queued.values())
        return [
            *earlier,
            *(str(submission.ids[other.name]) for other in submission.jobs if other.name in submission.ids),
        ]
    own = [str(submission.ids[name]) + ("" if index is None else f"_{index}") for name, index in job.after]
    return [*own, *job.after_queued]


def _needed_ids(job: Job, submission: Submission) -> list[int]:
    return list(dict.fromkeys(int(name.partition("_")[0]) for name in _places_before(job, submission)))


def _waits(queue: Mapping[str, QueueRow], job: int) -> bool:
    row = queue.get(str(job))
    return row is not None and row.state == "PENDING"
