"""Shares work between processes where there is much of it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

MOST_PROCESSES = 8  # a login node belongs to others, too
_Job = TypeVar("_Job")
_Found = TypeVar("_Found")


def worth(size: int, each: int, jobs: int) -> int:
    """How many processes to use: one for every `each` bytes of `size`, as far as there are jobs and CPUs."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cpus, MOST_PROCESSES, 1 + size // each, jobs))


def shared(work: Callable[[_Job], _Found], jobs: Sequence[_Job], count: int, batch: int = 1) -> Iterator[_Found]:
    """`work` of each job, in order, by `count` processes that are given `batch` jobs at a time; 1: by this process."""
    done = 0
    if count > 1:
        try:
            # not forked: this process may have threads
            with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
                for found in pool.map(work, jobs, chunksize=batch):
                    yield found
                    done += 1
        except (BrokenProcessPool, OSError):  # no room for processes: what is left is done here
            pass
    yield from map(work, jobs[done:])
