"""Shared memory and the limits that the system sets each process."""

from __future__ import annotations

import resource
import shutil

from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.machine import Machine

MIB, GIB = 2**20, 2**30
BUFFER = 66 * MIB  # of each rank on a CPU: deepspeed/ops/csrc/cpu/comm/shm.cpp
ROOMY = GIB  # for NCCL's and torch's own segments
FILES, PROCESSES = 1024, 4096  # for Arrow files of many languages; for the threads of all ranks of a user
_SLURM = "Slurm hands on the limits of the shell that submits"  # slurm.conf, PropagateResourceLimits


def shared_memory(machine: Machine) -> Check:
    """Whether /dev/shm holds what the ranks of a node keep there."""
    name, fix = "shared memory", "docker: --shm-size=8g; else mount -o remount,size=8G /dev/shm"
    try:
        usage = shutil.disk_usage(machine.shared_memory)
    except OSError as error:
        return problem(name, f"{machine.shared_memory}: {error.strerror}", "mount a tmpfs there")
    launch = machine.plan.study.launch if machine.plan is not None else None
    ranks = launch.processes * launch.parallel_runs if launch is not None else 1
    found = f"{usage.free / GIB:.2f} of {usage.total / GIB:.2f} GiB free in {machine.shared_memory}"
    if usage.free < ranks * BUFFER:
        return problem(name, f"{found}; {ranks} ranks on a CPU take {ranks * BUFFER / GIB:.2f} GiB", fix)
    return warning(name, found, fix) if usage.free < ROOMY else ok(name, found)


def open_files(machine: Machine) -> Check:
    """How many files a process may have open."""
    return _enough("open files", machine.limits[resource.RLIMIT_NOFILE], FILES, "-n")


def locked_memory(machine: Machine) -> Check:
    """How much memory a process may pin, which InfiniBand needs without a limit."""
    soft, _ = machine.limits[resource.RLIMIT_MEMLOCK]
    adapters = sorted(path.name for path in machine.infiniband.glob("*"))
    amount = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft / MIB:.0f} MiB"
    if adapters and soft != resource.RLIM_INFINITY:
        fix = f"ulimit -l unlimited (docker: --ulimit memlock=-1); {_SLURM}"
        return warning("locked memory", f"{amount}, and NCCL pins memory for InfiniBand ({' '.join(adapters)})", fix)
    return ok("locked memory", amount)


def processes(machine: Machine) -> Check:
    """How many processes and threads the user may have."""
    return _enough("processes", machine.limits[resource.RLIMIT_NPROC], PROCESSES, "-u")


def _enough(name: str, limits: tuple[int, int], wanted: int, option: str) -> Check:
    """Whether a soft limit is high enough, and the call of ulimit that raises it, as far as the hard one lets."""
    soft, hard = limits
    if _below(soft, wanted):
        raised = wanted if not _below(hard, wanted) else hard
        return warning(name, f"at most {soft} (hard limit {_text(hard)})", f"ulimit {option} {raised}; {_SLURM}")
    return ok(name, f"at most {_text(soft)}")


def _below(limit: int, wanted: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < wanted


def _text(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
