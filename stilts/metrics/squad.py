"""Exact match and token F1 of one answer, by the rules of SQuAD's official evaluation (v1.1 and v2.0)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, no ASCII punctuation, no English articles, single blanks."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def score(answer: str, golds: Sequence[str], no_answer: bool = False) -> tuple[float, float]:
    """(exact match, F1) of an answer, each 0-1 and the best over the golds.

    Args:
        answer: predicted text; "" for no answer.
        golds: gold texts; none at all if the question has no answer.
        no_answer: rules of v2.0. Golds that normalise to nothing are dropped; where none is left, only an answer
            that normalises to nothing is right. In v1.1 two empty texts match exactly but have F1 0.
    """
    if no_answer:
        golds = [gold for gold in golds if normalise(gold)]
        if not golds:
            right = float(not normalise(answer))
            return right, right
    return best_score(answer, golds, normalise)


def best_score(answer: str, golds: Sequence[str], rule: Callable[[str], str]) -> tuple[float, float]:
    """(exact match, F1), each 0-1, the best over the golds, after normalising with `rule`."""
    words = rule(answer)
    normal = [rule(gold) for gold in golds]
    return float(words in normal), max(overlap(words.split(), gold.split()) for gold in normal)


def overlap(answer: Sequence[str], gold: Sequence[str]) -> float:
    """F1 (0-1) of two bags of tokens; 0 where they share none."""
    shared = sum((Counter(answer) & Counter(gold)).values())
    return 2.0 * shared / (len(answer) + len(gold)) if shared else 0.0
