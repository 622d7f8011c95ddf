"""`runs/<run>/slurm.jsonl`: a line for each start of a run in a Slurm job, from which its restart budget is counted."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from stilts.files import append_line
from stilts.slurm_job import SlurmJob

STARTS = "slurm.jsonl"
RETRY = "retry"
"""The key of a marker line `{"retry": seconds since 1970}`: what is above it counts no more."""
_CHECKPOINTS, _FACTS = "checkpoints", Path("model") / "stilts.json"
_RESULTS = ("scores.jsonl", "predicted.jsonl")


@dataclass(frozen=True)
class Start:
    """One line: a start of a run, and how far the run was then.

    Attributes:
        job, id, restart, nodes: of the job, as in `stilts.slurm_job.SlurmJob`.
        began: seconds since 1970.
        step: of its newest checkpoint; of its model where that is done.
        results: rows of scores and of predictions without labels: what has been evaluated.
    """

    job: str
    id: int
    restart: int
    nodes: str
    began: float
    step: int
    results: int = 0

    @property
    def progress(self) -> tuple[int, int]:
        """What a start has to move on."""
        return self.step, self.results

    def of(self, job: SlurmJob) -> bool:
        """Whether it is the start that this job is in."""
        return (self.id, self.restart) == (job.id, job.restart_count)


def this_start(folder: Path, job: SlurmJob) -> Start:
    """A start of the run in `folder` now, in this job."""
    step, results = progress(folder)
    return Start(job.job, job.id, job.restart_count, job.nodes, round(time.time(), 3), step, results)


def progress(folder: Path) -> tuple[int, int]:
    """Step of a run's newest committed checkpoint (or of its finished model), and rows of results that it has.

    Not the step in status.json, which a start may have reached without a checkpoint.
    """
    steps = [_number(path.name) for path in (folder / _CHECKPOINTS).glob("step-*") if path.is_dir()]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        steps.append(int(json.loads((folder / _FACTS).read_text(encoding="utf-8"))["steps"]))
    results = 0
    for name in _RESULTS:
        if (folder / name).is_file():
            results += (folder / name).read_bytes().count(b"\n")
    return max(steps, default=0), results


def read_starts(folder: Path) -> list[Start]:
    """The starts that count: those after the last retry, oldest first. Lines that are no such thing are left out."""
    path = folder / STARTS
    starts: list[Start] = []
    known = {field.name for field in fields(Start)}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            content = json.loads(line)
            if RETRY in content:
                starts = []
            else:
                starts.append(Start(**{key: value for key, value in content.items() if key in known}))
        except (ValueError, TypeError, AttributeError):
            continue  # torn: the disk was full, or the node died
    return starts


def add_start(folder: Path, start: Start) -> None:
    """Append a start's line."""
    append_line(folder / STARTS, json.dumps(asdict(start)))


def add_retry(folder: Path) -> None:
    """Let the starts so far count no more: their cause of failure is gone, as somebody says."""
    append_line(folder / STARTS, json.dumps({RETRY: round(time.time(), 3)}))


def _number(name: str) -> int:
    digits = name.removeprefix("step-")
    return int(digits) if digits.isdigit() else 0
