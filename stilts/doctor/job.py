"""`stilts doctor --job`: what the ranks of a job are, and whether they can add up numbers, and how fast."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stilts.doctor.check import Check, merged, ok, problem, this_host, warning
from stilts.doctor.limits import BUFFER, GIB, MIB
from stilts.doctor.machine import Machine
from stilts.errors import StiltsError, first_line

if TYPE_CHECKING:
    from stilts.distributed import World

PATIENCE = 300.0  # seconds in which all ranks must be there
SECONDS = 120.0  # that a collective may take
ROUNDS = 5
CPU_SIZES, GPU_SIZES = (4096, MIB, 16 * MIB), (4096, MIB, 256 * MIB)
"""Bytes that are added up over all ranks."""
SLOW = 1.0  # GB/s: on GPUs, a step of XLM-R Large would wait seconds for its 2.2 GB of gradients
LOCAL_RANK = ("LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")
_SHARED = ("python", "torch", "deepspeed", "transformers", "stilts")


@dataclass(frozen=True)
class Rank:
    """One rank of a job.

    Attributes:
        device: its kind, or the GPU's name.
        gpu: what tells the GPU from others (each rank has its own, or they do not meet); empty on a CPU.
        free_shared_memory: GiB.
    """

    rank: int
    host: str
    device: str
    gpu: str
    python: str
    torch: str
    deepspeed: str
    transformers: str
    stilts: str
    free_shared_memory: float


def examine_job(machine: Machine, examine: Callable[[Machine], list[Check]]) -> tuple[list[Check], list[Rank], bool]:
    """Every rank of a job calls this: the first of each node looks at its machine, then all of them talk.

    Args:
        machine: this one.
        examine: all checks of one machine.

    Returns:
        The checks of all nodes and of the ranks together, the ranks, and whether this rank is to print them.
        Where this rank cannot join the others: its own checks and that problem, which it is to print by itself.
    """
    local = next((os.environ[name] for name in LOCAL_RANK if name in os.environ), "0")
    mine = examine(machine) if local == "0" else []
    try:
        from stilts.distributed import close, setup

        world = setup(SECONDS, PATIENCE)
        nodes = [(host, checks) for host, checks in world.everybody((this_host(), mine)) if checks]
        ranks: list[Rank] = world.everybody(_this_rank(machine, world))
    except (ImportError, OSError, RuntimeError, ValueError, StiltsError) as error:
        found = f"rank on {this_host()} cannot join the others: {first_line(error)}"
        fix = "see its other lines; else whether the network (NCCL_SOCKET_IFNAME, GLOO_SOCKET_IFNAME) is right"
        return [*mine, problem("join", found, fix)], [], True
    checks = [*merged(nodes), *rank_checks(ranks), all_reduce(world)]
    close()
    return checks, ranks, world.main


def rank_checks(ranks: Sequence[Rank]) -> list[Check]:
    """Whether the ranks have the same software and devices, and room in shared memory."""
    return [_software(ranks), _devices(ranks), _shared_memory(ranks)]


def all_reduce(world: World) -> Check:
    """Add up numbers of several sizes over all ranks: is the sum right, and how many GB/s go through."""
    name = "all-reduce"
    if world.size == 1:
        return warning(name, "one rank: nothing to add up", "start it on every rank, as in `srun stilts doctor --job`")
    rates, wrong = [], set()
    sizes = GPU_SIZES if world.device.type == "cuda" else CPU_SIZES
    try:
        for size in sizes:
            bad, rate = _measured(world, size)
            wrong |= set(bad)
            rates.append(rate)
    except RuntimeError as error:  # of the network, NCCL or gloo
        fix = "NCCL_DEBUG=INFO says more; NCCL_SOCKET_IFNAME or GLOO_SOCKET_IFNAME chooses the network"
        return problem(name, f"it fails: {first_line(error)}", fix)
    shown = ", ".join(f"{_size(size)} {rate:.3g}" for size, rate in zip(sizes, rates, strict=True))
    found = f"{world.size} ranks through {'NCCL' if world.device.type == 'cuda' else 'gloo'}, GB/s: {shown}"
    if wrong:
        fix = "NCCL_DEBUG=INFO names the links; NCCL_P2P_DISABLE=1 tells whether direct access between GPUs is at fault"
        return problem(name, f"wrong sums on ranks {' '.join(map(str, sorted(wrong)))}; {found}", fix)
    if world.device.type == "cuda" and rates[-1] < SLOW:
        fix = "NCCL_DEBUG=INFO names the network; NCCL_IB_HCA and NCCL_SOCKET_IFNAME choose a faster one"
        return warning(name, f"slow for GPUs; {found}", fix)
    return ok(name, f"sums are right; {found}")


def _measured(world: World, size: int) -> tuple[list[int], float]:
    """The ranks whose sum of `size` bytes is wrong, and the bus bandwidth in GB/s.

    Bus bandwidth is bytes / seconds x 2 (n - 1) / n, which does not depend on the number of ranks n: nccl-tests,
    doc/PERFORMANCE.md.
    """
    import torch

    values = torch.full((size // 4,), float(world.rank + 1), device=world.device)
    right = bool((world.sum(values) == world.size * (world.size + 1) / 2).all())
    values.zero_()
    world.barrier()
    began = time.perf_counter()
    for _ in range(ROUNDS):
        world.sum(values)
    if world.device.type == "cuda":
        torch.cuda.synchronize(world.device)
    found = world.all_gather([time.perf_counter() - began, float(right)])
    seconds = float(found[:, 0].max()) / ROUNDS
    wrong = [rank for rank, fine in enumerate(found[:, 1].tolist()) if not fine]
    return wrong, size / seconds / 1e9 * 2 * (world.size - 1) / world.size


def _this_rank(machine: Machine, world: World) -> Rank:
    import deepspeed
    import torch
    import transformers

    from stilts.provenance import code_version

    device, gpu = "cpu", ""
    if world.device.type == "cuda":
        properties = torch.cuda.get_device_properties(world.device)
        device, gpu = properties.name, str(properties.uuid)
    return Rank(
        rank=world.rank,
        host=this_host(),
        device=device,
        gpu=gpu,
        python=platform.python_version(),
        torch=torch.__version__,
        deepspeed=deepspeed.__version__,
        transformers=transformers.__version__,
        stilts=code_version(),
        free_shared_memory=round(shutil.disk_usage(machine.shared_memory).free / GIB, 2),
    )


def _software(ranks: Sequence[Rank]) -> Check:
    name = "software of the ranks"
    said = []
    for field in _SHARED:
        having: dict[str, list[int]] = {}
        for rank in ranks:
            having.setdefault(getattr(rank, field), []).append(rank.rank)
        if len(having) > 1:
            said.append(f"{field} is " + ", ".join(f"{value} on {_ranks(those)}" for value, those in having.items()))
    if said:
        return problem(name, "; ".join(said), f"start all ranks with one Python environment, as here {sys.executable}")
    return ok(name, f"the same on {len(ranks)} rank{'s' * (len(ranks) > 1)}")


def _devices(ranks: Sequence[Rank]) -> Check:
    name = "devices of the ranks"
    kinds: dict[str, list[int]] = {}
    for rank in ranks:
        kinds.setdefault(rank.device, []).append(rank.rank)
    found = ", ".join(f"{kind} on {_ranks(those)}" for kind, those in kinds.items())
    if len(kinds) > 1:
        return problem(name, f"{found}: not alike", "ask for nodes of one kind (sbatch --constraint)")
    return ok(name, found)


def _shared_memory(ranks: Sequence[Rank]) -> Check:
    name = "shared memory of the ranks"
    least = min(ranks, key=lambda rank: rank.free_shared_memory)
    here = sum(rank.host == least.host for rank in ranks)
    found = f"{least.free_shared_memory:.2f} GiB free on {least.host}, the least of all hosts"
    if least.free_shared_memory * GIB < here * BUFFER:
        fix = "remove what earlier jobs left in /dev/shm there, or mount it larger"
        return problem(name, f"{found}; its {here} ranks may take {here * BUFFER / GIB:.2f}", fix)
    return ok(name, found)


def _ranks(ranks: Sequence[int]) -> str:
    """`rank 3`, `ranks 0-3` or `ranks 0 2`."""
    if len(ranks) == 1:
        return f"rank {ranks[0]}"
    if list(ranks) == list(range(ranks[0], ranks[-1] + 1)):
        return f"ranks {ranks[0]}-{ranks[-1]}"
    return f"ranks {' '.join(map(str, ranks))}"


def _size(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // 1024} KiB"
