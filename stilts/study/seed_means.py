"""Means and standard deviations over seeds, the same to the last bit whatever the order of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from stilts.study.scores import Block

Targets = dict[str, dict[str, dict[str, float | None]]]
"""Target -> language -> metric -> mean over seeds; None where a seed is missing."""
_SCALE = 2.0**60  # points of 2^-8 and more are whole multiples of 2^-60


def targets_of(targets: Sequence[str], blocks: Sequence[Block]) -> Targets:
    """The means of one recipe, targets in the order of `targets`."""
    found: Targets = {target: {} for target in targets}
    for block in blocks:
        for place, value in zip(block.places, block.means, strict=True):
            found[place.target].setdefault(place.language, {})[place.metric] = value
    return found


def stdev(values: Sequence[float]) -> float:
    """The sample standard deviation of two finite numbers or more: exact, then rounded once.

    What `statistics.stdev` gives from Python 3.11 on, ten times faster: floats are whole multiples of a power of two.
    """
    whole, unit = [value * _SCALE for value in values], int(_SCALE)
    if not all(map(float.is_integer, whole)):  # numbers very near to 0
        ratios = [value.as_integer_ratio() for value in values]
        unit = max(denominator for _, denominator in ratios)
        whole = [numerator * (unit // denominator) for numerator, denominator in ratios]
    units = [int(value) for value in whole]
    n = len(units)
    top = n * sum([value * value for value in units]) - sum(units) ** 2
    return _root(top, n * (n - 1) * unit * unit)


def _root(top: int, bottom: int) -> float:
    """The square root of a fraction, correctly rounded: 64 bits, the last of them set where anything is cut off."""
    shift = (128 - top.bit_length() + bottom.bit_length()) // 2
    top, bottom = (top << 2 * shift, bottom) if shift >= 0 else (top, bottom << -2 * shift)
    root = isqrt(top // bottom)
    root |= root * root * bottom != top
    return root / (1 << shift) if shift >= 0 else float(root << -shift)
