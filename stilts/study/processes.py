"""Starts and ends the processes of runs, each run in a process group of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LAUNCHER_LOG = "launcher.txt"
GRACE = 10.0  # seconds between TERM and KILL


@dataclass
class RunProcess:
    """One started run.

    Attributes:
        run: its id.
        slot: which of the parallel places it has.
        process: the launcher.
        log: the open `launcher.txt`.
        began: `time.monotonic()` at its start.
    """

    run: str
    slot: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    began: float


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


def end(started: Sequence[RunProcess], grace: float = GRACE) -> None:
    """TERM to every group, KILL to what is left after `grace` seconds. Returns when all are gone."""
    for one in started:
        _signal_group(one, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(_group_alive(one) for one in started):
        time.sleep(0.05)
    for one in started:
        _signal_group(one, signal.SIGKILL)
        settle(one)


def log_tail(folder: Path) -> str:
    """The last line of `launcher.txt` that is not the deepspeed launcher's own."""
    path = folder / LAUNCHER_LOG
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 16384))
        text = file.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [line for line in lines if "[launch.py:" not in line and "[runner.py:" not in line]
    return (own or lines or [""])[-1]


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
