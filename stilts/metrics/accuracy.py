"""Metrics that need nothing but gold and predicted values; all in points (0-100)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stilts.errors import StiltsError


def accuracy(gold: Sequence[Any], predicted: Sequence[Any]) -> float:
    """Share of equal values in points. Raises StiltsError on different lengths or nothing to score."""
    if len(gold) != len(predicted):
        raise StiltsError(f"{len(predicted)} predictions for {len(gold)} gold values")
    if not gold:
        raise StiltsError("nothing to score: no gold values")
    return 100.0 * sum(right == given for right, given in zip(gold, predicted, strict=True)) / len(gold)


def f1(right: int, found: int, gold: int) -> float:
    """F1 in points of `found` spans or pairs, `right` of which are among the `gold` ones; 0 where none is."""
    return 200.0 * right / (found + gold) if right else 0.0


def aligned(what: str, ids: Sequence[str], predictions: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The predicted values in the examples' order.

    Predictions are matched by position, and the ids must agree: ids alone are not unique (TyDiQA's training files
    repeat them). Raises StiltsError naming the first place where they differ.
    """
    if len(ids) != len(predictions):
        raise StiltsError(f"{what}: {len(predictions)} predictions for {len(ids)} examples")
    for number, (expected, prediction) in enumerate(zip(ids, predictions, strict=True)):
        if prediction["id"] != expected:
            raise StiltsError(f"{what}: prediction {number + 1} is for {prediction['id']!r}, expected {expected!r}")
    return [prediction["prediction"] for prediction in predictions]
