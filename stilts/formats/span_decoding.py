"""From start and end logits of all windows of a question to its answer: characters of the original context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

N_BEST = 20
"""Start and end positions that are paired a window (BERT's SQuAD code, XTREME, jiant)."""
ANSWER_TOKENS = 30
"""Longest answer in tokens (same sources)."""


@dataclass(frozen=True)
class Span:
    """A candidate answer: characters [first, end) of the context, and the sum of its two logits."""

    first: int
    end: int
    score: float


def best_span(rows: Sequence[Mapping[str, Any]], outputs: Sequence[np.ndarray]) -> Span | None:
    """The span of the highest score in all windows; None where no window holds a token of the context.

    As in BERT's SQuAD code, only the 20 highest starts and ends of a window are paired, and a start counts only in the
    window where it has its best surroundings. Where that leaves no pair at all, every start and end is tried.
    """
    for n_best in (N_BEST, None):
        found = [_best_of_row(row, logits, n_best) for row, logits in zip(rows, outputs, strict=True)]
        spans = [span for span in found if span is not None]
        if spans:
            return max(spans, key=lambda span: span.score)  # the first of equals
    return None


def null_score(outputs: Sequence[np.ndarray]) -> float:
    """Score of "no answer": the lowest sum of the first token's logits over the windows."""
    return min(float(logits[0, 0]) + float(logits[0, 1]) for logits in outputs)


def trim(context: str, span: Span) -> str:
    """The span's characters without white space at its ends: always a substring of the context."""
    return context[span.first : span.end].strip()


def _best_of_row(row: Mapping[str, Any], logits: np.ndarray, n_best: int | None) -> Span | None:
    first, end = np.asarray(row["char_start"]), np.asarray(row["char_end"])
    logits = logits[: len(first)].astype(np.float64)
    start_at, end_at = _highest(logits[:, 0], n_best), _highest(logits[:, 1], n_best)
    start_at = start_at[(start_at >= row["own_first"]) & (start_at < row["own_end"])]
    end_at = end_at[first[end_at] >= 0]
    if not len(start_at) or not len(end_at):
        return None
    length = end_at[None, :] - start_at[:, None]
    scores = logits[start_at, 0][:, None] + logits[end_at, 1][None, :]
    scores = np.where((length >= 0) & (length < ANSWER_TOKENS), scores, -np.inf)
    best = np.unravel_index(int(np.argmax(scores)), scores.shape)
    if scores[best] == -np.inf:
        return None
    return Span(int(first[start_at[best[0]]]), int(end[end_at[best[1]]]), float(scores[best]))


def _highest(values: np.ndarray, count: int | None) -> np.ndarray:
    """Positions of the `count` highest values (all: None), highest first, the earlier one at a tie."""
    return np.argsort(-values, kind="stable")[:count]
