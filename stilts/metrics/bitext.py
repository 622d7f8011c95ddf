"""F1 of sentence pairs that were found in two texts, as BUCC and XTREME compute it: pure functions."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from stilts.errors import StiltsError
from stilts.metrics.seqeval import f1_of_counts

Pair = tuple[str, str]  # ids of the two sentences


def pair_counts(gold: Collection[Pair], predicted: Collection[Pair]) -> np.ndarray:
    """Numbers of gold, predicted and correct pairs, int64 (3,); a pair that is there twice counts once."""
    right, given = set(gold), set(predicted)
    return np.array([len(right), len(given), len(right & given)], dtype=np.int64)


def pair_f1(gold: Collection[Pair], predicted: Collection[Pair]) -> float:
    """F1 in points over sets of pairs, 0 where none is right (`bucc_f1` in evaluate.py of XTREME at 838c13b).

    Raises StiltsError where there is no gold pair.
    """
    if not gold:
        raise StiltsError("nothing to score: no gold pairs")
    return f1_of_counts(pair_counts(gold, predicted))
