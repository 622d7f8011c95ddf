"""How numbers are said in answers, and made ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

_MEASURES = {
    "js_divergence": ("Jensen-Shannon divergence of words", "Jensen-Shannon divergence"),
    "a_distance": ("proxy A-distance", "proxy A-distance"),
    "mmd": ("maximum mean discrepancy of encoder means", "maximum mean discrepancy"),
    "cosine": ("cosine distance of encoder means", "cosine distance"),
}
"""A measure of domains -> how a sentence calls it, and how an axis does; others have their own names."""


def p_text(p: float) -> str:
    """A p value as papers print it: ".034", "< .001"."""
    return "–" if math.isnan(p) else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def points(value: float) -> str:
    """A difference in points, with its sign."""
    return "–" if math.isnan(value) else f"{value:+.2f}"


def interval_text(low: float, high: float) -> str:
    """A 95 % interval of differences."""
    return "no interval" if math.isnan(low) else f"95 % {low:+.2f} to {high:+.2f}"


def measure_words(measure: str, short: bool = False) -> str:
    """How a sentence calls a measure of domains; `short`: how an axis does."""
    return _MEASURES.get(measure, (measure, measure))[short]


def span(values: Iterable[float]) -> str:
    """The smallest and the largest of some sizes, once where they are alike; "" where none is known."""
    known = [value for value in values if not math.isnan(value)]
    return " to ".join(dict.fromkeys(f"{value:.2f}" for value in (min(known), max(known)))) if known else ""


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def finite(value: Any) -> Any:
    """The value with None for all that is no number, at any depth: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
