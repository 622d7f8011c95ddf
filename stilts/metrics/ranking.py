"""Scores of a ranking: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def average_precision(right: Collection[str], ranked: Sequence[str], depth: int) -> float:
    """Average precision at `depth`, 0-1: the mean, over the right items that could be there, of the precision at each.

    As `average_precision_at_k` in utils_lareqa.py of google-research/xtreme at e23cf42: divided by the number of right
    items or by `depth`, whichever is smaller, so that a ranking which begins with right items only has 1.

    Args:
        right: the right items, at least one.
        ranked: the items found, the best first, each once.
    """
    hits, total = 0, 0.0
    for place, item in enumerate(ranked[:depth], start=1):
        if item in right:
            hits += 1
            total += hits / place
    return total / min(len(right), depth)
