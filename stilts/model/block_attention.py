"""Attention on the CPU in few large steps: sequences of like length together, one hand-written gradient.

torch's own operator (2.13) has a slow backward pass in bf16, and computes in fp32 where there is dropout.
"""

from __future__ import annotations

from typing import Any, cast

import torch

from stilts.formats.batch import Block, Packing
from stilts.model.dropout import dropout_masks

SHORT = 64  # tokens


def block_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, dropout: float, scale: float
) -> torch.Tensor:
    """Attention of every token to its own sequence, with gradients, block by block.

    Args:
        query, key, value: (tokens, heads, head width) of the whole stream.
        dropout: probability with which an attention weight is dropped.

    Returns:
        (tokens, heads, head width).
    """
    return cast("torch.Tensor", _BlockAttention.apply(query, key, value, packing.blocks, dropout, scale))


class _BlockAttention(torch.autograd.Function):
    """Softmax is always in fp32: in 16 bits it is slow as well as coarse."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        blocks: list[Block],
        dropout: float,
        scale: float,
    ) -> torch.Tensor:
        heads = query.shape[1]
        shapes = [(block.shape[0] * heads, block.shape[1], block.shape[1]) for block in blocks]
        masks = dropout_masks(shapes, dropout, query.dtype) if dropout > 0 else None
        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        saved: list[torch.Tensor] = []
        for number, block in enumerate(blocks):
            q, k, v = (_cells(states, block) for states in (query, key, value))
            sequences, longest = block.shape
            scores = torch.bmm(q, k.mT).float().mul_(scale)
            if block.index is not None:
                scores.view(heads, sequences, longest, longest).add_(block.bias)
            weights = torch.softmax(scores, dim=-1).to(q.dtype)
            dropped = weights if masks is None else weights * masks[number]
            _to_tokens(torch.bmm(dropped, v), block, out)
            saved += [q, k, v, weights]
        ctx.save_for_backward(*saved, *(masks or []))
        ctx.blocks, ctx.scale = blocks, scale
        return out

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        blocks: list[Block] = ctx.blocks
        saved = ctx.saved_tensors
        masks = saved[4 * len(blocks) :]
        gradients = [torch.empty_like(gradient, memory_format=torch.contiguous_format) for _ in range(3)]
        for number, block in enumerate(blocks):
            q, k, v, weights = saved[4 * number : 4 * number + 4]
            above = _cells(gradient, block)
            if block.index is not None:  # cells of padding repeat a token
                above.view(-1, block.mask.numel(), above.shape[2]).masked_fill_(~block.mask.view(-1, 1), 0.0)
            dropped, of_weights = weights, torch.bmm(above, v.mT)
            if masks:
                dropped, of_weights = weights * masks[number], of_weights.mul_(masks[number])
            of_scores = torch._softmax_backward_data(of_weights.float(), weights.float(), -1, torch.float32)
            of_scores = of_scores.mul_(ctx.scale).to(weights.dtype)
            parts = torch.bmm(of_scores, k), torch.bmm(of_scores.mT, q), torch.bmm(dropped.mT, above)
            for part, whole in zip(parts, gradients, strict=True):
                _to_tokens(part, block, whole)
        return (*gradients, None, None, None)


def _cells(states: torch.Tensor, block: Block) -> torch.Tensor:
    """The block's cells (heads * sequences, longest, width) of (tokens, heads, width); padding repeats a token.

    Short sequences are computed in fp32: in bf16 oneDNN would make kernels anew for each new number of sequences.
    """
    part = states.narrow(0, block.first, block.tokens)
    if block.index is not None:
        part = part.index_select(0, block.index)
    precision = torch.float32 if block.shape[1] <= SHORT else states.dtype
    return part.transpose(0, 1).to(precision).contiguous().view(-1, block.shape[1], states.shape[2])


def _to_tokens(cells: torch.Tensor, block: Block, out: torch.Tensor) -> None:
    """Cells (heads * sequences, longest, width) of one block to its tokens' place in `out` (tokens, heads, width)."""
    by_cell = cells.view(out.shape[1], -1, out.shape[2]).transpose(0, 1)
    place = out.narrow(0, block.first, block.tokens)
    if block.index is None:
        place.copy_(by_cell)
    else:
        torch.index_select(by_cell.to(out.dtype), 0, block.inverse, out=place)
