"""Layers and small helpers that heads and losses share."""

from __future__ import annotations

import torch

from stilts.formats.batch import Batch

IGNORE = -100
"""Label of a position that is not trained on: `torch.nn.functional.cross_entropy` gives it loss 0."""


class HeadLinear(torch.nn.Linear):
    """A linear layer that starts as BERT's and XLM-R's heads do: normal weights (standard deviation 0.02), no bias.

    The values are drawn while the layer is constructed, because under ZeRO-3 its weights are split right after.
    """

    def reset_parameters(self) -> None:
        """Draw the weights from torch's global generator."""
        torch.nn.init.normal_(self.weight, std=0.02)
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)


class TokenHead(torch.nn.Module):
    """Dropout and one linear layer on every token: (tokens, hidden) -> (tokens, outputs)."""

    def __init__(self, hidden_size: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.out = HeadLinear(hidden_size, outputs)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of every token."""
        return self.out(self.dropout(hidden))


def position_loss(scores: torch.Tensor, gold: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross entropy of a softmax over each row's outputs, float32 (rows,); 0 where `gold` is -100.

    Args:
        scores: float32 (outputs,).
        gold: the right output of each row, counted from the row's first, int64 (rows,).
    """
    rows, owner = len(batch.weight), batch.output_rows
    # the shift keeps exp in range; the loss does not depend on it
    top = scores.detach().new_full((rows,), -torch.inf).scatter_reduce(0, owner, scores.detach(), "amax")
    shifted = scores - top[owner]
    total = batch.sum_by_row(shifted.exp()).log()
    sizes = torch.zeros_like(gold).index_add(0, owner, torch.ones_like(owner))
    first = sizes.cumsum(0) - sizes
    known = gold != IGNORE
    return torch.where(known, total - shifted[first + torch.where(known, gold, 0)], 0.0)
