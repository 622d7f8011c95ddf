"""Sentence vectors and exact nearest neighbours by cosine."""

from __future__ import annotations

import numpy as np
import torch

from stilts.errors import InputError, StiltsError
from stilts.formats.batch import Packing

TIES = 16
"""Further neighbours looked at to find the lowest index among equal scores."""


def pool(hidden: torch.Tensor, packing: Packing, pooling: str) -> torch.Tensor:
    """One vector of length 1 a sentence, float32 (sentences, hidden).

    Args:
        hidden: hidden states of one layer for a packed stream (tokens, hidden), any float type.
        pooling: "mean" over the sentence's tokens (special tokens count), or "cls", the first token.
    """
    starts = packing.offsets[:-1].long()
    if pooling == "cls":
        vectors = hidden[starts].float()
    elif pooling == "mean":
        sizes = packing.offsets.diff().long()
        owner = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)
        sums = hidden.new_zeros(len(sizes), hidden.shape[1], dtype=torch.float32).index_add(0, owner, hidden.float())
        vectors = sums / sizes[:, None]
    else:
        raise InputError(f"pooling {pooling!r}", "mean or cls", "change retrieval.pooling")
    return torch.nn.functional.normalize(vectors, dim=-1)


def nearest(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Index of each query's nearest candidate by cosine, as `ranked` finds it. int64 (queries,)."""
    return ranked(queries, candidates, 1)[:, 0]


def ranked(queries: np.ndarray, candidates: np.ndarray, depth: int) -> np.ndarray:
    """Indices of each query's nearest candidates by cosine, the nearest first; exact; equally near ones in order.

    int64 (queries, depth); fewer columns where there are fewer candidates.

    Args:
        queries, candidates: (n, hidden) float; they are normalised here, so any length of a vector will do.

    Equal candidates are searched once: a matrix product may round equal rows differently, by their place in it.
    """
    import faiss

    if not len(candidates):
        raise StiltsError("no candidates to search")
    vectors, lowest, group = np.unique(unit(candidates), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(lowest)
    vectors = np.ascontiguousarray(vectors[order])
    equal = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    members = [equal[i] for i in order]  # of each distinct vector, ascending
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    scores, found = index.search(unit(queries), min(depth + TIES, len(vectors)))
    depth = min(depth, len(candidates))
    # `members` ascend by their first index, and so do places among equal scores
    places = np.take_along_axis(found, np.lexsort((found, -scores)), axis=1)
    out = [np.concatenate([members[place] for place in row[:depth]])[:depth] for row in places]
    return np.stack(out).astype(np.int64) if out else np.zeros((0, depth), dtype=np.int64)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors with length 1, float32; a vector of zeros stays one. Raises StiltsError for what is not finite."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise StiltsError("a sentence vector holds a value that is not finite")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
