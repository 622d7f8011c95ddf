"""How far a whole study is: run folders, the record of submitted jobs, and Slurm, joined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stilts.config import RunSettings
from stilts.errors import StiltsError
from stilts.run_logs import last_line
from stilts.slurm.client import QueueRow, Slurm
from stilts.slurm.standing import BROKEN, standing, time_left, waits_for
from stilts.slurm.starts import read_starts
from stilts.slurm.submitted import SubmittedJob, latest_places, recorded_jobs
from stilts.status import Status, study_status
from stilts.study.plan import Plan
from stilts.study.tables import scores_of_run

_ATTEMPT = "attempt.json"  # as old as the run's current start
_PLACE = re.compile(r"(\d+)(_\d+)?")


@dataclass(frozen=True)
class RunStanding:
    """One run.

    Attributes:
        run: its settings.
        status: what its folder says.
        state, note: as `stilts.slurm.standing.standing` gives them.
        place: Slurm's name of its job or element, `123_4`; None where it was never in one.
        row: what Slurm says about that now; None where it says nothing.
        left: seconds until its last step at the rate so far; None where that is not known.
        scores: target -> points, the mean over the languages and the metrics that count; None where one is missing.
    """

    run: RunSettings
    status: Status
    state: str
    note: str = ""
    place: str | None = None
    row: QueueRow | None = None
    left: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def restarts(self) -> int:
        """How often Slurm has started its job again."""
        slurm = self.status.slurm or {}
        own = int(slurm.get("restart_count") or 0) if slurm.get("job") == self.place else 0
        return max(own, self.row.restarts if self.row else 0)


@dataclass(frozen=True)
class JobStanding:
    """A job without a run: the latest one that prepares or collects."""

    job: SubmittedJob
    state: str
    note: str
    row: QueueRow | None


@dataclass(frozen=True)
class Whole:
    """All runs of a study in the plan's order, its prepare and collect jobs; `silent`: why Slurm gave no answer."""

    plan: Plan
    runs: list[RunStanding]
    jobs: list[JobStanding] = field(default_factory=list)
    silent: str = ""


@dataclass(frozen=True)
class _Answer:
    """What Slurm said, by job or element; `asked` is False where nobody was there to ask."""

    rows: Mapping[str, QueueRow]
    asked: bool
    silent: str = ""


def look(plan: Plan, slurm: Slurm | None = None, scores: bool = True) -> Whole:
    """How far a study is. A run's files are read once; where there is no Slurm, its folder alone is believed.

    Args:
        plan: the study as it is now.
        slurm: the cluster.
        scores: read those of runs that are done, too.
    """
    jobs, cluster = recorded_jobs(plan.folder), slurm or Slurm()
    queue = _queue(cluster, {job.job for job in jobs})  # first: a run that ends meanwhile is seen as done
    states = study_status(plan.folder, [run.run for run in plan.runs])
    latest = latest_places(jobs)
    places = {name: _place(status, latest.get(name)) for name, status in states.items()}
    answer = _ask(cluster, queue, {name: place for name, place in places.items() if place}, states)
    names = {job.job: job.name.removeprefix(f"{plan.study.name}.") for job in jobs}
    found: dict[str, RunStanding] = {}
    for run in plan.runs:
        status, place, last = states[run.run], places[run.run], latest.get(run.run)
        row = answer.rows.get(place) if place else None
        job = last[0] if last and last[1] == place else None
        one = RunStanding(run, status, *standing(status, place, row, answer.asked), place, row)
        if one.state == "queued" and row is not None:
            one = replace(one, note=waits_for(row, job, answer.rows, names))
        elif one.state in BROKEN and status.state != "failed":
            state, note = _why(plan.folder, [found[need] for need in run.needs], one, job)
            one = replace(one, state=state, note=note)
        elif one.state == "running":
            one = replace(one, left=_left(plan.run_folder(run.run), status, run.branch_step or 0))
        elif one.state == "done" and scores:
            one = replace(one, scores=scores_of_run(plan, run))
        found[run.run] = one
    return Whole(plan, list(found.values()), list(_without_runs(plan.folder, jobs, answer, names)), answer.silent)


def _place(status: Status, latest: tuple[SubmittedJob, str] | None) -> str | None:
    """Where a run is: the job of its last start if that began after what was submitted last (by hand), else that."""
    if latest and status.state == "pending" and not status.slurm and status.heartbeat > latest[0].submitted:
        return None  # `stilts retry` has set it back, and it is not submitted again yet
    started = str(status.slurm["job"]) if status.slurm and _PLACE.fullmatch(str(status.slurm.get("job"))) else None
    if latest is None or started is None:
        return latest[1] if latest else started
    return started if _number(started) > latest[0].job else latest[1]


def _queue(slurm: Slurm, ids: set[int]) -> _Answer:
    if not ids or not slurm.available():
        return _Answer({}, False)
    try:
        return _Answer(slurm.queue(ids), True)
    except StiltsError as error:
        return _Answer({}, False, str(error))


def _ask(slurm: Slurm, queue: _Answer, places: Mapping[str, str], states: Mapping[str, Status]) -> _Answer:
    """With jobs that the record has not (submitted by hand), and from accounting those that the queue has forgotten."""
    open_ids = {_number(place) for name, place in places.items() if states[name].state not in ("done", "failed")}
    lacking = open_ids - {_number(place) for place in queue.rows}
    if queue.silent or not lacking:
        return queue
    more = _queue(slurm, lacking)
    if not more.asked:
        return more
    return _Answer({**slurm.accounting(lacking - set(map(_number, more.rows))), **queue.rows, **more.rows}, True)


def _why(folder: Path, needs: Iterable[RunStanding], one: RunStanding, job: SubmittedJob | None) -> tuple[str, str]:
    """State and note of a run whose job has ended without a word of it: by the run that it needs, or by its log."""
    broken = next((need for need in needs if need.state in BROKEN), None)
    if broken:
        return one.state, f"needs {broken.run.run}, which {'failed' if broken.state == 'failed' else 'was cancelled'}"
    words = last_line(job.log_file(folder, one.place), since=job.submitted) if job and one.place else ""
    if words:
        return one.state, f"{one.note}; its log ends with: {words}"
    if one.row is None and (one.status.slurm or {}).get("job") != one.place:
        return "cancelled", f"job {one.place} left the queue before it began"
    return one.state, one.note


def _left(folder: Path, status: Status, branch_step: int) -> float | None:
    try:
        began = (folder / _ATTEMPT).stat().st_mtime
    except OSError:
        began = None
    return time_left(status, read_starts(folder) if status.slurm else [], began, branch_step)


def _without_runs(
    folder: Path, jobs: Iterable[SubmittedJob], answer: _Answer, names: Mapping[int, str]
) -> Iterable[JobStanding]:
    """The latest prepare job and the latest collector, if Slurm still knows them."""
    for job in {job.kind: job for job in jobs if not job.runs}.values():
        row = answer.rows.get(str(job.job))
        if row is None:
            continue
        state, note = standing(Status(slurm={"job": str(job.job)}), str(job.job), row, True)
        if state == "queued":
            note = waits_for(row, job, answer.rows, names)
        elif state == "starting":
            state = "running"
        elif row.state == "COMPLETED":
            state, note = "done", ""
        elif state in BROKEN:
            note = last_line(job.log_file(folder, str(job.job)), since=job.submitted) or row.state
        yield JobStanding(job, state, note, row)


def _number(place: str) -> int:
    return int(place.partition("_")[0])
