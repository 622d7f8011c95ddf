"""`stilts retry`: failed runs start again from their last checkpoints."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from stilts.errors import InputError
from stilts.slurm.client import Slurm
from stilts.slurm.starts import STARTS, add_retry
from stilts.slurm.submit import Submission, submit_study
from stilts.slurm.submitted import recorded_jobs
from stilts.slurm.whole import look
from stilts.status import write_status
from stilts.study.plan import Plan


@dataclass(frozen=True)
class Retried:
    """The runs whose failure is forgotten, and what was submitted; None where the study is run on this machine."""

    runs: list[str]
    submission: Submission | None


def retry_study(plan: Plan, text: str, runs: Collection[str] = (), slurm: Slurm | None = None) -> Retried:
    """Let failed runs count as not done, with a new restart budget, and submit what is missing.

    Args:
        plan: the study.
        text: the study file's text.
        runs: ids of failed runs; none for all of them.
        slurm: the cluster.

    Raises:
        InputError: a run has not failed, or none has.
    """
    whole = {one.run.run: one for one in look(plan, slurm).runs}
    failed = [name for name, one in whole.items() if one.state == "failed" and (not runs or name in runs)]
    others = [name for name in runs if name not in failed]
    if others:
        what = f"run {others[0]} is {whole[others[0]].state}"
        raise InputError(what, "runs that failed", "leave it out (`stilts submit` sends all that is not done)")
    ending = next((one for name in failed if (one := whole[name]).row is not None and one.row.active), None)
    if ending is not None:
        raise InputError(f"job {ending.place} of run {ending.run.run} has not ended yet", "ended jobs", "wait a moment")
    if not failed:
        raise InputError("no run has failed", "failed runs", "see `stilts status`")
    for name in failed:
        folder, status = plan.run_folder(name), whole[name].status
        write_status(folder, replace(status, state="pending", ranks=[], error=None, heartbeat=0.0, slurm=None))
        if (folder / STARTS).is_file():
            add_retry(folder)
    if plan.study.launch.backend != "slurm" and not recorded_jobs(plan.folder):
        return Retried(failed, None)
    try:
        return Retried(failed, submit_study(plan, text, slurm=slurm))
    except InputError:  # nothing was submitted: the runs are as they were
        for name in failed:
            write_status(plan.run_folder(name), replace(whole[name].status, state="failed", error=whole[name].note))
        raise
