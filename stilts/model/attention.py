"""Attention within the sequences of one packed stream of tokens, registered with transformers' attention interface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from stilts.formats.batch import Block, Packing

NAME = "stilts_packed"
"""Value of `attn_implementation` for an encoder that is called with `packing=...`."""


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    packing: Packing,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Every token attends to the tokens of its own sequence.

    Args:
        query, key, value: (1, heads, tokens, head width) of the whole stream.
        attention_mask: None; `packing` says all there is to say.
        dropout: probability with which an attention weight is dropped.
        scaling: factor of the scores; default 1 / sqrt(head width).

    Returns:
        (1, tokens, heads, head width), and no attention weights.
    """
    assert attention_mask is None
    q, k, v = (states[0].transpose(0, 1) for states in (query, key, value))  # (tokens, heads, width)
    flash = query.is_cuda and query.dtype in (torch.float16, torch.bfloat16)
    attend = _variable_length if flash else _by_length
    return attend(q, k, v, packing, dropout, scaling)[None], None


def _variable_length(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    packing: Packing,
    dropout: float,
    scaling: float | None,
) -> torch.Tensor:
    """Flash attention over all sequences in one kernel (CUDA, 16 bits)."""
    ends, longest = packing.offsets, packing.longest
    if dropout == 0.0:
        from torch.nn.attention.varlen import varlen_attn

        return cast("torch.Tensor", varlen_attn(query, key, value, ends, ends, longest, longest, scale=scaling))
    # varlen_attn has no dropout; the operator below it, which nested tensors use as well, does
    operator = torch.ops.aten._flash_attention_forward
    dropped: torch.Tensor = operator(
        query, key, value, ends, ends, longest, longest, dropout, False, False, scale=scaling
    )[0]
    return dropped


def _by_length(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    packing: Packing,
    dropout: float,
    scaling: float | None,
) -> torch.Tensor:
    """Sequences of equal length, or on a CPU of like length, together.

    On a CPU torch's own operator (2.13) has a slow backward pass in bf16, and computes in fp32 where there is dropout:
    there the same in single steps takes a quarter of the time, if the steps are few.
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    slow = dropout > 0 or (query.dtype != torch.float32 and torch.is_grad_enabled())
    if slow and not query.is_cuda:
        return _in_steps(query, key, value, packing, dropout, scale)
    done = []
    sizes = [count * length for count, length in packing.groups]
    parts = zip(packing.groups, query.split(sizes), key.split(sizes), value.split(sizes), strict=True)
    for (count, length), *states in parts:
        q, k, v = (s.view(count, length, *s.shape[1:]).transpose(1, 2) for s in states)
        out = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
        done.append(out.transpose(1, 2).reshape(count * length, *query.shape[1:]))
    return torch.cat(done)


def _in_steps(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, dropout: float, scale: float
) -> torch.Tensor:
    blocks, heads = packing.blocks, query.shape[1]
    shapes = [(block.shape[0], heads, block.shape[1], block.shape[1]) for block in blocks]
    masks = dropout_masks(shapes, dropout, query.dtype) if dropout > 0 else [None] * len(blocks)
    sizes = [block.tokens for block in blocks]
    done = []
    for block, mask, *states in zip(
        blocks, masks, (query * scale).split(sizes), key.split(sizes), value.split(sizes), strict=True
    ):
        q, k, v = (_Pad.apply(s, block).view(*block.shape, *s.shape[1:]).transpose(1, 2) for s in states)
        scores = q @ k.transpose(-1, -2)
        if block.index is not None:
            scores = scores.masked_fill(~block.mask[:, None, None, :], -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        out = (weights if mask is None else weights * mask) @ v
        done.append(_Unpad.apply(out.transpose(1, 2).reshape(-1, *query.shape[1:]), block))
    return torch.cat(done)


def dropout_masks(shapes: Sequence[tuple[int, ...]], dropout: float, dtype: torch.dtype) -> list[torch.Tensor]:
    """0 or 1 / (1 - dropout) for every element of every shape, on the CPU, from torch's global generator.

    One draw of 16 bits an element: `bernoulli_` takes six times as long. The probability is exact to 1 / 65536.
    """
    sizes = [math.prod(shape) for shape in shapes]
    words = torch.empty(-(-sum(sizes) // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: sum(sizes)]
    kept = bits >= round(dropout * 65536) - 32768
    mask = kept.to(dtype).mul_(1 / (1 - dropout))
    return [part.view(shape) for part, shape in zip(mask.split(sizes), shapes, strict=True)]


class Dropout(torch.nn.Dropout):
    """torch's dropout with the CPU's masks from `dropout_masks`; on a GPU it is torch's own."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """The states with a share of `p` set to 0, in training."""
        if states.is_cuda or not self.training or self.p == 0.0:
            return super().forward(states)
        return states * dropout_masks([tuple(states.shape)], self.p, states.dtype)[0]


def replace_dropout(module: torch.nn.Module) -> None:
    """Put `Dropout` in the place of every torch.nn.Dropout below `module`."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Dropout:
                setattr(parent, name, Dropout(child.p))


class _Pad(torch.autograd.Function):
    """Tokens (tokens, ...) to cells (sequences * longest, ...); a token's gradient is its cell's alone."""

    @staticmethod
    def forward(ctx: Any, tokens: torch.Tensor, block: Block) -> torch.Tensor:
        ctx.block = block
        return tokens if block.index is None else tokens.index_select(0, block.index)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        block: Block = ctx.block
        return gradient if block.index is None else gradient.index_select(0, block.inverse), None


class _Unpad(torch.autograd.Function):
    """Cells to tokens; cells of padding have no gradient."""

    @staticmethod
    def forward(ctx: Any, cells: torch.Tensor, block: Block) -> torch.Tensor:
        ctx.block = block
        return cells if block.index is None else cells.index_select(0, block.inverse)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        block: Block = ctx.block
        if block.index is None:
            return gradient, None
        padding = ~block.mask.view(-1, *[1] * (gradient.dim() - 1))
        return gradient.index_select(0, block.index).masked_fill_(padding, 0.0), None


AttentionInterface.register(NAME, packed_attention)
