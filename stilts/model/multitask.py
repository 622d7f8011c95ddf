"""One encoder with a head for each training task; every head takes part in every forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from stilts.data.balance import Cost
from stilts.formats.base import Format
from stilts.formats.batch import Batch
from stilts.model.encoder import encode, takes_packed


@dataclass(frozen=True)
class Pull:
    """What a joint loss, computed before, asks of one micro-batch.

    Attributes:
        loss: the micro-batch's part of the loss, float32 ().
        gradient: of the whole loss to the micro-batch's outputs, float32 (outputs, ...).
    """

    loss: torch.Tensor
    gradient: torch.Tensor

    def through(self, outputs: torch.Tensor) -> torch.Tensor:
        """A scalar with this loss as its value, whose gradient to `outputs` is this gradient."""
        inner = (outputs.float() * self.gradient).sum()
        return self.loss + (inner - inner.detach())


class MultiTaskModel(nn.Module):
    """An encoder and its heads.

    Heads that are idle in a step still run, on one position and with weight 0: DeepSpeed would otherwise update them
    with their previous gradient (ZeRO-3, and ZeRO-1/2 with offload), and ranks could disagree (ZeRO-1/2).

    Args:
        encoder: a transformers encoder; `stilts.model.encoder.encode` runs it.
        heads: head name (the training task) -> module.
        formats: head name -> the format whose loss it is trained by.
    """

    def __init__(self, encoder: PreTrainedModel, heads: Mapping[str, nn.Module], formats: Mapping[str, Format]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict(dict(heads))
        self.formats = dict(formats)

    def cost(self, budget: int) -> Cost:
        """How rows share micro-batches of this model, at `budget` tokens each."""
        config = self.encoder.config
        return Cost(int(config.hidden_size), budget, padded=not takes_packed(config))

    def forward(
        self,
        batch: Batch,
        head: str | None = None,
        normaliser: float | None = None,
        layer: int | None = None,
        pull: Pull | None = None,
    ) -> torch.Tensor:
        """What is asked for, from one packed batch.

        With `normaliser`: the scalar float32 training loss, sum(weight * loss) / normaliser, idle heads included with
        weight 0. With `pull`: the same of a joint loss whose gradient is known. With `head` alone: its logits
        (outputs, ...). With `layer`: that hidden state (0 = embeddings) of every token, (tokens, hidden).
        """
        hidden = encode(self.encoder, batch, layer)
        if layer is not None:
            return hidden
        assert head is not None
        if normaliser is None and pull is None:
            return self.heads[head](hidden[batch.outputs])
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        # the same order in every step: ZeRO-3 prefetches by the order of the last one
        for name, module in self.heads.items():
            if name == head:
                outputs = module(hidden[batch.outputs])
                if pull is not None:
                    loss = loss + pull.through(outputs)
                elif normaliser is not None:
                    loss = loss + (self.formats[name].loss(outputs, batch) * batch.weight).sum() / normaliser
            else:
                loss = loss + 0.0 * module(hidden[:1]).float().sum()
        return loss
