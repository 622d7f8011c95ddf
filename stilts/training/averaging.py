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
from stilts.files import sync_files
from stilts.model.weights import full_weights
from stilts.training import manifest
from stilts.training.attempt import Attempt

FOLDER, WEIGHTS = "average", "weights.safetensors"


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
        staged = attempt.stage(FOLDER)
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, str(staged / WEIGHTS))
        manifest.write_manifest(staged, {WEIGHTS: manifest.entry_of(staged / WEIGHTS)})
        sync_files(staged)
        attempt.commit(staged, path)

    world.on_main(write)


def mean_weights(checkpoints: Path, steps: list[int]) -> dict[str, torch.Tensor]:
    """The mean over the kept models of `steps`, summed in float64, fp32.

    Raises StiltsError where one is missing or not as it was written.
    """
    paths = [_path(checkpoints, step) for step in steps]
    for path in paths:
        _check(path)
    stored = [safe_open(str(path / WEIGHTS), framework="pt") for path in paths]
    return {
        name: torch.stack([file.get_tensor(name).double() for file in stored]).mean(0).float()
        for name in stored[0].keys()  # noqa: SIM118  (a safetensors file is no dict)
    }


def check_kept(checkpoints: Path, training: Training, step: int, steps: int) -> None:
    """Raise StiltsError where a run that goes on after `step` lacks a model of its mean; not days later, at its end."""
    for needed in averaged_steps(training, steps):
        if needed < step:
            _check(_path(checkpoints, needed))


def _check(path: Path) -> None:
    try:
        found = manifest.damages(path, manifest.read_manifest(path), [WEIGHTS])
    except ValueError as error:
        found = [str(error)]
    if found:
        raise StiltsError(f"training.average_last: {found[0]}; remove the run's folder")


def _path(checkpoints: Path, step: int) -> Path:
    return checkpoints / FOLDER / f"step-{step:08d}"
