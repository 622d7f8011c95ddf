"""Runs a function on several gloo ranks, forked from one server that has the heavy imports loaded.

A launcher costs 8 s for two ranks, a fork 3 s or less: launchers are started only in tests of launchers.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PRELOAD = [
    "deepspeed",
    "transformers",
    "datasets",
    "accelerate",
    "stilts.board.run_board",
    "stilts.training.run",
    "transformers.models.xlm_roberta.modeling_xlm_roberta",
    "transformers.models.bert.modeling_bert",
]
LAUNCHER_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_STEP_NUM_TASKS")


class RankFailed(AssertionError):
    """A rank raised, died or did not end in time."""


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def _rank_main(
    function: Callable[..., Any], environment: dict[str, str], log: Path, patience: float, pipe: Any, args: Any
) -> None:
    os.environ.update(environment)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    faulthandler.dump_traceback_later(patience, file=out)  # a rank that hangs says where
    import torch

    torch.set_num_threads(1)
    try:
        pipe.send((True, function(*args)))
        pipe.poll(
            patience
        )  # until every rank has ended: rank 0 holds the store, and peers may still read from this one
    except BaseException:
        pipe.send((False, traceback.format_exc()))
    finally:
        pipe.close()


def run_ranks(function: Callable[..., Any], ranks: int, logs: Path, *args: Any, timeout: float = 240) -> list[Any]:
    """`function(*args)` on each of `ranks` ranks; their results in rank order.

    `function` must be importable by name. Raises RankFailed with every rank's traceback; no process outlives the call.
    """
    context = _context()
    logs.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = []
    for rank in range(ranks):
        mine, theirs = context.Pipe()
        environment = {
            "RANK": str(rank),
            "WORLD_SIZE": str(ranks),
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        process = context.Process(
            target=_rank_main,
            args=(function, environment, logs / f"rank{rank}.txt", 0.9 * timeout, theirs, args),
            daemon=True,
        )
        process.start()
        theirs.close()
        started.append((process, mine))
    results, problems = [], []
    try:
        for rank, (process, pipe) in enumerate(started):
            if not pipe.poll(timeout):
                problems.append(f"rank {rank} did not end within {timeout} s")
                break
            try:
                good, value = pipe.recv()
            except EOFError:
                process.join(5)
                good, value = False, f"died with exit code {process.exitcode}"
            results.append(value)
            if not good:
                problems.append(f"rank {rank}:\n{value}")
    finally:
        for _, pipe in started:
            pipe.close()
        for process, _ in started:
            process.join(0.0 if problems else 20)
            if process.is_alive():
                process.kill()
                process.join()
    if problems:
        tails = [f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}" for log in sorted(logs.glob("rank*.txt"))]
        raise RankFailed("\n".join(problems + tails))
    return results
