"""How many tokens a micro-batch holds: the setting, or what a GPU has room for. Changes rounding, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from stilts.config import Training
from stilts.data.batches import TrainingRows, collate
from stilts.distributed import World
from stilts.model.multitask import MultiTaskModel

CPU_TOKENS = 8192  # more is not faster there
LARGEST = 131072
ROOM = 0.7
"""Share of the free GPU memory that activations may take: the rest is for their gradients, buffers and fragments."""
PROBED_TOKENS = 2048


def micro_batch_tokens(training: Training, engine: Any, rows: dict[str, TrainingRows], world: World) -> int:
    """Tokens of a micro-batch, the same on every rank. A collective: call it when the engine's state is allocated.

    On a GPU without a setting, one forward pass over a repeated longest row tells how many bytes a token keeps for the
    backward pass; the budget is the largest power of two that the free memory holds.
    """
    if training.micro_batch_tokens is not None:
        return training.micro_batch_tokens
    if world.device.type != "cuda":
        return CPU_TOKENS
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info(world.device)[0]
    each = max(saved_bytes_per_token(engine, task, some, world) for task, some in rows.items())
    least = float(world.all_gather([ROOM * free / each]).min())
    budget = PROBED_TOKENS
    while 2 * budget <= min(least, LARGEST):
        budget *= 2
    return budget


def saved_bytes_per_token(engine: Any, task: str, rows: TrainingRows, world: World) -> float:
    """Bytes a token of `task` keeps from the forward pass for the backward pass, parameters left out."""
    model: MultiTaskModel = engine.module
    form = model.formats[task]
    row = rows.read([int(rows.lengths.argmax())])[0]
    count = max(1, PROBED_TOKENS // len(row["input_ids"]))
    copies = [form.fresh(row, np.random.default_rng(number)) for number in range(count)]
    batch = collate(copies, form).to(world.device)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter) and not isinstance(tensor._base, nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    engine.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = engine(batch, head=task, normaliser=1.0)
    del loss
    return sum(kept.values()) / batch.tokens
