"""Means and standard deviations over seeds, the same to the last bit whatever the order of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

from stilts.study.scores import Block

Targets = dict[str, dict[str, dict[str, float | None]]]
"""Target -> language -> metric -> mean over seeds; None where a seed is missing."""


def targets_of(targets: Sequence[str], blocks: Sequence[Block]) -> Targets:
    """The means of one recipe, targets in the order of `targets`."""
    found: Targets = {target: {} for target in targets}
    for block in blocks:
        for place, value in zip(block.places, block.means, strict=True):
            found[place.target].setdefault(place.language, {})[place.metric] = value
    return found


def stdev(values: Sequence[float]) -> float:
    """The sample standard deviation of two finite numbers or more; 0 where they are equal.

    `statistics.stdev` takes twenty times as long. Sums are rounded once, so their order does not matter.
    """
    low = min(values)
    above = [value - low for value in values]
    center = fsum(above) / len(above)
    return sqrt(fsum([(value - center) ** 2 for value in above]) / (len(above) - 1))
