"""`stilts submit`: what is missing of a study, as jobs that wait for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stilts.errors import InputError
from stilts.files import write_text
from stilts.slurm.client import QueueRow, Slurm
from stilts.slurm.jobs import Job, jobs_of
from stilts.slurm.missing import Missing, find_missing, waiting_collectors
from stilts.slurm.profile import Profile, load_profile
from stilts.slurm.script import Scripts, here, profile_path
from stilts.slurm.sending import Sent, refuse_unrecorded
from stilts.slurm.sharing import share
from stilts.slurm.submitted import FOLDER, LOGS, active_places, recorded_jobs
from stilts.study.cost import cost_of
from stilts.study.disk import refuse_without_space
from stilts.study.plan import Plan
from stilts.study.run_file import RunTexts
from stilts.study.started import accept_drift
from stilts.study.stopping import stop_signals
from stilts.study.write import BRIEFLY, study_lock, write

DEFAULT_ARRAY = 1001  # Slurm's default MaxArraySize, where no cluster can be asked (--dry-run)
NAMED = 5  # runs that a line names


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
    plan: Plan, text: str, dry_run: bool = False, allow_drift: Sequence[str] = (), slurm: Slurm | None = None
) -> Submission:
    """Write the plan and the scripts of what is missing, and submit them.

    Runs that are done, wait or run already are left alone, and so are runs that failed.

    Args:
        plan: an expanded study.
        text: the study file's text.
        dry_run: write the scripts, and nothing else; no Slurm is needed then.
        allow_drift: settings that runs may go on with though they were started with others.
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
    with study_lock(plan.folder, wait=BRIEFLY):  # the job that prepares may write the plan just now
        recorded = recorded_jobs(plan.folder)
        queue = cluster.queue(job.job for job in recorded) if recorded and cluster.available() else {}
        if dry_run:  # queued jobs read run.yaml when they start
            accept_drift(plan, allow_drift)
            notes = []
        else:
            refuse_unrecorded(plan.folder, recorded, cluster)
            notes = _changed_in_the_queue(plan, active_places(recorded, queue)) + write(plan, text, allow_drift)
        found = find_missing(plan, recorded, queue, profile.max_submit)
        if profile.prepare_on == "login" and found.standing.prepare and not dry_run:
            _prepare_here(plan)
            found = find_missing(plan, recorded, queue, profile.max_submit)
        jobs = jobs_of(plan, found.standing, _array_size(profile, None if dry_run else cluster))
        notes += _notes(found)
        if jobs:
            _look_at_the_disk(plan, jobs, profile, notes if dry_run else None)
        scripts = Scripts(profile, plan.study.launch, plan.study.name, plan.folder, here())
        sent = Sent(plan.folder, jobs, _write_scripts(plan.folder, jobs, scripts, profile), found.standing.queued)
        if jobs and not dry_run:
            sent.send(scripts, cluster)
            cluster.cancel(waiting_collectors(recorded, queue))  # the new one waits for all that they waited for
        return Submission(
            plan.folder,
            jobs,
            sent.ids,
            dict(sent.scripts),
            dict(sent.queued),
            found.done,
            found.failed,
            found.later,
            notes,
        )


def refuse_queued(plan: Plan) -> None:
    """Raise InputError where runs of the study wait or run in Slurm jobs: they would be trained twice."""
    recorded, cluster = recorded_jobs(plan.folder), Slurm()
    if not recorded or not cluster.available():
        return
    active = active_places(recorded, cluster.queue(job.job for job in recorded))
    if active:
        shown = ", ".join(f"{run} (job {row.job})" for run, row in list(active.items())[:NAMED])
        raise InputError(
            f"{len(active)} runs of the study wait or run in Slurm jobs: {shown}", "no job of it",
            "`stilts cancel` them first, or let them end",
        )  # fmt: skip


def runs_at_once(jobs: Sequence[Job], profile: Profile) -> int:
    """How many runs of some jobs may go at the same time."""
    width = profile.throttle or sum(len(job.runs) for job in jobs)
    return profile.runs_at_once or sum(min(len(job.runs), width) for job in jobs)


def _array_size(profile: Profile, cluster: Slurm | None) -> int:
    """Elements of one array at most."""
    largest = DEFAULT_ARRAY if cluster is None else cluster.max_array_size()
    if largest < 1:
        raise InputError("this cluster takes no arrays (MaxArraySize=0)", "arrays", "ask its administrators")
    return min(largest, profile.max_array_size or largest)


def _changed_in_the_queue(plan: Plan, active: Mapping[str, QueueRow]) -> list[str]:
    """A note where runs that wait will be trained with other settings than when they were submitted."""
    texts, waiting = RunTexts(), []
    for run in plan.runs:
        path = plan.run_folder(run.run) / "run.yaml"
        if run.run in active and path.is_file() and path.read_text(encoding="utf-8") != texts.of(run):
            waiting.append(run.run)
    return [f"{named(waiting)} in the queue will take the study's new settings"] if waiting else []


def _notes(found: Missing) -> list[str]:
    if not found.strangers:
        return []
    return [f"{named(found.strangers)} wait or run in jobs, and the study does not have them any more: scancel them"]


def named(runs: Sequence[str]) -> str:
    """How many runs, and the first of them."""
    return f"{len(runs)} runs ({', '.join(runs[:NAMED])}{', ...' if len(runs) > NAMED else ''})"


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
        share(folder, profile.group)
    return paths
