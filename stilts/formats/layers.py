"""Layers and small helpers that heads and losses share."""

from __future__ import annotations

import torch

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
    """Dropout and one linear layer on every token: (batch, length, hidden) -> (batch, length, outputs)."""

    def __init__(self, hidden_size: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.out = HeadLinear(hidden_size, outputs)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of every token."""
        return self.out(self.dropout(hidden))
