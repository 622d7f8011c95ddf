"""The mean of a run's last models, a steadier start for targets than the last one alone."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from stilts.config import Training
from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.model.weights import full_weights
from stilts.training.attempt import Attempt

FOLDER = "average"


def averaged_steps(training: Training, steps: int) -> list[int]:
    """The steps whose models are averaged: the last, and those `save_every` steps apart before it; [] for none."""
    if training.average_last == 1:
        return []
    first = steps - (training.average_last - 1) * training.save_every
    return [step for step in range(first, steps + 1, training.save_every) if step > 0]


def keep_for_average(model: nn.Module, checkpoints: Path, step: int, attempt: Attempt, world: World) -> None:
    """Write the fp32 weights after `step` to `checkpoints/average/`, whole or not at all. A collective."""
    weights = full_weights(model, keep=world.main)

    def write() -> None:
        path = _path(checkpoints, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = attempt.stage(FOLDER) / path.name
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, str(staged))
        staged.replace(path)

    world.on_main(write)


def mean_weights(checkpoints: Path, steps: list[int]) -> dict[str, torch.Tensor]:
    """The mean over the kept models of `steps`, summed in float64, fp32. Raises StiltsError where one is missing."""
    paths = [_path(checkpoints, step) for step in steps]
    for path in paths:
        if not path.is_file():
            raise StiltsError(f"training.average_last needs {path}, which is not there: remove the run's folder")
    stored = [safe_open(str(path), framework="pt") for path in paths]
    return {
        name: torch.stack([file.get_tensor(name).double() for file in stored]).mean(0).float()
        for name in stored[0].keys()  # noqa: SIM118  (a safetensors file is no dict)
    }


def _path(checkpoints: Path, step: int) -> Path:
    return checkpoints / FOLDER / f"step-{step:08d}.safetensors"
