"""Finds translations in two corpora by margin: exact neighbours in both directions from one pass over all products.

As `mine_bitext` in utils_retrieve.py of google-research/xtreme at 4940374 with retrieval "max" and margin "ratio"
(Artetxe and Schwenk 2019, Margin-based Parallel Corpus Mining with Multilingual Sentence Embeddings, section 3): the
score of a pair is its cosine over the mean of the cosines of the k nearest neighbours of both sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stilts.config import RetrievalSettings
from stilts.data.store import PreparedSet
from stilts.evaluation.predict import Predictor
from stilts.evaluation.search import unit
from stilts.formats.base import Prediction
from stilts.formats.mining import gold_pairs
from stilts.formats.untrained import ENGLISH, LANGUAGE
from stilts.metrics.bitext import best_threshold
from stilts.tasks.examples import BitextExample

NEIGHBOURS = 4
"""k (facts: BUCC as XTREME scores it)."""
TILE = 2048
"""Sentences of either side whose products are in memory at once: 16 MiB."""


@dataclass(frozen=True)
class Candidates:
    """One candidate a sentence at most, on rank 0: what is left of them is decided by a threshold.

    Attributes:
        examples: of both corpora.
        pairs: (index, index of the English sentence) among the examples, int64 (pairs, 2), the best first.
        scores: margins, float64 (pairs,), descending.
    """

    examples: Sequence[BitextExample]
    pairs: np.ndarray
    scores: np.ndarray

    def threshold(self) -> float:
        """The threshold that gives these sentences the best F1."""
        gold = gold_pairs(self.examples)
        right = [(self.examples[i].id, self.examples[j].id) in gold for i, j in self.pairs]
        return best_threshold(self.scores, right, len(gold))

    def predictions(self, threshold: float) -> list[Prediction]:
        """For each sentence of the language its English one or None; where there is a candidate, it and its score."""
        found = {
            self.examples[i].id: {"candidate": self.examples[j].id, "score": float(score)}
            for (i, j), score in zip(self.pairs, self.scores, strict=True)
        }
        out: list[Prediction] = []
        for example in self.examples:
            if example.side == LANGUAGE:
                best = found.get(example.id, {})
                taken = bool(best) and best["score"] >= threshold
                out.append({"id": example.id, "prediction": best["candidate"] if taken else None, **best})
        return out


def candidates(
    predictor: Predictor, prepared: PreparedSet, layer: int, settings: RetrievalSettings
) -> Candidates | None:
    """The candidate pairs of a set, on rank 0; None elsewhere. A collective."""
    sides = predictor.embed(prepared, layer, settings.pooling)
    if sides is None:
        return None
    return mined(prepared.examples, *sides, device=predictor.world.device)


def mined(
    examples: Sequence[BitextExample], language: np.ndarray, english: np.ndarray, device: torch.device | None = None
) -> Candidates:
    """Candidates from the vectors of both corpora, each (sentences of the side, hidden) in the examples' order.

    A sentence that comes several times is searched once. A candidate of which a sentence comes several times is then
    dropped, as upstream does: nobody could say which of its ids is meant.
    """
    rows, once, vectors = [], [], []
    for side, given in ((LANGUAGE, language), (ENGLISH, english)):
        places: dict[str, list[int]] = {}
        own = [number for number, example in enumerate(examples) if example.side == side]
        for place, number in enumerate(own):
            places.setdefault(examples[number].text, []).append(place)
        first = np.array([found[0] for found in places.values()], dtype=np.int64)
        rows.append(np.array(own, dtype=np.int64)[first])
        once.append(np.array([len(found) == 1 for found in places.values()], dtype=bool))
        vectors.append(given[first])
    pairs, scores = best_pairs(vectors[0], vectors[1], device=device)
    kept = once[0][pairs[:, 0]] & once[1][pairs[:, 1]]
    found = np.stack([rows[0][pairs[kept, 0]], rows[1][pairs[kept, 1]]], axis=1)
    return Candidates(examples, found, scores[kept])


def best_pairs(
    x: np.ndarray, y: np.ndarray, k: int = NEIGHBOURS, device: torch.device | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of which each sentence is in one at most, int64 (pairs, 2), and their margins, float64, descending.

    Each sentence of either side proposes the neighbour with the best margin; proposals are taken from the best on while
    both sentences are free. Those with a margin of 0 or less are left out.

    Args:
        x, y: (n, hidden) and (m, hidden) float, finite; they are normalised here.
    """
    if not len(x) or not len(y):
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    (x_sims, x_near), (y_sims, y_near) = neighbours(unit(x), unit(y), k, device)
    x_mean, y_mean = x_sims.mean(axis=1), y_sims.mean(axis=1)
    proposals: list[np.ndarray] = []
    margins: list[np.ndarray] = []
    for sims, near, mean, other in ((x_sims, x_near, x_mean, y_mean), (y_sims, y_near, y_mean, x_mean)):
        around = (mean[:, None] + other[near]) / 2.0
        # without alike neighbours a ratio says nothing: two negative numbers would make a good margin
        scores = np.where(around > 0, sims / np.where(around > 0, around, 1.0), 0.0)
        best, own = scores.argmax(axis=1), np.arange(len(near))
        pair = (own, near[own, best])
        proposals.append(np.stack(pair if not proposals else pair[::-1], axis=1))
        margins.append(scores[own, best])
    pairs, scores = np.concatenate(proposals), np.concatenate(margins)
    order = np.argsort(-scores, kind="stable")
    order = order[_first_free(pairs[order])]
    order = order[scores[order] > 0]
    return pairs[order], scores[order]


def _first_free(pairs: np.ndarray) -> list[int]:
    """Places of the pairs, in order, of which neither sentence was in a pair taken before."""
    taken: tuple[set[int], set[int]] = (set(), set())
    out = []
    for place, (one, other) in enumerate(pairs.tolist()):
        if one not in taken[0] and other not in taken[1]:
            taken[0].add(one)
            taken[1].add(other)
            out.append(place)
    return out


Neighbours = tuple[np.ndarray, np.ndarray]
"""Cosines, float64 (sentences, k) descending, and the indices of the neighbours, int64."""


def neighbours(
    x: np.ndarray, y: np.ndarray, k: int, device: torch.device | None = None, tile: int = TILE
) -> tuple[Neighbours, Neighbours]:
    """The k nearest of `y` for each of `x`, and of `x` for each of `y`; fewer where there are fewer.

    Every inner product is computed once, in float32, and serves both directions. Memory: both sides, the neighbours and
    one tile of products, on `device` (default the CPU).

    Args:
        x, y: unit vectors, float32 (n, hidden) and (m, hidden).
    """
    left, right = (torch.from_numpy(side).to(device or "cpu") for side in (x, y))
    starts = range(0, len(right), tile)
    rows: list[_Best] = []
    columns = [_Best(k) for _ in starts]
    for first in range(0, len(left), tile):
        part = _Best(k)
        for column, start in zip(columns, starts, strict=True):
            products = left[first : first + tile] @ right[start : start + tile].T
            part.add(products, start)
            column.add(products.T.contiguous(), first)
        rows.append(part)
    return _joined(rows), _joined(columns)


class _Best:
    """The k greatest values of each row over blocks that come one after the other."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.values: torch.Tensor | None = None
        self.indices: torch.Tensor | None = None

    def add(self, block: torch.Tensor, first: int) -> None:
        """Take in a block (rows, n), whose columns are numbered from `first`."""
        values, indices = block.topk(min(self.k, block.shape[1]), dim=1)
        indices = indices + first
        if self.values is not None and self.indices is not None:
            values, indices = torch.cat([self.values, values], dim=1), torch.cat([self.indices, indices], dim=1)
            values, places = values.topk(min(self.k, values.shape[1]), dim=1)
            indices = indices.gather(1, places)
        self.values, self.indices = values, indices


def _joined(parts: Sequence[_Best]) -> Neighbours:
    values = torch.cat([part.values for part in parts if part.values is not None]).double().cpu().numpy()
    return values, torch.cat([part.indices for part in parts if part.indices is not None]).cpu().numpy()
