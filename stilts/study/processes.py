"""Starts and ends the processes of runs, each run in a process group of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from stilts.run_logs import LAUNCHER_LOG
from stilts.status import Status, possibly_alive, this_rank
from stilts.study.launcher import PARENT

TERM_TO_KILL = 10.0  # seconds


@dataclass
class RunProcess:
    """One started run.

    Attributes:
        run: its id.
        slot: which of the parallel places it has.
        process: the launcher.
        log: the open `launcher.txt`.
        began: `time.monotonic()` at its start.
        ended: the same when the launcher was found to have ended.
    """

    run: str
    slot: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    began: float
    ended: float | None = None


def start(run: str, slot: int, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> RunProcess:
    """Start a run's launcher in a new session; its output is appended to `launcher.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = open(folder / LAUNCHER_LOG, "ab")  # noqa: SIM115 (closed by `settle`)
    log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n".encode())
    log.flush()
    process = subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=dict(environment),
        start_new_session=True,
    )  # fmt: skip
    return RunProcess(run, slot, process, log, time.monotonic())


def settle(started: RunProcess) -> int:
    """After the launcher has ended: end what is left of its group, close the log; the launcher's exit code."""
    code = started.process.wait()
    _signal_group(started, signal.SIGKILL)
    started.log.close()
    return code


def ask_to_stop(started: RunProcess, status: Status) -> None:
    """TERM to the ranks that a run's status names, which then save; to the whole group while there are none.

    Never to the launcher of ranks that can save: it would kill them, or leave them behind.
    """
    pids = ranks_here(status)
    if not pids:
        _signal_group(started, signal.SIGTERM)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def ranks_here(status: Status) -> list[int]:
    """Process ids of the ranks that a status names and that still run on this machine."""
    here = [rank for rank in status.ranks if rank.get("host") == this_rank()["host"]]
    return [rank["pid"] for rank in here if possibly_alive(replace(status, ranks=[rank]))]


def command_above(pid: int) -> int | None:
    """Process id of the `stilts run` that a rank belongs to, if that still runs."""
    import psutil

    try:
        number = psutil.Process(pid).environ().get(PARENT, "")
        above = psutil.Process(int(number)) if number.isdigit() else None
        older = above is not None and above.create_time() <= psutil.Process(pid).create_time()
        return above.pid if above is not None and older else None
    except psutil.Error:
        return None


def end(started: Sequence[RunProcess], grace: float = TERM_TO_KILL, hurry: Callable[[], bool] = lambda: False) -> None:
    """TERM to every group, KILL to what is left after `grace` seconds or in a hurry. Returns when all are gone."""
    for one in started:
        _signal_group(one, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and not hurry() and any(_group_alive(one) for one in started):
        time.sleep(0.05)
    for one in started:
        _signal_group(one, signal.SIGKILL)
        settle(one)


def _group_alive(started: RunProcess) -> bool:
    started.process.poll()  # reaps the leader, which would keep the group alive as a zombie
    try:
        os.killpg(started.process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal_group(started: RunProcess, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(started.process.pid, number)
