"""GPUs, NCCL, and the number formats that they can train in."""

from __future__ import annotations

from collections import Counter

from stilts.doctor.check import Check, ok, problem, warning
from stilts.doctor.machine import Machine

GIB = 2**30
ALIKE = 0.05  # of their memory, in which GPUs may differ
SMALLEST = {"bf16": (8, 0), "fp16": (7, 0)}
"""Compute capability from which a format is not emulated or deprecated: torch/cuda/__init__.py, `is_bf16_supported`;
deepspeed/accelerator/cuda_accelerator.py, `is_fp16_supported`."""


def gpus(machine: Machine) -> Check:
    """How many GPUs torch sees, whether they are alike, and whether they are enough for a study on this machine."""
    found, shown, torch = machine.torch.gpus, machine.nvidia_devices, machine.torch
    if not found:
        if shown and not torch.error:
            why = f": {torch.reason}" if torch.reason else ""
            chosen = machine.environment.get("CUDA_VISIBLE_DEVICES")
            why += f" (CUDA_VISIBLE_DEVICES is {chosen!r})" if chosen is not None else ""
            fix = "see the line of torch; `nvidia-smi` says whether the driver works"
            return problem("GPUs", f"{shown} in {machine.devices}, and torch can use none{why}", fix)
        return ok("GPUs", "none: runs on this machine use the CPU")
    kinds = Counter((gpu.name, round(gpu.memory / GIB)) for gpu in found)
    text = ", ".join(f"{number} × {name} ({memory} GiB)" for (name, memory), number in kinds.items())
    memories = [gpu.memory for gpu in found]
    launch = machine.plan.study.launch if machine.plan is not None else None
    if launch is not None and not machine.uses_slurm and launch.processes * launch.parallel_runs > len(found):
        ranks = f"launch.processes {launch.processes} × launch.parallel_runs {launch.parallel_runs}"
        return problem("GPUs", f"{text}, and {ranks} need one a rank", "lower one of these")
    if len({gpu.name for gpu in found}) > 1 or min(memories) < (1 - ALIKE) * max(memories):
        fix = "choose equal ones with CUDA_VISIBLE_DEVICES: all ranks do the same work, the smallest decides"
        return warning("GPUs", f"{text}: not alike", fix)
    return ok("GPUs", text)


def nccl(machine: Machine) -> Check:
    """Whether torch has NCCL, which ranks on GPUs talk through."""
    torch = machine.torch
    if torch.nccl is not None:
        return ok("NCCL", f"{torch.nccl}; `stilts doctor --job` in a job tests it")
    if torch.gpus:
        return problem("NCCL", "this build of torch has none", "install torch's build for CUDA and Linux")
    return ok("NCCL", "none: ranks on the CPU talk through gloo")


def precision(machine: Machine) -> Check:
    """Whether the study's number format suits the GPUs, or the CPU where there are none."""
    found = machine.torch.gpus
    asked = machine.plan.study.training.precision if machine.plan is not None else None
    if found:
        weakest = min(gpu.capability for gpu in found)
        can = [name for name, capability in SMALLEST.items() if weakest >= capability]
        text = f"{' '.join([*can, 'fp32'])} (compute capability {weakest[0]}.{weakest[1]})"
    else:
        can, text = ["bf16"], "bf16 fp32 on the CPU; fp16 needs a GPU"
    if asked is None or asked == "fp32" or asked in can:
        return ok("precision", text + (f"; the study uses {asked}" if asked else ""))
    if not found and machine.uses_slurm:
        return ok("precision", f"{text}; the study uses {asked} on the cluster's GPUs")
    fix = f"set training.precision={can[0] if can else 'fp32'}"
    if found and asked == "bf16":
        return warning("precision", f"{text}; the study asks for bf16, which these GPUs only emulate", fix)
    return problem("precision", f"{text}; the study asks for {asked}", fix)
