"""Reads and writes whole weights of a model that DeepSpeed may have partitioned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from stilts.errors import StiltsError

MASTER = "stilts_fp32_master"  # attribute of a half-precision parameter


def full_weights(module: nn.Module, keep: bool = True) -> dict[str, torch.Tensor]:
    """fp32 master weights and persistent buffers by name, on the CPU.

    A collective: every rank calls it; with `keep` False a rank takes part and returns nothing.
    """
    out = {}
    for name, tensor in iterate_full_weights(module):
        if keep:
            out[name] = tensor.detach().to("cpu", torch.float32).clone()
    if keep:
        parameters = set(out)
        buffers = {name: b for name, b in module.named_buffers() if name not in parameters}
        persistent = module.state_dict().keys()
        out |= {name: b.detach().cpu().clone() for name, b in buffers.items() if name in persistent}
    return out


def iterate_full_weights(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Each parameter's fp32 master (its own value before an engine has made one), one whole tensor at a time."""
    from deepspeed import zero
    from deepspeed.utils import safe_get_full_fp32_param

    for name, parameter in module.named_parameters():
        master = getattr(parameter, MASTER, None)
        if master is None and _has_master(parameter):
            master = safe_get_full_fp32_param(parameter)
        if master is not None:
            yield name, master.view(_shape(parameter))
        else:
            with zero.GatheredParameters([parameter], enabled=hasattr(parameter, "ds_id")):
                yield name, parameter.data


def remember_masters(optimizer: Any) -> None:
    """Tell `iterate_full_weights` where the half-precision optimizer without ZeRO keeps its fp32 masters.

    DeepSpeed's own look-up does not know that optimizer (0.19.8): it would give the rounded
    weights.
    """
    from deepspeed.runtime.fp16.unfused_optimizer import FP16_UnfusedOptimizer

    if not isinstance(optimizer, FP16_UnfusedOptimizer):
        return
    for half_group, master_group in zip(optimizer.fp16_groups, optimizer.fp32_groups, strict=True):
        for half, master in zip(half_group, master_group, strict=True):
            setattr(half, MASTER, master)


def set_weights(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Copy whole weights into `module`, partitioned or not. Every rank passes the same weights.

    Raises StiltsError when a parameter has no weight or another shape.
    """
    from deepspeed import zero

    for name, parameter in module.named_parameters():
        if name not in weights or tuple(weights[name].shape) != _shape(parameter):
            got = tuple(weights[name].shape) if name in weights else "nothing"
            raise StiltsError(f"weight {name} has shape {_shape(parameter)} but {got} was given")
        with (
            torch.no_grad(),
            zero.GatheredParameters([parameter], modifier_rank=0, enabled=hasattr(parameter, "ds_id")),
        ):
            if parameter.data.numel():  # under ZeRO-3 only the modifying rank holds the whole tensor
                parameter.data.copy_(weights[name].to(parameter.dtype))


def digest(weights: Mapping[str, torch.Tensor]) -> str:
    """sha256 over names, shapes and fp32 bytes, in order of name."""
    seen = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().to("cpu", torch.float32).contiguous()
        seen.update(f"{name}{tuple(tensor.shape)}".encode())
        seen.update(tensor.numpy().tobytes())
    return seen.hexdigest()


def _has_master(parameter: nn.Parameter) -> bool:
    return hasattr(parameter, "_z3_optimizer") or hasattr(parameter, "_hp_mapping")


def _shape(parameter: nn.Parameter) -> tuple[int, ...]:
    return tuple(getattr(parameter, "ds_shape", parameter.shape))
