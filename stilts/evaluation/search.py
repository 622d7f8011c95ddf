"""Sentence vectors and exact nearest neighbours by cosine."""

from __future__ import annotations

import numpy as np
import torch

from stilts.errors import InputError, StiltsError

TIES = 16
"""Neighbours looked at to find the lowest index among equal scores."""


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector of length 1 a sentence, float32 (batch, hidden).

    Args:
        hidden: hidden states of one layer (batch, length, hidden), any float type.
        attention_mask: 1 for tokens, 0 for padding (batch, length); every row has a token.
        pooling: "mean" over the attention mask (special tokens count), or "cls", the first token.
    """
    states = hidden.float()
    if pooling == "cls":
        vectors = states[:, 0]
    elif pooling == "mean":
        weight = attention_mask.to(states.dtype).unsqueeze(-1)
        # padding may hold anything, so it is not multiplied but masked
        vectors = states.masked_fill(weight == 0, 0.0).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)
    else:
        raise InputError(f"pooling {pooling!r}", "mean or cls", "change retrieval.pooling")
    return torch.nn.functional.normalize(vectors, dim=-1)


def nearest(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Index of each query's nearest candidate by cosine, exact; of equally near ones the lowest. int64 (queries,).

    Args:
        queries, candidates: (n, hidden) float; they are normalised here, so any length of a vector will do.

    Equal candidates are searched once: a matrix product may round equal rows differently, by their place in it.
    """
    import faiss

    if not len(candidates):
        raise StiltsError("no candidates to search")
    vectors, lowest = np.unique(_unit(candidates), axis=0, return_index=True)
    order = np.argsort(lowest)
    vectors, lowest = np.ascontiguousarray(vectors[order]), lowest[order]
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    scores, found = index.search(_unit(queries), min(TIES, len(vectors)))
    # `lowest` ascends, so the lowest position among equals is also the lowest index
    position = np.where(scores == scores.max(axis=1, keepdims=True), found, len(vectors)).min(axis=1)
    return lowest[position].astype(np.int64)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise StiltsError("a sentence vector holds a value that is not finite")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
