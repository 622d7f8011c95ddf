"""What a job script does about its run, before the ranks start, while they run and after they have ended.

    python -m stilts.slurm.element begin FOLDER RUN --restarts N --idle M
    python -m stilts.slurm.element stop FOLDER RUN
    python -m stilts.slurm.element end FOLDER RUN CODE
    python -m stilts.slurm.element port

It reads and writes the run's folder and Slurm's variables only, so that it runs in a container, too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stilts.errors import InputError, StiltsError, Stopped
from stilts.run_logs import LAUNCHER_LOG, last_line, last_words
from stilts.slurm.starts import Start, add_start, read_starts, this_start
from stilts.slurm_job import SlurmJob, slurm_job
from stilts.status import Status, recorded_status, write_status
from stilts.study.processes import ranks_here

DONE_BEFORE = 3
"""What `begin` ends with where the run is done already: the script ends with 0."""
FIRST_PORT = 20000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_CLOCKS = 5.0  # seconds that a file server's clock may be behind this node's
_FROM_OUTSIDE = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def begin(folder: Path, restarts: int, idle: int) -> int:
    """Note that a start of the run begins now: 0 to go on, 3 where it is done, 1 where it shall not be started again.

    Args:
        folder: `runs/<run>`.
        restarts: how often Slurm may requeue this job.
        idle: starts in a row after which the run has to be further than before them.
    """
    status = recorded_status(folder)
    if status.state == "done":
        print(f"run {folder.name} is done already")
        return DONE_BEFORE
    job = this_job()
    start, before = this_start(folder, job), read_starts(folder)
    refused = _spent(start, before, restarts, idle)
    if refused:
        words = last_words(folder)
        error = f"{refused}{f' ({words})' if words else ''}: mend the cause, then `stilts retry`"
        write_status(folder, replace(status, state="failed", ranks=[], error=error, heartbeat=0.0, slurm=job.plain()))
        print(f"run {folder.name}: {error}", file=sys.stderr)
        return StiltsError.exit_code
    add_start(folder, start)
    # an old state must not be taken for this start's if the launcher ends before the ranks write one
    write_status(folder, replace(status, state="pending", ranks=[], error=None, heartbeat=0.0, slurm=job.plain()))
    return 0


def stop(folder: Path) -> int:
    """USR1 to the run's ranks on this node, which all ranks then act on; returns 0.

    For launchers that start ranks where Slurm's own signals do not reach them (pdsh).
    """
    for pid in ranks_here(recorded_status(folder)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGUSR1)
    return 0


def end(folder: Path, code: int) -> int:
    """How this start of the run ended: 0 done, 75 it shall be requeued, 1 failed; status.json says so afterwards.

    Args:
        folder: `runs/<run>`.
        code: what the launcher ended with; status.json decides where it says enough.
    """
    status, job = recorded_status(folder), this_job()
    started = read_starts(folder)
    if started and not started[-1].of(job):  # this script has outlived its job's requeue, on a node that was lost
        print(f"run {folder.name}: a later start has taken over (job {started[-1].job})", file=sys.stderr)
        return StiltsError.exit_code
    if status.state in ("done", "stopped"):
        return 0 if status.state == "done" else Stopped.exit_code
    since = started[-1].began - _CLOCKS if started else 0.0
    if status.state == "failed":
        if _signal(code) == signal.SIGKILL:  # the others only know that they lost a rank
            line = last_line(folder / LAUNCHER_LOG, since)
            error = "; ".join(filter(None, [status.error, _ended(code), line]))
            write_status(folder, replace(status, error=error, heartbeat=0.0))
        return StiltsError.exit_code
    if _to_be_requeued(status, code):
        write_status(folder, replace(status, state="stopped", error=_ended(code), heartbeat=0.0))
        return Stopped.exit_code
    words = last_words(folder, since)
    when = "before the run began" if status.state == "pending" else f"after step {status.step}, before the run was done"
    error = "; ".join(filter(None, [f"{_ended(code)} {when}", words]))
    write_status(folder, replace(status, state="failed", error=error, heartbeat=0.0))
    print(f"run {folder.name}: {error}", file=sys.stderr)
    return StiltsError.exit_code


def port() -> int:
    """A TCP port that nobody listens on on this node now, for the ranks to meet at.

    Jobs on one node look from different places on: which one follows from the job's id, and moves with each restart,
    so that a rank of an earlier start that was left behind on a lost node does not meet the ranks of this one. Two jobs
    may still choose the same port where their ids are a multiple of the range apart and both look before either
    listens; outgoing connections never take it in between, as the kernel hands out none of these ports.
    """
    last = min(_first_ephemeral(), 32768) - 1
    if last < FIRST_PORT + 1000:  # this kernel hands out nearly all ports
        last = 2**16 - 1
    job = slurm_job()
    offset = job.id + 1009 * job.restart_count if job else os.getpid()
    size = last - FIRST_PORT + 1
    for number in range(size):
        candidate = FIRST_PORT + (offset + number) % size
        if _free(candidate):
            return candidate
    raise StiltsError(f"all ports from {FIRST_PORT} to {last} are taken on {socket.gethostname()}")


def this_job() -> SlurmJob:
    """The job around this process. Raises InputError outside of Slurm."""
    job = slurm_job()
    if job is None:
        raise InputError(
            "SLURM_JOB_ID is not set", "a job of Slurm", "start the script with `stilts submit` or sbatch, not by hand"
        )
    return job


def run_folder(folder: Path, run: str) -> Path:
    """`runs/<run>` of a study. Raises InputError where it has no run.yaml."""
    path = folder / "runs" / run
    if not (path / "run.yaml").is_file():
        raise InputError(f"no run at {path}", "a folder with run.yaml", "write it again: `stilts submit` the study")
    return path


def _spent(start: Start, before: Sequence[Start], restarts: int, idle: int) -> str | None:
    """Why the run shall not be started again, if it shall not."""
    if start.restart > restarts:
        return (
            f"job {start.job} was requeued {start.restart} times, more than the {restarts} that launch.profile allows"
        )
    same = before[-idle:]
    if len(same) == idle and all(one.progress == start.progress for one in same):
        jobs = ", ".join(dict.fromkeys(one.job for one in same))
        return f"{idle} starts in a row (job {jobs}) came no further than step {start.step}"
    return None


def _to_be_requeued(status: Status, code: int) -> bool:
    """Whether a start that ended without a last word was ended from outside and may go on.

    A kill before the ranks' first word is left out: the next start would be killed there, too (too little memory).
    """
    if code == Stopped.exit_code or _signal(code) in _FROM_OUTSIDE:
        return True
    # 0: DeepSpeed's launcher and mpirun end with it when what is below them was killed, as by a preemption
    return code == 0 or (status.state == "running" and _signal(code) == signal.SIGKILL)


def _signal(code: int) -> int:
    """The signal that a launcher's code tells of (128 + n, or -n as a byte, of Python programs), else 0.

    Not 255, which ssh and containers end with that did not start.
    """
    if 128 < code < 192:
        return code - 128
    return 256 - code if 256 - code in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGUSR2) else 0


def _ended(code: int) -> str:
    number = _signal(code)
    names = {one.value: one.name for one in signal.Signals}
    hint = " (too little memory?)" if number == signal.SIGKILL else ""
    return f"the launcher ended with code {code}" + (f" = {names[number]}{hint}" if number in names else "")


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32768  # Linux' default


def _free(number: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", number))
        except OSError:
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("begin", "stop", "end"):
        action = actions.add_parser(name)
        action.add_argument("folder", type=Path, help="the study's folder")
        action.add_argument("run")
    actions.choices["begin"].add_argument("--restarts", type=int, required=True, help="requeues of one job")
    actions.choices["begin"].add_argument("--idle", type=int, required=True, help="starts without progress")
    actions.choices["end"].add_argument("code", type=int, help="what the launcher ended with")
    actions.add_parser("port")
    options = parser.parse_args(arguments)
    try:
        if options.action == "port":
            print(port())
            return 0
        folder = run_folder(options.folder, options.run)
        if options.action == "begin":
            return begin(folder, options.restarts, options.idle)
        if options.action == "stop":
            return stop(folder)
        return end(folder, options.code)
    except StiltsError as error:
        print(f"stilts.slurm.element: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
