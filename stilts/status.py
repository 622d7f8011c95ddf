"""What a run says about itself: `status.json`, replaced atomically, the authority on how a run ended.

No exit code of a launcher is trusted (facts: torchrun turns 75 into 1, mpirun loses a save on TERM).
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from stilts.errors import StiltsError
from stilts.files import write_text

STATUS = "status.json"
STATES = ("pending", "running", "stopped", "failed", "done")
FOREIGN = 600.0  # seconds without a heartbeat after which ranks on another machine are taken for dead
SILENT = "its processes ended without a word"
"""The error of a run that says it runs, and whose ranks are gone."""
SILENT_AFTER = 60.0  # seconds without a heartbeat after which the ranks of a "running" run are looked for


@dataclass(frozen=True)
class Status:
    """The content of `status.json`.

    Attributes:
        state: "pending", "running", "stopped" (after a checkpoint; run again), "failed" or "done".
        attempt: how often the run was started, 1 for the first time.
        restarts: how often it went on from a checkpoint.
        step, steps: optimizer steps done and planned.
        loss: training loss of the last logged step.
        tokens_per_second: over all ranks, without padding.
        heartbeat: when this was written, seconds since 1970 (UTC).
        ranks: `{"host": host name, "pid": process id}` of every rank.
        error: one line that says why it failed or stopped.
        slurm: the Slurm job of its last start (`stilts.slurm_job.SlurmJob`), None where that had none.
        device: of its last start, "cpu" or "cuda"; None where nothing was recorded.
        rank_seconds: that its ranks have worked, summed over ranks and starts: from each start's first word to its last
            heartbeat, so what a killed start did after that is not in it.
    """

    state: str = "pending"
    attempt: int = 0
    restarts: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    tokens_per_second: float | None = None
    heartbeat: float = 0.0
    ranks: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    slurm: dict[str, Any] | None = None
    device: str | None = None
    rank_seconds: float = 0.0


_FIELDS = frozenset(field.name for field in fields(Status))


def this_rank() -> dict[str, Any]:
    """How this process names itself in `Status.ranks`."""
    return {"host": socket.gethostname(), "pid": os.getpid()}


def write_status(run_folder: Path, status: Status) -> None:
    """Replace `run_folder/status.json`; a heartbeat of 0 becomes the present time."""
    if status.state not in STATES:
        raise StiltsError(f"status state {status.state!r} is none of {', '.join(STATES)}")
    if not status.heartbeat:
        status = replace(status, heartbeat=time.time())
    write_text(run_folder / STATUS, json.dumps(asdict(status)) + "\n")


def read_status(run_folder: Path, now: float | None = None) -> Status:
    """The status of a run; a missing file is "pending", a silent run whose ranks are gone is "stopped".

    Args:
        run_folder: `runs/<run id>`.
        now: seconds since 1970, for tests.
    """
    status = recorded_status(run_folder)
    silent = (time.time() if now is None else now) - status.heartbeat > SILENT_AFTER
    if status.state == "running" and silent and not possibly_alive(status, now):
        return replace(status, state="stopped", error=status.error or SILENT)
    return status


def recorded_status(run_folder: Path) -> Status:
    """The file's content, taken at its word. Raises StiltsError where it is not a status."""
    path = run_folder / STATUS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        status = Status(**{key: value for key, value in content.items() if key in _FIELDS})
        if status.state not in STATES:
            raise ValueError(f"state {status.state!r}")
    except FileNotFoundError:
        return Status()
    except (ValueError, AttributeError, TypeError) as error:
        raise StiltsError(f"{path} is not a status ({error}): remove it to run this run again") from None
    return status


def possibly_alive(status: Status, now: float | None = None) -> bool:
    """True if a recorded rank runs on this machine, or may run on another one: it was heard of not long ago."""
    here = socket.gethostname()
    heard = (time.time() if now is None else now) - status.heartbeat < FOREIGN
    return any(heard if rank.get("host") != here else _runs(rank.get("pid"), status.heartbeat) for rank in status.ranks)


def study_status(folder: Path, runs: Iterable[str]) -> dict[str, Status]:
    """The status of every run id of a study, in the plan's order.

    Args:
        folder: the study folder, which holds `runs/`.
        runs: run ids.
    """
    return {run: read_status(folder / "runs" / run) for run in runs}


def _runs(pid: Any, heartbeat: float) -> bool:
    """True if the process exists, is no zombie, and is not a later one that got the same id."""
    import psutil

    if not isinstance(pid, int):
        return False
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= heartbeat + 1.0)
    except psutil.Error:
        return False
