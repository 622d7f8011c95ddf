"""Worker processes of `prepare`: started once, with the heavy imports shared, and never outliving their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from stilts.errors import StiltsError
from stilts.formats import VERSIONS

T = TypeVar("T")
Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""What a worker is to do: a function that can be imported, and its arguments, which can be pickled."""

BYTES_A_WORKER = 4_000_000
"""Raw data that make one more process worth its start (some seconds) where the study does not say how many."""
LONGEST_FOLDER = 70
"""Bytes of the temporary folder's path: the server's socket lies below it, and a socket's path has 107 at most."""
_PRELOADED = ["pyarrow", "transformers.models.auto.tokenization_auto", *(f"stilts.formats.{f}" for f in VERSIONS)]


def worker_count(asked: int | None, size: int) -> int:
    """How many processes to use for `size` bytes of raw data: those asked for, else the CPUs that can be used."""
    if asked is not None:
        return asked
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cpus, 1 + size // BYTES_A_WORKER)


def warm_up(count: int) -> None:
    """Start the server that workers are forked from, so that it imports while this process does something else."""
    if count > 1 and _context().get_start_method() == "forkserver":
        forkserver.ensure_running()


@contextmanager
def workers(count: int) -> Iterator[Executor]:
    """An executor of `count` processes, or of this one for 1.

    The processes are forked from a server that has imported torch (which transformers needs for a tokenizer) once for
    all; what they do would work with spawned ones as well. After an error they are ended at once.
    """
    if count == 1:
        yield _Here()
        return
    pool = ProcessPoolExecutor(count, mp_context=_context(), initializer=_begin)
    try:
        yield pool
    except BaseException:  # also Ctrl-C: what a worker does may take a minute, and nobody wants it any more
        for process in list(pool._processes.values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def carry_out(pool: Executor, count: int, calls: Iterable[tuple[T, Call]]) -> Iterator[tuple[T, Any, deque[Any]]]:
    """Carry out calls, `count` at a time and one in waiting for each process.

    Yields (key, result, calls that wait): the receiver may put further (key, call) pairs in front of those.

    Raises what a call raised, and StiltsError where a process died.
    """
    waiting: deque[tuple[T, Call]] = deque(calls)
    active: dict[Future[Any], T] = {}
    room = count if count == 1 else 2 * count
    while waiting or active:
        while waiting and len(active) < room:
            key, (function, arguments) = waiting.popleft()
            with _told_if_one_dies():  # it may have died while the receiver worked
                active[pool.submit(function, *arguments)] = key
        for future in wait(active, return_when=FIRST_COMPLETED).done:
            key = active.pop(future)
            with _told_if_one_dies():
                result = future.result()
            yield key, result, waiting


@contextmanager
def _told_if_one_dies() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise StiltsError(
            "a worker process of prepare was ended from outside, as the system does where memory runs out: "
            "run the command again, with fewer data.processes"
        ) from None


def _context() -> BaseContext:
    can = "forkserver" in multiprocessing.get_all_start_methods()
    method = "forkserver" if can and len(os.fsencode(tempfile.gettempdir())) <= LONGEST_FOLDER else "spawn"
    context = multiprocessing.get_context(method)
    context.set_forkserver_preload(_PRELOADED)
    return context


class _Here(Executor):
    """Does everything at once, in this process."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """The result of the call, which is done."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _begin() -> None:
    """In a worker: leave Ctrl-C to the parent, end with it, and use one thread (there are as many of us as CPUs)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), name="parent watch", daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
