"""How numbers are said in answers, and made ready for JSON."""

from __future__ import annotations

import math
from typing import Any


def p_text(p: float) -> str:
    """A p value as papers print it: ".034", "< .001"."""
    return "–" if math.isnan(p) else "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def finite(value: Any) -> Any:
    """The value with None for all that is no number, at any depth: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
