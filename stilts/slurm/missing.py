"""What is missing of a study, and what of it waits or runs already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stilts.config import RunSettings, SetRef
from stilts.errors import InputError
from stilts.slurm.client import QueueRow
from stilts.slurm.jobs import Standing
from stilts.slurm.submitted import SubmittedJob, active_places, latest_places
from stilts.status import possibly_alive, study_status
from stilts.study.plan import Plan

BESIDE_RUNS = 3  # jobs that are queued beside the runs: prepare, the collector, and the collector before it


@dataclass(frozen=True)
class Missing:
    """What a submission starts from.

    Attributes:
        standing: the runs to submit, those that are queued, and what goes with them.
        done: how many runs are done.
        failed: ids of runs that failed, with those that need them: left alone.
        later: ids of runs that `max_submit` leaves for another call.
        strangers: ids of runs that wait or run, and that the plan does not have any more.
    """

    standing: Standing
    done: int
    failed: list[str]
    later: list[str]
    strangers: list[str]


def find_missing(
    plan: Plan, recorded: Sequence[SubmittedJob], queue: Mapping[str, QueueRow], max_submit: int
) -> Missing:
    """Which runs are to be submitted.

    Args:
        plan: the study.
        recorded: the jobs on record.
        queue: what Slurm says about them.
        max_submit: jobs and elements that may be queued at once; 0 for no limit.

    Raises:
        InputError: a run goes outside of Slurm.
    """
    states = study_status(plan.folder, [run.run for run in plan.runs])
    in_jobs = active_places(recorded, queue)
    active = {run: row for run, row in in_jobs.items() if run in states and states[run].state != "done"}
    submitted = latest_places(recorded)
    failed: dict[str, None] = {}
    todo: list[RunSettings] = []
    for run in plan.runs:
        status = states[run.run]
        if status.state == "done" or run.run in active:
            continue
        if status.state == "failed" or any(need in failed for need in run.needs):
            failed[run.run] = None
        elif run.run not in submitted and status.state == "running" and possibly_alive(status):
            ranks = ", ".join(f"{rank.get('host')}:{rank.get('pid')}" for rank in status.ranks)
            raise InputError(f"run {run.run} runs outside of Slurm ({ranks})", "a run that is stopped", "stop it first")
        else:
            todo.append(run)
    room = max(0, max_submit - len(active) - BESIDE_RUNS) if max_submit else len(todo)
    now, later = todo[:room], todo[room:]  # the plan's order: a run comes after those it needs
    standing = Standing(
        todo=[run.run for run in now],
        queued={run: row.job for run, row in active.items()},
        prepare=any(not (plan.features / ref.folder / "manifest.json").is_file() for ref in _sets(now)),
        # one that runs already has read the study as it was
        prepare_queued=next(iter(_of_kind("prepare", recorded, queue, ("PENDING",))), None),
        collect_queued=bool(_of_kind("collect", recorded, queue)),
        collected=(plan.folder / "results" / "xtreme.json").is_file(),
    )
    done = sum(status.state == "done" for status in states.values())
    return Missing(
        standing, done, list(failed), [run.run for run in later], [run for run in in_jobs if run not in states]
    )


def waiting_collectors(recorded: Sequence[SubmittedJob], queue: Mapping[str, QueueRow]) -> list[str]:
    """Slurm's names of the collectors that wait."""
    return _of_kind("collect", recorded, queue, ("PENDING",))


def _of_kind(
    kind: str, recorded: Sequence[SubmittedJob], queue: Mapping[str, QueueRow], states: Sequence[str] = ()
) -> list[str]:
    """Names of the jobs of a kind that are in one of the states, by default those that wait, run or will run again."""
    rows = (queue.get(place) for job in recorded if job.kind == kind for place, _ in job.places())
    return [row.job for row in rows if row is not None and (row.state in states if states else row.active)]


def _sets(runs: Sequence[RunSettings]) -> list[SetRef]:
    sets = [
        [*run.train_sets, *run.selection_sets, *run.evaluation_sets, *run.noisy_sets, *run.support_sets] for run in runs
    ]
    return list({ref.folder: ref for refs in sets for ref in refs}.values())
