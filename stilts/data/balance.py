"""Where the rows of a global batch are computed: dealt to ranks by cost, cut into micro-batches by a token budget.

Pure functions of the rows' lengths, so every rank knows every rank's share without a word. None of this changes what an
optimizer step trains on.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cost:
    """What a row costs to compute, and how many tokens a micro-batch may hold.

    Attributes:
        hidden: width of the encoder: attention costs a token L / (6 hidden) of its linear layers' work, at L tokens a
            row (4 L hidden against 24 hidden^2 multiplications a layer, with the usual fourfold inner width).
        budget: tokens of a micro-batch; a longer row goes alone.
        padded: the model computes every row of a micro-batch at the length of its longest one.
    """

    hidden: int
    budget: int
    padded: bool = False

    def of(self, lengths: np.ndarray) -> np.ndarray:
        """The cost of rows of these lengths, in tokens of linear work, float64 (rows,)."""
        sizes = lengths.astype(np.float64)
        return sizes + sizes**2 / (6 * self.hidden)

    def fits(self, lengths: Sequence[int]) -> bool:
        """Whether rows of these lengths may run together."""
        tokens = len(lengths) * max(lengths, default=0) if self.padded else sum(lengths)
        return tokens <= self.budget or len(lengths) == 1


def share(lengths: np.ndarray, ranks: int, cost: Cost) -> list[list[list[int]]]:
    """Every rank's micro-batches: `share(...)[rank][micro_batch]` is a list of indices into `lengths`.

    The number of micro-batches is the same on every rank; one may be empty. Within a micro-batch the longest row comes
    first, and so do the largest micro-batches of a rank: ranks meet in each of them.
    """
    dealt = [_longest_first(part, lengths) for part in _deal(cost.of(lengths), ranks)]
    pieces = [cut(part, lengths, cost) for part in dealt]
    count = max(len(piece) for piece in pieces)
    if cost.padded:  # rows of like length stay together
        return [piece + [[] for _ in range(count - len(piece))] for piece in pieces]
    while True:
        even = [_even(part, lengths, count) for part in dealt]
        if all(cost.fits([int(lengths[i]) for i in piece]) for part in even for piece in part):
            return even
        count += 1  # the budget cannot be kept with equal pieces this large


def cut(rows: Sequence[int], lengths: np.ndarray, cost: Cost) -> list[list[int]]:
    """Micro-batches of neighbours in `rows` (sorted by falling length), each within the budget."""
    pieces: list[list[int]] = []
    sizes: list[int] = []
    for row in rows:
        sizes.append(int(lengths[row]))
        if pieces and cost.fits(sizes):
            pieces[-1].append(int(row))
        else:
            pieces.append([int(row)])
            sizes = [int(lengths[row])]
    return pieces


def _deal(costs: np.ndarray, ranks: int) -> list[list[int]]:
    """The dearest row first, each to the rank that has least."""
    loads = [(0.0, rank) for rank in range(ranks)]
    parts: list[list[int]] = [[] for _ in range(ranks)]
    for row in np.argsort(-costs, kind="stable"):
        load, rank = heapq.heappop(loads)
        parts[rank].append(int(row))
        heapq.heappush(loads, (load + float(costs[row]), rank))
    return parts


def _even(rows: Sequence[int], lengths: np.ndarray, count: int) -> list[list[int]]:
    parts = [[rows[i] for i in part] for part in _deal(lengths[list(rows)].astype(np.float64), count)]
    return sorted(parts, key=lambda part: -sum(int(lengths[i]) for i in part))


def _longest_first(rows: Sequence[int], lengths: np.ndarray) -> list[int]:
    return sorted(rows, key=lambda i: (-int(lengths[i]), i))
