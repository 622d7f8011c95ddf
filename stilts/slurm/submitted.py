"""The record of what was submitted: `slurm/jobs.jsonl` in the study's folder, one line a job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from stilts.errors import InputError
from stilts.files import append_line
from stilts.slurm.client import QueueRow

FOLDER, JOBS, LOGS = "slurm", "jobs.jsonl", "logs"
KINDS = ("prepare", "intermediate", "target", "evaluation", "collect")


@dataclass(frozen=True)
class SubmittedJob:
    """One job that Slurm accepted.

    Attributes:
        job: its id.
        kind: "prepare", "intermediate", "target", "evaluation" or "collect".
        name: its name in Slurm.
        runs: the ids of its runs, in the order of the array's elements; none for prepare and collect.
        array: whether it is an array: element k runs `runs[k]`.
        script: the file that was submitted, below the study's folder.
        needs: ids of the jobs that it waits for.
        submitted: when, seconds since 1970.
        log: its log file below the study's folder, with Slurm's %A, %a and %j.
    """

    job: int
    kind: str
    name: str
    runs: list[str] = field(default_factory=list)
    array: bool = False
    script: str = ""
    needs: list[int] = field(default_factory=list)
    submitted: float = 0.0
    log: str = ""

    def places(self) -> Iterator[tuple[str, str | None]]:
        """`(Slurm's name of the job or element, run id)` for each; the id is None for prepare and collect."""
        if not self.array:
            yield str(self.job), self.runs[0] if self.runs else None
            return
        for index, run in enumerate(self.runs):
            yield f"{self.job}_{index}", run

    def log_file(self, folder: Path, place: str) -> Path:
        """The log of the job or of one of its elements (`123_4`), below the study's folder."""
        element = place.partition("_")[2]
        name = self.log.replace("%x", self.name).replace("%A", str(self.job)).replace("%j", str(self.job))
        return folder / name.replace("%a", element)


def record(folder: Path, job: SubmittedJob) -> None:
    """Append a job to the record; it is on the disk when this returns.

    Args:
        folder: the study's folder.
        job: what Slurm accepted.
    """
    path = folder / FOLDER / JOBS
    path.parent.mkdir(parents=True, exist_ok=True)
    append_line(path, json.dumps(asdict(job)))


def recorded_jobs(folder: Path) -> list[SubmittedJob]:
    """All jobs that were submitted for a study, in the order of their submission; none without a record.

    Lines that a full disk or a kill cut off are left out: their jobs were cancelled, or are refused as unknown ones.
    Raises InputError for a line that is something else.
    """
    path = folder / FOLDER / JOBS
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    known = {one.name for one in fields(SubmittedJob)}
    jobs = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            content = json.loads(line)
            jobs.append(SubmittedJob(**{key: value for key, value in content.items() if key in known}))
        except json.JSONDecodeError:
            continue
        except (TypeError, AttributeError):
            raise InputError(
                f"{path}, line {number}: not a job", "what `stilts submit` wrote", "restore the line, or remove it"
            ) from None
    return jobs


def latest_places(jobs: Iterable[SubmittedJob]) -> dict[str, tuple[SubmittedJob, str]]:
    """For each run the job that it was submitted in last, and Slurm's name of its place in it (`123_4`)."""
    return {run: (job, place) for job in jobs for place, run in job.places() if run is not None}


def active_places(jobs: Iterable[SubmittedJob], queue: Mapping[str, QueueRow]) -> dict[str, QueueRow]:
    """Run id -> what Slurm says, of the runs that wait or run in any job of the record."""
    found = {}
    for job in jobs:
        for place, run in job.places():
            row = queue.get(place)
            if run is not None and row is not None and row.active:
                found[run] = row
    return found
