"""Losses that compare all rows of a global batch, such as a softmax over the candidates of all its questions.

Two passes, as in GradCache (Gao, Zhang, Han, Callan 2021, arXiv 2101.06983). The first, without gradients, gives the
outputs of every row of the global batch to every rank; from them each computes the same loss and its gradient to the
outputs. The second runs each micro-batch again, with that gradient: the step is that of one large batch, on any
hardware.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stilts.distributed import World
from stilts.formats.base import Format
from stilts.formats.batch import Batch
from stilts.model.multitask import MultiTaskModel, Pull


@torch.no_grad()
def pulls(
    model: MultiTaskModel,
    head: str,
    batches: Sequence[Batch],
    pieces: Sequence[Sequence[int]],
    rows: int,
    units: float,
    seeds: Sequence[int],
    world: World,
) -> list[Pull]:
    """What the loss asks of each of this rank's micro-batches. A collective: ranks have equally many.

    Args:
        model: in training mode, the head's format has a joint loss.
        pieces: the rows of each micro-batch, as indices into the global batch; empty where it only keeps ranks in step.
        rows: of the global batch.
        units: what the sum of the rows' losses is divided by.
        seeds: of each micro-batch's random numbers; the second pass must draw the same.
    """
    form: Format = model.formats[head]
    found = []
    for batch, seed in zip(batches, seeds, strict=True):
        torch.manual_seed(seed)
        outputs = model(batch.to(world.device), head=head).float()
        found.append(outputs.unflatten(0, (len(batch.weight), -1)))
    whole = found[0].new_zeros(rows, *found[0].shape[1:])
    for piece, outputs in zip(pieces, found, strict=True):
        if piece:
            whole[list(piece)] = outputs
    losses, gradient = _loss_and_gradient(form, world.sum(whole), units)
    return [
        Pull(losses[list(piece)].sum(), gradient[list(piece)].flatten(0, 1))
        if piece
        else Pull(losses.new_zeros(()), torch.zeros_like(outputs).flatten(0, 1))
        for piece, outputs in zip(pieces, found, strict=True)
    ]


def _loss_and_gradient(form: Format, outputs: torch.Tensor, units: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row's part of the loss (rows,), and the loss's gradient to the outputs (rows, outputs, ...)."""
    with torch.enable_grad():
        outputs.requires_grad_()
        losses = form.joint_loss(outputs) / units
        (gradient,) = torch.autograd.grad(losses.sum(), outputs)
    return losses.detach(), gradient
