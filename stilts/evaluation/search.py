"""Sentence vectors and exact nearest neighbours by cosine."""

from __future__ import annotations

import hashlib
from itertools import chain, islice

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
    """Indices of each query's nearest candidates by cosine, as `Index.ranked` gives them."""
    return Index(candidates).ranked(queries, depth)


class Index:
    """Candidates to search, exactly, by cosine; equally near ones in order.

    Equal candidates are searched once: a matrix product may round equal rows differently, by their place in it.

    Args:
        candidates: (n, hidden) float; they are normalised here, so any length of a vector will do.
    """

    def __init__(self, candidates: np.ndarray) -> None:
        import faiss

        if not len(candidates):
            raise StiltsError("no candidates to search")
        # no negative zeros: equal vectors have equal bytes
        vectors = (unit(candidates) + 0.0).astype(np.float32, copy=False)
        places: dict[bytes, list[int]] = {}
        for number, vector in enumerate(vectors):
            places.setdefault(hashlib.blake2b(vector.tobytes(), digest_size=16).digest(), []).append(number)
        self.count = len(candidates)
        self.members = list(places.values())  # of each distinct vector, ascending, as their first ones are
        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(vectors[[found[0] for found in self.members]])

    def ranked(self, queries: np.ndarray, depth: int) -> np.ndarray:
        """Indices of each query's nearest candidates, the nearest first, int64 (queries, depth).

        Fewer columns where there are fewer candidates.
        """
        depth = min(depth, self.count)
        scores, found = self.index.search(unit(queries), min(depth + TIES, len(self.members)))
        places = np.take_along_axis(found, np.lexsort((found, -scores)), axis=1)
        out = [list(islice(chain.from_iterable(self.members[i] for i in row), depth)) for row in places.tolist()]
        return np.array(out, dtype=np.int64).reshape(len(queries), depth)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors with length 1, float32; a vector of zeros stays one. Raises StiltsError for what is not finite."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise StiltsError("a sentence vector holds a value that is not finite")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
