"""Slurm's own commands: one place that starts them and reads what they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stilts.errors import InputError, StiltsError
from stilts.slurm.wall_time import seconds_of

PATIENCE = 60.0  # seconds that a command of Slurm may take
ACTIVE = frozenset(
    ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT",
     "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD")
)  # fmt: skip
_FIELDS = ("JobArrayID", "State", "Reason", "RestartCnt", "TimeLeft", "StartTime", "NodeList", "exit_code")
# Variables that change what the commands do: of a job around this process (which must not take that job's place for its
# own), and a user's defaults, which would beat the profile (man sbatch: they win over #SBATCH) or hide rows
_FOREIGN = ("SLURM_", "SBATCH_", "SQUEUE_", "SCANCEL_", "SACCT_", "SCONTROL_")
_WIDTH = 250  # characters of a field that are kept; longer ones are cut by squeue
_SETTING = re.compile(r"^(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class QueueRow:
    """What Slurm says about a job or one element of an array.

    Attributes:
        job: `123`, or `123_4` for element 4 of an array.
        state: PENDING, RUNNING, COMPLETED, FAILED, TIMEOUT, CANCELLED, NODE_FAIL, PREEMPTED, OUT_OF_MEMORY, ...
        reason: why it waits (Dependency, Resources, Priority, ...) or ended; "None" where Slurm has none.
        restarts: how often Slurm started it again.
        time_left: seconds to its time limit; None while it does not run, or without a limit.
        start: when it started or is expected to, seconds since 1970; None where that is unknown.
        nodes: Slurm's node list, empty before it starts.
        exit_code: of its batch script; None while it runs, or after a signal.
    """

    job: str
    state: str
    reason: str = "None"
    restarts: int = 0
    time_left: int | None = None
    start: float | None = None
    nodes: str = ""
    exit_code: int | None = None

    @property
    def active(self) -> bool:
        """Whether it waits, runs, or will run again."""
        return self.state in ACTIVE


class Slurm:
    """The commands on PATH. Each may take `PATIENCE` seconds; what they refuse becomes one line."""

    def available(self) -> bool:
        """Whether jobs can be submitted from here: the commands are installed."""
        return shutil.which("sbatch") is not None

    def require(self) -> None:
        """Raise InputError where Slurm is not installed."""
        if not self.available():
            raise InputError(
                "no sbatch on PATH", "a login node of a Slurm cluster",
                "go to one, or run the study on this machine: `stilts run`",
            )  # fmt: skip

    def sbatch(self, script: Path, options: Sequence[str] = ()) -> int:
        """Submit a script; its job id. Raises StiltsError with Slurm's own words where it is refused."""
        out = self._call(["sbatch", "--parsable", *options, str(script)])
        word = out.strip().splitlines()[-1].split(";")[0] if out.strip() else ""  # id, or id;cluster
        if not word.isdigit():
            raise StiltsError(f"sbatch answered {out!r} for {script}, not a job id")
        return int(word)

    def queue(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        """What the controller knows about jobs, array elements one by one; jobs that it has forgotten are not there."""
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        form = ",".join(f"{name}:{_WIDTH}" for name in _FIELDS)
        words = ["squeue", "--noheader", "--array", "--states=all", f"--Format={form}"]
        try:
            out = self._call([*words, f"--jobs={','.join(map(str, wanted))}"])
        except StiltsError as error:
            if "Invalid job id" in str(error):  # squeue's answer where it knows none of the ids
                return {}
            raise
        rows = (_queue_row(line) for line in out.splitlines() if line.strip())
        return {row.job: row for row in rows}

    def submitted_from(self, folder: Path) -> dict[int, Path]:
        """Own jobs that wait or run and whose script is a file of a folder: id -> script."""
        out = self._call(["squeue", "--me", "--noheader", "--format=%A %o"])
        found = (line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
        return {int(job): Path(script) for job, script in found if Path(script).parent == folder}

    def accounting(self, ids: Iterable[int]) -> dict[str, QueueRow]:
        """What the accounting database knows about jobs; empty where the cluster has none."""
        wanted = sorted(set(ids))
        if not wanted or shutil.which("sacct") is None:
            return {}
        words = ["sacct", "--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode,NodeList,Start"]
        try:
            out = self._call([*words, f"--jobs={','.join(map(str, wanted))}"])
        except StiltsError:  # "Slurm accounting storage is disabled"
            return {}
        rows = (_accounting_row(line) for line in out.splitlines() if line.count("|") >= 4)
        return {row.job: row for row in rows}

    def cancel(self, jobs: Sequence[str], signal: str | None = None, batch: bool = False) -> None:
        """Cancel jobs and array elements (`123`, `123_4`), or send their steps (`batch`: scripts) a signal."""
        if jobs:
            words = [f"--signal={signal}"] if signal else []
            self._call(["scancel", *words, *(["--batch"] if batch else []), *jobs])

    def max_array_size(self) -> int:
        """One more than the largest number of an array element that the cluster takes; 0 where it takes no arrays."""
        settings = dict(_SETTING.findall(self._call(["scontrol", "show", "config"])))
        return int(settings.get("MaxArraySize", 1001))

    def _call(self, words: Sequence[str]) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN) or k == "SLURM_CONF"}
        try:
            done = subprocess.run(
                list(words), capture_output=True, text=True, errors="replace", timeout=PATIENCE, env=environment,
                check=False, stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process: sbatch would end, and its job might run
            )  # fmt: skip
        except FileNotFoundError:
            raise StiltsError(f"{words[0]} is not on PATH") from None
        except subprocess.TimeoutExpired:
            raise StiltsError(f"{words[0]} gave no answer for {PATIENCE:.0f} s: the controller may be down") from None
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
            raise StiltsError(f"{words[0]} ended with code {done.returncode}: {'; '.join(said)}")
        return done.stdout


def _queue_row(line: str) -> QueueRow:
    fields = [line[i * _WIDTH : (i + 1) * _WIDTH].strip() for i in range(len(_FIELDS))]
    job, state, reason, restarts, left, start, nodes, code = fields
    return QueueRow(
        job=job,
        state=state,
        reason=reason,
        restarts=_number(restarts) or 0,
        time_left=_left(left) if state == "RUNNING" else None,
        start=_moment(start),
        nodes=nodes,
        exit_code=_exit_code(_number(code)) if state not in ACTIVE else None,
    )


def _accounting_row(line: str) -> QueueRow:
    job, state, code, nodes, start = line.split("|")[:5]
    number, _, signal = code.partition(":")
    ended = state.split()[0] if state else "UNKNOWN"  # "CANCELLED by 1000"
    exit_code = _number(number) if ended not in ACTIVE and signal in ("", "0") else None
    return QueueRow(
        job, ended, start=_moment(start), nodes="" if nodes == "None assigned" else nodes, exit_code=exit_code
    )


def _exit_code(wait_status: int | None) -> int | None:
    """The exit code in a status of waitpid, which squeue prints; None after a signal."""
    if wait_status is None or wait_status & 0x7F:
        return None
    return wait_status >> 8


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _left(text: str) -> int | None:
    try:
        return seconds_of(text)
    except ValueError:  # UNLIMITED, INVALID, NOT_SET
        return None


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # N/A, Unknown
        return None
