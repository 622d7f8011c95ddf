"""Reads the score files of many runs, with several processes where there is much to read."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from stilts.study.score_rows import SCORES, Expected, RunRead, read_run, stamp

BYTES_A_PROCESS = 16_000_000  # of scores.jsonl that make one more process worth its start (0.3 s)
MOST_PROCESSES = 8  # a login node belongs to others, too
_BATCH = 25  # runs that a process is given at a time


def read_runs(runs: Sequence[Expected]) -> Iterator[RunRead]:
    """What the files of each run say, in the order of `runs`."""
    size = sum(max(0, stamp(run.folder, SCORES)[0]) for run in runs)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(cpus, MOST_PROCESSES, 1 + size // BYTES_A_PROCESS)
    done = 0
    if count > 1:
        try:
            for found in _shared(runs, count):
                yield found
                done += 1
        except (BrokenProcessPool, OSError):  # no room for processes: what is left is read here
            pass
    yield from map(read_run, runs[done:])


def _shared(runs: Sequence[Expected], count: int) -> Iterator[RunRead]:
    # not forked: this process may have threads
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(read_run, runs, chunksize=_BATCH)
