"""Several lists dealt out as one, so that its first N items are a fair sample of all."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def dealt(*lists: Sequence[T]) -> Iterator[T]:
    """All items, those of each list in order and evenly spread; at equal places those of earlier lists first."""
    streams = [[((index + 0.5) / len(items), item) for index, item in enumerate(items)] for items in lists]
    for _, item in heapq.merge(*streams, key=lambda placed: placed[0]):
        yield item
