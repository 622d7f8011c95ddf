"""Scores of bitext mining: pure functions.

A pair is extracted where its score reaches a threshold, which is chosen for the best F1 on pairs whose gold is known:
`bucc_optimize`, `bucc_extract` and `bucc_eval` in utils_retrieve.py of google-research/xtreme at 4940374.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def best_threshold(scores: Sequence[float] | np.ndarray, right: Sequence[bool] | np.ndarray, gold: int) -> float:
    """The threshold that gives the best F1 where pairs that score at least as much are extracted.

    It lies midway between the last score that is extracted and the next one; of equal F1, the highest threshold.
    Upstream may cut between equal scores, which no threshold can do; here equal scores go together. 0 where no pair is
    right, as upstream.

    Args:
        scores, right: (pairs,) each candidate's score, and whether it is a gold pair.
        gold: number of gold pairs, also of those that are no candidates.
    """
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)
    if not hits.any():
        return 0.0
    order = np.argsort(-values, kind="stable")
    values, correct = values[order], np.cumsum(hits[order])
    f1 = 2.0 * correct / (np.arange(1, len(values) + 1) + gold)
    ends = np.append(values[1:] < values[:-1], True)  # the last of equal scores
    best = int(np.argmax(np.where(ends, f1, -1.0)))
    return float(values[best] + values[best + 1]) / 2.0 if best + 1 < len(values) else float(values[best])
