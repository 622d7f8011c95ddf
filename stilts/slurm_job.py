"""The Slurm job that this process runs in, from the environment: one place for what its variables are called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from stilts.errors import StiltsError


@dataclass(frozen=True)
class SlurmJob:
    """One start of a job, as `status.json` names it.

    Attributes:
        job: "123", or "123_4" for element 4 of an array: what Slurm's commands take and show.
        id: SLURM_JOB_ID, which an array's element has of its own.
        restart_count: how often Slurm has requeued it.
        nodes: of the job, in Slurm's short form ("node[1-2]").
    """

    job: str
    id: int
    restart_count: int
    nodes: str

    def plain(self) -> dict[str, Any]:
        """As `status.json` has it."""
        return asdict(self)


def slurm_job(given: Mapping[str, str] | None = None) -> SlurmJob | None:
    """The job around this process; None outside of Slurm.

    Args:
        given: environment variables, for tests.
    """
    env = os.environ if given is None else given
    own = env.get("SLURM_JOB_ID", "")
    if not own.isdigit():
        return None
    array, element = env.get("SLURM_ARRAY_JOB_ID"), env.get("SLURM_ARRAY_TASK_ID")
    return SlurmJob(
        job=f"{array}_{element}" if array and element else own,
        id=int(own),
        restart_count=int(env.get("SLURM_RESTART_COUNT") or 0),  # unset in a job's first run
        nodes=env.get("SLURM_JOB_NODELIST", ""),
    )


def node_names(short: str) -> list[str]:
    """The names in Slurm's short form: "n[1-2,07],login" is n1, n2, n07, login.

    Slurm has `scontrol show hostnames` for this, which is not there inside of a container.

    Raises:
        StiltsError: it is no list of nodes.
    """
    names: list[str] = []
    parts = re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+", short)
    for part in parts:
        pieces = re.split(r"\[([^\]]*)\]", part)  # text, bracket, text, bracket, ..., text
        choices = [_numbers(piece, short) if at % 2 else [piece] for at, piece in enumerate(pieces)]
        names += ["".join(words) for words in product(*choices)]
    if not parts or ",".join(parts) != short:
        raise StiltsError(f"{short!r} is no list of Slurm nodes")
    return names


def task_counts(short: str) -> list[int]:
    """Tasks of each node from Slurm's short form: "2(x3),1" is 2, 2, 2, 1."""
    counts: list[int] = []
    for count, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", short):
        counts += [int(count)] * int(times or 1)
    return counts


def _numbers(ranges: str, short: str) -> list[str]:
    """What "1-3,07" stands for; leading zeros stay."""
    found = []
    for one in ranges.split(","):
        first, _, last = one.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise StiltsError(f"{short!r} is no list of Slurm nodes")
        found += [f"{number:0{len(first)}d}" for number in range(int(first), int(last or first) + 1)]
    return found
