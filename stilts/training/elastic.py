"""Goes on from a checkpoint that another number of ranks, or ZeRO-1, 2 or 3, wrote: each rank reads its new share.

DeepSpeed's own way, universal checkpoints, was tried first (0.19.8, 2 ranks -> 1 and 3). It knows AdamW's state only
(SGD: KeyError), gives every group the settings of the first one under ZeRO-3, and one process has to write all state
twice before any rank can load, each of them whole parameters. Here a rank copies its share of every parameter from the
shards as they are (`stilts.training.shards`): nothing is converted, written, or waited for.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stilts.distributed import World
from stilts.errors import InputError, StiltsError, first_line
from stilts.training.shards import MASTER, Shards


@dataclass(frozen=True)
class _Place:
    """Elements `start` to `start + count` of a flattened parameter lie at `at` in this rank's `flat` masters."""

    name: str
    size: int
    start: int
    count: int
    at: int
    flat: torch.Tensor


def load(engine: Any, folder: Path, world: World, groups: Sequence[dict[str, Any]]) -> None:
    """Bring a fresh engine to where the checkpoint in `folder` (DeepSpeed's own files) stands. A collective.

    fp32 masters, optimizer state and counters come from the shards, the groups' settings from `groups`
    (`hyper_parameters`). Frozen parameters and buffers stay as the run built them: training does not change them.

    Raises StiltsError on every rank when any cannot read its share, InputError where state is offloaded to NVMe.
    """
    _refuse_nvme(engine)
    problem = ""
    try:
        if engine.zero_optimization():
            _fill(engine, Shards(folder), world.rank)
        elif any(folder.glob("*_optim_states.pt")):
            raise StiltsError("it holds shards of ZeRO, which this run does not use")
        else:  # every rank has everything, whatever their number
            engine.load_checkpoint(str(folder.parent), tag=folder.name)
    except (StiltsError, OSError, RuntimeError, ValueError, LookupError, EOFError, pickle.UnpicklingError) as error:
        problem = first_line(error)
    problems = [other for other in world.everybody(problem) if other]
    if problems:
        raise StiltsError(f"{folder} cannot be loaded on {world.size} ranks: {problems[0]}")
    if engine.zero_optimization():
        _publish(engine.optimizer)
    set_hyper_parameters(engine, groups)


def hyper_parameters(engine: Any) -> list[dict[str, Any]]:
    """Each optimizer group's settings without its parameters, as JSON can hold them."""
    return [
        {key: list(value) if isinstance(value, tuple) else value for key, value in group.items() if key != "params"}
        for group in engine.optimizer.param_groups
    ]


def set_hyper_parameters(engine: Any, groups: Sequence[dict[str, Any]]) -> None:
    """Give each optimizer group its recorded settings again.

    Raises StiltsError where the number of groups or the names of their settings are others than the engine's.
    """
    own = engine.optimizer.param_groups
    if len(groups) != len(own):
        raise StiltsError(f"the checkpoint has {len(groups)} optimizer groups, this run has {len(own)}")
    for number, (group, recorded) in enumerate(zip(own, groups, strict=True)):
        other = set(recorded) ^ (set(group) - {"params"})
        if other:
            raise StiltsError(f"optimizer group {number} of the checkpoint and of this run differ in {sorted(other)}")
        group.update({key: tuple(value) if isinstance(value, list) else value for key, value in recorded.items()})


def _refuse_nvme(engine: Any) -> None:
    for part in (engine.zero_offload_optimizer(), engine.zero_offload_param()):
        if part is not None and str(getattr(part.device, "value", part.device)) == "nvme":
            raise InputError(
                "state that is offloaded to NVMe cannot be dealt out to another number of ranks",
                "the number of ranks that wrote the checkpoint",
                "start the run with as many ranks as before, or remove its checkpoints",
            )


def _fill(engine: Any, shards: Shards, rank: int) -> None:
    """Copy this rank's share of masters and optimizer state from the shards; its own state is made where there is none.

    DeepSpeed makes that state in the first optimizer step, and links it to the parameters there.
    """
    optimizer = engine.optimizer
    state = optimizer.optimizer.state
    for flat in _flats(optimizer):
        state[flat] = {key: torch.zeros_like(flat) for key in shards.moments}
        for key, value in shards.scalars.items():  # `step`: a tensor for torch's optimizers, a number for DeepSpeed's
            torch_own = isinstance(optimizer.optimizer, torch.optim.AdamW)
            state[flat][key] = torch.tensor(float(value), device=flat.device) if torch_own else int(value)
    for place in _places(engine, rank):
        if shards.count(place.name) != place.size:
            raise StiltsError(f"{place.name} has {place.size} elements, {shards.count(place.name)} in the checkpoint")
        where = slice(place.at, place.at + place.count)
        shards.read(place.name, MASTER, place.start, place.flat.detach()[where])
        for key in shards.moments:
            shards.read(place.name, key, place.start, state[place.flat][key][where])
    for owner, values in ((engine, shards.counters), (optimizer, shards.scaling)):
        for key, value in values.items():
            setattr(owner, key, value)


def _flats(optimizer: Any) -> list[torch.Tensor]:
    """This rank's flat fp32 masters by optimizer group (ZeRO-3: sub-group), the keys of the torch optimizer's state."""
    if hasattr(optimizer, "fp32_partitioned_groups_flat"):  # ZeRO-3, whose torch optimizer sees them in a step only
        return list(optimizer.fp32_partitioned_groups_flat)
    return [group["params"][0] for group in optimizer.optimizer.param_groups]


def _places(engine: Any, rank: int) -> Iterator[_Place]:
    """Where this rank's part of every trained parameter lies."""
    optimizer, flats = engine.optimizer, _flats(engine.optimizer)
    for name, parameter in engine.module.named_parameters():
        if not parameter.requires_grad:
            continue
        if hasattr(parameter, "ds_id"):  # ZeRO-3: equal parts, the last ones shorter or empty
            group, at, part = optimizer.grad_position[optimizer.get_param_id(parameter)]
            start = rank * part
            count = max(0, min(part, parameter.ds_numel - start))
            yield _Place(name, parameter.ds_numel, start, count, at, flats[group])
        elif parameter._hp_mapping is not None:
            mapping = parameter._hp_mapping
            lies, flat = mapping.lp_fragment_address, flats[mapping.param_group_index]
            yield _Place(name, parameter.numel(), lies.start, lies.numel, mapping.hp_fragment_address.start, flat)


def _publish(optimizer: Any) -> None:
    """Round the masters to the weights that the model computes with, and share them. A collective."""
    if not hasattr(optimizer, "fp32_partitioned_groups_flat"):
        optimizer.update_lp_params()
        return
    optimizer.checkpoint_event_prologue()  # small parameters are whole on every rank; their parts are what is set
    for group in range(len(optimizer.fp32_partitioned_groups_flat)):
        optimizer._reassign_or_swap_out_partitioned_parameters(group)
    optimizer.checkpoint_event_epilogue()
