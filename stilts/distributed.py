"""One way into a process group, whatever started the process: deepspeed, torchrun, mpirun, srun or plain python."""

from __future__ import annotations

import ctypes
import datetime
import json
import logging
import os
import socket
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.distributed_c10d as c10d

from stilts import rendezvous
from stilts.errors import StiltsError, first_line
from stilts.rendezvous import Place
from stilts.setup_ops import free_operators, use_own_folder

TIMEOUT = 1800.0  # seconds that a collective waits for the other ranks


@dataclass(frozen=True)
class World:
    """This process's place among the ranks of its run."""

    rank: int
    size: int
    local_rank: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this is rank 0, which writes the run's files."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            dist.barrier()

    def all_gather(self, values: Sequence[float]) -> torch.Tensor:
        """Every rank's numbers, float64 (ranks, numbers), on every rank."""
        mine = torch.tensor(list(values), dtype=torch.float64, device=self.device)
        if self.size == 1:
            return mine[None].cpu()
        out = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(out, mine)
        return torch.stack(out).cpu()

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The ranks' tensors of one shape added up, on every rank, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def from_main(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device if self.device.type == "cuda" else None)
        return box[0]

    def gather(self, value: Any) -> list[Any] | None:
        """Every rank's value, in rank order, on rank 0; None elsewhere."""
        if self.size == 1:
            return [value]
        out: list[Any] | None = [None] * self.size if self.main else None
        dist.gather_object(value, out, dst=0)
        return out

    def on_main(self, action: Callable[[], Any]) -> Any:
        """What `action` returns on rank 0, on every rank; where it raises, every rank does: nobody is left waiting.

        Errors that are not stilts' own become StiltsErrors of one line.
        """
        result: tuple[Any, StiltsError | None] = (None, None)
        if self.main:
            try:
                result = action(), None
            except StiltsError as error:
                result = None, error
            except Exception as error:  # of any library
                logging.getLogger("stilts").debug("on rank 0 alone", exc_info=error)
                result = None, StiltsError(f"{type(error).__name__}: {first_line(error)}")
        value, problem = self.from_main(result)
        if problem is not None:
            raise problem
        return value

    def everybody(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order, on every rank."""
        found: list[Any] = self.from_main(self.gather(value))
        return found

    def problems(self, mine: str | None) -> list[str]:
        """What went wrong on which rank, a line each, on every rank; empty where no rank says anything."""
        return [f"rank {rank}: {text}" for rank, text in enumerate(self.everybody(mine)) if text]


def setup(timeout: float = TIMEOUT, patience: float = TIMEOUT) -> World:
    """Join the process group that the launcher's environment describes; alone, make a group of one.

    Args:
        timeout: seconds that a collective waits for the other ranks.
        patience: seconds in which the ranks must find each other, if that is more: nodes may start minutes apart.

    Raises:
        StiltsError: they are not as many as were started (also InputError), or share GPUs, or have more on one node
            than on another.
    """
    rendezvous.find_world()
    use_own_folder()
    _quiet_libraries()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local_rank = int(os.environ["LOCAL_RANK"])
    free_operators(size)
    import deepspeed
    from deepspeed.accelerator import get_accelerator

    if get_accelerator().device_name() == "cuda":
        device = torch.device("cuda", rendezvous.own_device(local_rank, torch.cuda.device_count()))
        os.environ["LOCAL_RANK"] = str(device.index)
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
        _keep_memory()
    deepspeed.init_distributed(
        dist_backend="nccl" if device.type == "cuda" else "gloo",
        auto_mpi_discovery=False,
        verbose=False,
        timeout=datetime.timedelta(seconds=max(timeout, patience)),
    )
    if device.type == "cpu":
        _unlink_shared_memory(rank)
    else:
        visible, device_id = torch.cuda.device_count(), str(torch.cuda.get_device_properties(device).uuid)
        refuse_wrong_places(rank, size, Place(socket.gethostname(), visible, device_id))
    set_timeouts(timeout)
    return World(rank, size, local_rank, device)


def refuse_wrong_places(rank: int, size: int, mine: Place) -> None:
    """Raise StiltsError on every rank where their places do not do (`rendezvous.wrong_places`).

    They are told through the store at which the ranks met: a collective of NCCL would hang, or fail in its own words.
    """
    store = c10d._get_default_store()
    store.set(f"stilts/place/{rank}", json.dumps(asdict(mine)))
    if rank == 0:
        places = [Place(**json.loads(store.get(f"stilts/place/{other}"))) for other in range(size)]
        store.set("stilts/places", rendezvous.wrong_places(places) or "")
    problem = store.get("stilts/places").decode()
    store.set(f"stilts/heard/{rank}", "")
    if rank == 0:  # the store is this process's: where it ended first, the others would hear nothing
        store.wait([f"stilts/heard/{other}" for other in range(size)])
    if problem:
        raise StiltsError(problem)


def set_timeouts(seconds: float) -> None:
    """Let the collectives of every process group that is there now fail after `seconds` without an answer.

    Call it again when DeepSpeed has made its engine: the groups of ZeRO and of data parallelism get torch's half hour,
    whatever the world's timeout is (DEEPSPEED_TIMEOUT does not reach them, either). torch 2.13 has no public function
    for it and no public list of groups: torch/distributed/distributed_c10d.py, `_set_pg_timeout` and `_world`.
    """
    for group in list(c10d._world.pg_map):
        c10d._set_pg_timeout(datetime.timedelta(seconds=seconds), group)


def _unlink_shared_memory(rank: int) -> None:
    """Take the name off DeepSpeed's buffer for collectives within a node: 66 MiB a rank that it would never give back.

    Every rank has mapped it after the barrier and keeps it until it ends, however that is. Name and size: DeepSpeed's
    ops/csrc/cpu/comm/shm.cpp, version 0.19.8.
    """
    dist.barrier()
    address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    Path(f"/dev/shm/deepspeed_allreduce_buffer_{os.getuid()}_{address}_{port}_{rank}").unlink(missing_ok=True)


def _keep_memory() -> None:
    """Let the C library keep what is freed: every step frees and asks for the same hundreds of megabytes.

    By default glibc hands large blocks back, and a tenth to a third of a step goes into page faults.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc; the numbers are of its malloc.h
        for option, value in ((-4, 0), (-1, 2**31 - 1)):  # M_MMAP_MAX, M_TRIM_THRESHOLD
            libc.mallopt(option, value)


def _quiet_libraries() -> None:
    """Keep messages about other people's code out of a run's log: DeepSpeed's per-rank notes, torch's deprecations."""
    import datasets
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    datasets.disable_progress_bars()
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()


def close() -> None:
    """Leave the process group."""
    if dist.is_initialized():
        dist.destroy_process_group()
