"""Scores of a ranking: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stilts.errors import StiltsError


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


def mean_average_precision(
    right: Mapping[str, Collection[str]], ranked: Mapping[str, Sequence[str]], depth: int
) -> float:
    """Mean over the questions of `right` of their average precision at `depth`, in points.

    A question that is not in `ranked` counts as 0, as in utils_mewslix.py of google-research/xtreme at 66367fa. With
    one right item a question this is the mean reciprocal rank. Raises StiltsError where there is no question.
    """
    if not right:
        raise StiltsError("nothing to score: no questions")
    return 100.0 * sum(average_precision(right[key], ranked.get(key, ()), depth) for key in right) / len(right)
