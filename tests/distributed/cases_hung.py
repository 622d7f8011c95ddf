"""What the ranks of the tests about hanging do; imported by name in each rank."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cases
import pytest
import torch
import torch.distributed as dist
import torch.distributed.distributed_c10d as c10d

from stilts import distributed
from stilts.setup_ops import FOLDER_VARIABLE


def _waiting() -> dict[str, Callable[[Any], Any]]:
    """Collectives that cannot end without the other rank, by name; each takes the group."""
    one = torch.ones(4)
    return {
        "all_gather": lambda group: dist.all_gather([torch.empty(4), torch.empty(4)], one, group=group),
        "all_reduce": lambda group: dist.all_reduce(one.clone(), group=group),
        "reduce_scatter": lambda group: dist.reduce_scatter_tensor(torch.empty(2), one, group=group),
        "barrier": lambda group: dist.barrier(group=group),
        "gather_object": lambda group: dist.gather_object(1, [None, None], dst=0, group=group),
    }


def run_file_with_operators(folder: str, path: str) -> None:
    """A whole run with operators from another folder."""
    os.environ[FOLDER_VARIABLE] = folder
    cases.run_file(path)


def timed_out(path: str, seconds: float, *overrides: str) -> dict[str, float]:
    """Seconds until rank 0's collectives fail in every group of a run, while rank 1 sleeps; by group or collective.

    A group in which a collective has failed is broken, so further groups are made for the other collectives.
    """
    _, trainer = cases._trainer(path, *overrides)
    engine, over = trainer.engine, Path(path).parent / "over"
    own = [dist.group.WORLD, engine.data_parallel_group, getattr(engine.optimizer, "dp_process_group", None)]
    known = list(c10d._world.pg_map)
    assert {id(group) for group in own if group is not None} <= {id(group) for group in known}
    groups = {f"group {number}": group for number, group in enumerate(known)}
    collectives = _waiting()
    groups |= {name: dist.new_group() for name in collectives}
    distributed.set_timeouts(seconds)
    dist.barrier()
    found = {}
    for name, group in groups.items():
        if trainer.world.rank == 1:
            break
        began = time.monotonic()
        with pytest.raises(RuntimeError):
            collectives.get(name, collectives["all_gather"])(group)
        found[name] = time.monotonic() - began
    if found:
        over.touch()
    while not over.exists():
        time.sleep(0.1)
    return found
