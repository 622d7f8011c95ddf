"""Reads the optimizer shards of a DeepSpeed checkpoint by parameter, whatever number of ranks wrote them.

The layout is DeepSpeed's (0.19.8; checkpoint/ds_to_universal.py reads the same): each rank's file holds, for every
optimizer group (under ZeRO-3 sub-group), the rank's part of the flattened fp32 masters and of each optimizer state.
ZeRO-1 and 2 cut the group anywhere and say where each parameter lies; ZeRO-3 cuts each parameter into equal parts,
the last ones padded or empty, in the order of `param_shapes`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stilts.errors import StiltsError

MASTER = "fp32"
_FILE = re.compile(r"(?:bf16_)?zero_pp_rank_(\d+)_mp_rank_00_optim_states\.pt")
_COUNTERS = ("global_steps", "global_samples", "skipped_steps")
_SCALING = ("loss_scaler", "dynamic_loss_scale", "overflow")


@dataclass(frozen=True)
class _Piece:
    """Elements `start` to `start + count` of a flattened parameter lie at `at` in each of one rank's flat tensors."""

    start: int
    count: int
    at: int
    flats: Mapping[str, torch.Tensor]


class Shards:
    """All ranks' shards, memory-mapped: a parameter's bytes are read when they are asked for.

    Args:
        folder: DeepSpeed's own, with `*_optim_states.pt` and `*_model_states.pt`. Its files are pickles: only a run's
            own folder, with checked hashes, may be given.

    Attributes:
        moments: names of the optimizer's states that have an element for each of a parameter's; () for plain SGD.
        scalars: its other states, the same for every parameter (`step`).
        counters: the engine's own, by attribute.
        scaling: the ZeRO optimizer's loss scaling (fp16), by attribute.

    Raises StiltsError for a missing shard, or shards that contradict each other.
    """

    def __init__(self, folder: Path) -> None:
        model = _load(next(iter(sorted(folder.glob("*_model_states.pt"))), folder / "mp_rank_00_model_states.pt"))
        self.counters: dict[str, int] = {key: int(model[key]) for key in _COUNTERS if key in model}
        self._pieces: dict[str, list[_Piece]] = {}
        scalars: list[dict[str, Any]] = []
        for rank, file in enumerate(_files(folder, int(model["dp_world_size"]))):
            shard = _load(file)["optimizer_state_dict"]
            self.scaling: dict[str, Any] = {key: shard[key] for key in _SCALING if key in shard}
            if "fp32_flat_groups" in shard:
                found = _equal_parts(shard, model["param_shapes"], rank, int(model["dp_world_size"]))
            else:
                found = self._mapped_parts(shard)
            for name, piece in found:
                self._pieces.setdefault(name, []).append(piece)
            scalars += [_scalars(state) for state in _states(shard).values()]
        self.moments = tuple(sorted({key for pieces in self._pieces.values() for key in pieces[0].flats} - {MASTER}))
        self.scalars: dict[str, Any] = scalars[0] if scalars else {}
        if any(other != self.scalars for other in scalars):
            raise StiltsError(f"{folder}: parts of the optimizer have done different numbers of steps")

    def count(self, name: str) -> int:
        """Elements of a parameter; 0 if the checkpoint does not have it."""
        return sum(piece.count for piece in self._pieces.get(name, []))

    def read(self, name: str, key: str, start: int, out: torch.Tensor) -> None:
        """Copy elements of a flattened parameter's MASTER or moment, from `start` on, into the 1-dimensional `out`."""
        done, stop = 0, start + out.numel()
        for piece in self._pieces[name]:
            low, high = max(start, piece.start), min(stop, piece.start + piece.count)
            if low < high:
                at = piece.at + low - piece.start
                out[low - start : high - start].copy_(piece.flats[key][at : at + high - low])
                done += high - low
        if done != out.numel():
            raise StiltsError(f"{name}: the checkpoint holds {done} of {out.numel()} elements of {key}")

    def _mapped_parts(self, shard: Mapping[str, Any]) -> Iterator[tuple[str, _Piece]]:
        """ZeRO-1 and 2: a rank's file says where its part of a parameter lies; the ranks' parts follow each other."""
        groups = zip(shard["single_partition_of_fp32_groups"], shard["param_slice_mappings"], strict=True)
        for group, (master, places) in enumerate(groups):
            flats = _flats(master, _states(shard).get(group, {}))
            for name, place in places.items():
                yield name, _Piece(self.count(name), place.numel, place.start, flats)


def _equal_parts(
    shard: Mapping[str, Any], shapes: list[Mapping[str, Any]], rank: int, ranks: int
) -> Iterator[tuple[str, _Piece]]:
    """ZeRO-3: every rank has an equal part of each parameter, behind one another in the order of `shapes`."""
    for group, (master, named) in enumerate(zip(shard["fp32_flat_groups"], shapes, strict=True)):
        flats = _flats(master, _states(shard).get(group, {}))
        at = 0
        for name, shape in named.items():
            whole = math.prod(shape)
            part = math.ceil(whole / ranks)
            count = min(part, whole - rank * part)
            if count > 0:
                yield name, _Piece(rank * part, count, at, flats)
            at += part


def _states(shard: Mapping[str, Any]) -> Mapping[int, Mapping[str, Any]]:
    """The torch optimizer's states by group (ZeRO-3: sub-group)."""
    optimizer = shard["optimizer_state_dict" if "fp32_flat_groups" in shard else "base_optimizer_state"]
    states: Mapping[int, Mapping[str, Any]] = optimizer["state"]
    return states


def _flats(master: torch.Tensor, state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The flat tensors of a group: its master and the states that have an element for each of the master's."""
    moments = {key: value for key, value in state.items() if torch.is_tensor(value) and value.dim() == 1}
    return {MASTER: master.detach(), **moments}


def _scalars(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not (torch.is_tensor(value) and value.dim() == 1)}


def _files(folder: Path, ranks: int) -> list[Path]:
    """The ranks' optimizer files in rank order."""
    found = {int(match.group(1)): path for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))}
    if not found:
        raise StiltsError(f"{folder} holds no optimizer shards of ZeRO")
    missing = sorted(set(range(ranks)) - set(found))
    if missing or len(found) != ranks:
        what = f"no optimizer shard of rank {missing[0]}" if missing else f"{len(found)} optimizer shards"
        raise StiltsError(f"{folder} was written by {ranks} ranks but has {what}")
    return [found[rank] for rank in range(ranks)]


def _load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, map_location="cpu", mmap=True, weights_only=False)
    return content
