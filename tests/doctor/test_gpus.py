"""What the doctor says about GPUs, CUDA versions and number formats, from what torch says: no GPU is at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stilts.doctor.gpus import GIB, gpus, nccl, precision
from stilts.doctor.machine import Gpu, Machine, Torch
from stilts.doctor.software import torch_build

Make = Callable[..., Machine]
H100 = Gpu("H100", 80 * GIB, (9, 0))
V100 = Gpu("V100", 32 * GIB, (7, 0))
CUDA = Torch(version="2.13.0", cuda="12.8", driver=(12, 8), nccl="2.27.3", gpus=(H100, H100))


def with_torch(given: Machine, torch: Torch) -> Machine:
    """A machine whose torch says something else."""
    given.__dict__["torch"] = torch  # what the cached property would keep
    return given


@pytest.mark.parametrize(
    ("built", "driver", "state"),
    [("12.8", (12, 8), "ok"), ("12.8", (13, 0), "ok"), ("12.8", (12, 4), "warning"), ("13.0", (12, 8), "problem"),
     ("13.0", None, "ok")],
)  # fmt: skip
def test_cuda_against_the_driver(machine: Make, built: str, driver: tuple[int, int] | None, state: str) -> None:
    check = torch_build(with_torch(machine(), replace(CUDA, cuda=built, driver=driver)))
    assert check.state == state
    assert f"built for CUDA {built}" in check.found
    assert ("update the NVIDIA driver" in check.fix) == (state != "ok")


def test_equal_gpus(machine: Make) -> None:
    given = with_torch(machine(), CUDA)
    assert (gpus(given).state, gpus(given).found) == ("ok", "2 × H100 (80 GiB)")
    assert nccl(given).found.startswith("2.27.3")
    assert precision(given).found == "bf16 fp16 fp32 (compute capability 9.0); the study uses bf16"


@pytest.mark.parametrize("other", [V100, replace(H100, memory=40 * GIB)])
def test_unequal_gpus(machine: Make, other: Gpu) -> None:
    check = gpus(with_torch(machine(), replace(CUDA, gpus=(H100, other))))
    assert check.state == "warning"
    assert "not alike" in check.found
    assert "CUDA_VISIBLE_DEVICES" in check.fix


def test_too_few_gpus_for_the_study_here_but_not_for_one_on_the_cluster(machine: Make) -> None:
    check = gpus(with_torch(machine(overrides=("launch.processes=4",)), CUDA))
    assert check.state == "problem"
    assert "launch.processes 4" in check.found
    assert gpus(with_torch(machine(overrides=("launch.processes=4", "launch.backend=slurm")), CUDA)).state == "ok"


def test_gpus_that_torch_cannot_use(machine: Make) -> None:
    given = machine()
    (given.devices / "nvidia0").touch()
    reason = "CUDA driver version is insufficient"
    check = gpus(with_torch(given, replace(CUDA, gpus=(), reason=reason)))
    assert check.state == "problem"
    assert reason in check.found


def test_a_torch_without_nccl(machine: Make) -> None:
    assert nccl(with_torch(machine(), replace(CUDA, nccl=None))).state == "problem"


@pytest.mark.parametrize(
    ("torch", "asked", "state"),
    [(Torch(), "bf16", "ok"), (Torch(), "fp32", "ok"), (Torch(), "fp16", "problem"), (CUDA, "fp16", "ok"),
     (replace(CUDA, gpus=(V100,)), "bf16", "warning"), (replace(CUDA, gpus=(V100,)), "fp16", "ok"),
     (replace(CUDA, gpus=(H100, Gpu("P100", GIB, (6, 0)))), "fp16", "problem")],
)  # fmt: skip
def test_precision(machine: Make, torch: Torch, asked: str, state: str) -> None:
    check = precision(with_torch(machine(overrides=(f"training.precision={asked}",)), torch))
    assert check.state == state
    assert asked in check.found
    assert not check.fix or "set training.precision=" in check.fix


def test_fp16_for_a_cluster_is_fine_on_a_login_node(machine: Make) -> None:
    overrides: Any = ("training.precision=fp16", "launch.backend=slurm")
    assert precision(with_torch(machine(overrides=overrides), Torch())).state == "ok"
