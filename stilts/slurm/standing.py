"""What a run is at: its folder's status joined with what Slurm says about its job. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stilts.slurm.client import QueueRow
from stilts.slurm.starts import Start
from stilts.slurm.submitted import SubmittedJob
from stilts.status import SILENT, Status

STATES = ("queued", "starting", "running", "stopping", "pending", "stopped", "cancelled", "failed", "done")
"""What a run is shown as. Of these `status.json` knows pending, running, stopped, failed and done."""
OPEN = ("queued", "starting", "running", "stopping")
"""Those of a run that a job or a process is at."""
BROKEN = ("failed", "cancelled")
_WAITS = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD")
_MEANINGS = {
    "TIMEOUT": "its time limit came", "OUT_OF_MEMORY": "it took more memory than the job has",
    "NODE_FAIL": "its node was lost", "BOOT_FAIL": "its node did not start", "DEADLINE": "its deadline passed",
    "PREEMPTED": "preempted, and not requeued",
}  # fmt: skip


def standing(status: Status, place: str | None, row: QueueRow | None, asked: bool) -> tuple[str, str]:
    """A run's state, one of STATES, and a note: why it waits, failed or stopped; "" where there is nothing to say.

    Args:
        status: of the run's folder, the authority on whether it is done or has failed.
        place: Slurm's name of its job or element; None where it was never in one.
        row: what Slurm says about that; None where it knows nothing (any more).
        asked: whether Slurm gave an answer.
    """
    said = status.state, status.error or ""
    if status.state == "done" or place is None or not asked:
        return said
    own = status.slurm is not None and status.slurm.get("job") == place  # else the status is of an earlier start
    silent = status.state == "stopped" and status.error == SILENT
    if row is not None and row.active:
        if row.state in _WAITS:
            return "queued", row.reason
        if status.state == "failed" and own:
            return said
        aside = "" if row.state == "RUNNING" else row.state.lower()
        if own and (status.state == "running" or silent):
            return "running", "no sign of life for minutes" if silent else aside
        return ("stopping", said[1]) if own and status.state == "stopped" else ("starting", aside)
    if status.state == "failed" or (status.state == "stopped" and not silent):
        return said
    if status.state == "running" and status.slurm is None:
        return said  # outside of Slurm, by `stilts run`
    return _ended(status, place, row)


def _ended(status: Status, place: str, row: QueueRow | None) -> tuple[str, str]:
    """A run whose job has ended, and which did not say so itself."""
    when = f"after step {status.step}" if status.step else "before its first step"
    if row is None:  # the controller has forgotten the job
        return "failed", f"job {place} ended {when} and is gone from the queue"
    if row.state in ("CANCELLED", "REVOKED"):
        return "cancelled", f"job {place} was cancelled {when}"
    if row.state == "COMPLETED":
        return "pending", f"job {place} completed without a word of the run"
    means = f" ({_MEANINGS[row.state]})" if row.state in _MEANINGS else ""
    code = f" with code {row.exit_code}" if row.exit_code else ""
    return "failed", f"job {place} ended {when}: {row.state}{means}{code}"


def waits_for(row: QueueRow, job: SubmittedJob | None, rows: Mapping[str, QueueRow], names: Mapping[int, str]) -> str:
    """Why a job waits: Slurm's reason, with the jobs that it is to follow if these have not ended.

    Args:
        row: of the job or element.
        job: its record.
        rows: Slurm's name of a job or element -> what Slurm says.
        names: id of a job -> the name that the study has for it.
    """
    reason = "requeued" if row.restarts and row.reason in ("None", "BeginTime") else row.reason
    reason = "" if reason == "None" else reason  # Slurm has not looked at it yet
    if job is None or row.reason not in ("Dependency", "None"):
        return reason
    active = {int(place.partition("_")[0]) for place, other in rows.items() if other.active}
    before = [names[need] for need in job.needs if need in active and need in names]
    return f"after {', '.join(before)}" if before else reason


def time_left(status: Status, starts: Sequence[Start], began: float | None, branch_step: int = 0) -> float | None:
    """Seconds until the last step of training at the rate since the run's start; None while that is not known.

    Args:
        status: of a run that trains.
        starts: its starts in Slurm jobs; none outside of Slurm.
        began: when its start began, outside of Slurm, seconds since 1970.
        branch_step: the step of another run that it goes on from.
    """
    first = max(branch_step, starts[-1].step if starts else 0)
    since = starts[-1].began if starts else began if not status.restarts else None
    if since is None or status.step <= first or status.heartbeat <= since:
        return None
    return max(0, status.steps - status.step) * (status.heartbeat - since) / (status.step - first)
