"""Reads the score files of many runs, with several processes where there is much to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stilts.study.parallel import shared, worth
from stilts.study.score_rows import SCORES, Expected, RunRead, read_run, stamp

BYTES_A_PROCESS = 16_000_000  # of scores.jsonl that make one more process worth its start (0.3 s)
_BATCH = 25  # runs that a process is given at a time


def read_runs(runs: Sequence[Expected]) -> Iterator[RunRead]:
    """What the files of each run say, in the order of `runs`."""
    size = sum(max(0, stamp(run.folder, SCORES)[0]) for run in runs)
    return shared(read_run, runs, worth(size, BYTES_A_PROCESS, len(runs)), _BATCH)
