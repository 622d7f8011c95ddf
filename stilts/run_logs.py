"""What is left of a run whose ranks could not say themselves why they ended: the last lines of its logs."""

from __future__ import annotations

import re
from pathlib import Path

LAUNCHER_LOG = "launcher.txt"
"""What the launcher prints, and the ranks where they have no logs of their own."""
RANK_LOGS = "ranks"
"""The folder of `<rank>.txt`, what each rank prints."""
_ENDING = re.compile(  # of launchers' lines that tell only that something ended
    r"\[(launch|runner)\.py:|slurmstepd(-\S+)?: error: \*\*\* |srun: (Job step aborted|launch/slurm: |Force Terminated)"
)
_KILLED = (": Killed", "Out Of Memory", "oom-kill", "oom_kill")  # a rank, and where: by srun and slurmstepd
_READ = 16384  # bytes from a log's end


def last_line(path: Path, since: float = 0.0) -> str:
    """The last line of a log; rather one that says that a rank was killed, or more than that something ended.

    Args:
        path: the log; a missing one has no line.
        since: seconds since 1970; a log that was not written to since then has no line, either.
    """
    try:
        if path.stat().st_mtime < since:
            return ""
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - _READ))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [line for line in lines if not _ENDING.search(line)]
    killed = [line for line in own if any(mark in line for mark in _KILLED)]
    return (killed or own or lines or [""])[-1]


def last_words(folder: Path, since: float = 0.0) -> str:
    """`<log> ends with: <line>` of a run's first rank that printed something, and of its launcher; maybe "".

    Args:
        folder: `runs/<run>`.
        since: as for `last_line`.
    """
    logs = sorted((folder / RANK_LOGS).glob("*.txt"), key=lambda path: (len(path.stem), path.stem))
    said = [(path, line) for path in logs if (line := last_line(path, since))]
    # the first rank may have been ended by the launcher as another one failed, which says why
    ranks = next(((path, line) for path, line in said if not _ENDING.search(line)), said[0] if said else None)
    launcher = last_line(folder / LAUNCHER_LOG, since)
    found = [(f"{RANK_LOGS}/{ranks[0].name}", ranks[1])] if ranks else []
    found += [(LAUNCHER_LOG, launcher)] if launcher else []
    return "; ".join(f"{name} ends with: {line}" for name, line in found)
