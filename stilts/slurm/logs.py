"""`stilts logs`: the log of a run, wherever it is, and of the jobs that prepare and collect."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from stilts.errors import InputError
from stilts.run_logs import LAUNCHER_LOG, RANK_LOGS
from stilts.slurm.submitted import latest_places, recorded_jobs
from stilts.study.local import find_run
from stilts.study.plan import Plan

POLL = 0.5  # seconds between looks at a log that is followed
JOBS = ("prepare", "collect")


def log_of(plan: Plan, run: str, rank: int | None = None) -> Path:
    """The log to show: log.txt, else what a rank or the launcher printed, else that of the run's Slurm job.

    Args:
        plan: the study.
        run: a run's id, or "prepare" or "collect" for the last such job.
        rank: show what this rank printed.

    Raises:
        InputError: there is no such run, or no such log.
    """
    jobs = recorded_jobs(plan.folder)
    if run in JOBS and any(job.kind == run for job in jobs):
        last = [job for job in jobs if job.kind == run][-1]
        found = [last.log_file(plan.folder, str(last.job))]
    else:
        folder = find_run(plan, run)
        ranks = sorted((folder / RANK_LOGS).glob("*.txt"), key=lambda path: (len(path.stem), path.stem))
        if rank is not None:
            return _of_rank(run, folder / RANK_LOGS / f"{rank}.txt", ranks)
        job, place = latest_places(jobs).get(run, (None, ""))
        # empty logs of ranks say less than the job's own
        printed = [path for path in ranks if path.stat().st_size]
        found = [
            folder / "log.txt",
            *printed,
            folder / LAUNCHER_LOG,
            *([job.log_file(plan.folder, place)] if job else []),
        ]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        started = "start it with `stilts run` or `stilts submit`"
        raise InputError(f"{run} has no log", "a run that was started", started)
    return path


def show_log(path: Path, out: TextIO, follow: bool = False, sleep: Callable[[float], None] = time.sleep) -> None:
    """Print a log; with `follow` also what is added to it, until Ctrl-C.

    Args:
        path: the log.
        out: where to print.
        follow: go on.
        sleep: for tests.
    """
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as log:
            while True:
                for part in iter(lambda: log.read(1 << 16), ""):
                    out.write(part)
                out.flush()
                if not follow:
                    return
                sleep(POLL)
                if path.stat().st_size < log.tell():  # written anew
                    log.seek(0)
    except KeyboardInterrupt:
        return


def _of_rank(run: str, path: Path, ranks: list[Path]) -> Path:
    if not path.is_file():
        known = ", ".join(one.stem for one in ranks) or "none"
        raise InputError(
            f"run {run} has no log of rank {path.stem}", f"one of these ranks: {known}",
            "leave --rank out (rank 0 writes log.txt; ranks have logs of their own in Slurm jobs)",
        )  # fmt: skip
    return path
