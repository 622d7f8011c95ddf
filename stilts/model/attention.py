"""Attention within the sequences of one packed stream of tokens, registered with transformers' attention interface."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

from stilts.formats.batch import Packing
from stilts.model.block_attention import block_attention

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
        query, key, value: (1, heads, tokens, head width) of the whole stream; tokens beyond those of `packing` give 0.
        attention_mask: None; `packing` says all there is to say.
        dropout: probability with which an attention weight is dropped.
        scaling: factor of the scores; default 1 / sqrt(head width).

    Returns:
        (1, tokens, heads, head width), and no attention weights.
    """
    assert attention_mask is None
    tokens = sum(packing.lengths)
    q, k, v = (states[0].transpose(0, 1)[:tokens] for states in (query, key, value))  # (tokens, heads, width)
    flash = query.is_cuda and query.dtype in (torch.float16, torch.bfloat16)
    attend = _variable_length if flash else _by_length
    attended = attend(q, k, v, packing, dropout, scaling)
    return pad(attended, (0, 0, 0, 0, 0, query.shape[2] - tokens))[None], None


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
    """Sequences of equal length together; on a CPU, where torch's operator is slow, sequences of like length."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    slow = dropout > 0 or (query.dtype != torch.float32 and torch.is_grad_enabled())
    if slow and not query.is_cuda:
        return block_attention(query, key, value, packing, dropout, scale)
    done = []
    sizes = [count * length for count, length in packing.groups]
    parts = zip(packing.groups, query.split(sizes), key.split(sizes), value.split(sizes), strict=True)
    for (count, length), *states in parts:
        q, k, v = (s.view(count, length, *s.shape[1:]).transpose(1, 2) for s in states)
        out = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
        done.append(out.transpose(1, 2).reshape(count * length, *query.shape[1:]))
    return torch.cat(done)


AttentionInterface.register(NAME, packed_attention)
