"""All measures between data sets of the one and of the other kind, over samples of one size each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stilts.analysis import divergence
from stilts.data.documents import WINDOW, Documents

WORDS, WINDOWS, TEXTS = 200_000, 2_000, 500
"""The most words, windows of a half and encoded texts that are compared."""
FEWEST = 8
"""Windows of a half, and texts, below which a measure is left out."""
_OF_WIDTH = 100  # texts of a data set that the kernel's width is taken from

Vectors = Callable[[Sequence[str]], np.ndarray]
"""What encodes texts: float32 (texts, hidden)."""


@dataclass(frozen=True)
class Distance:
    """One measure of one pair.

    Attributes:
        n: words, windows or texts of each of the two.
    """

    one: str
    other: str
    measure: str
    value: float
    n: int


@dataclass(frozen=True)
class _Sample:
    words: Counter[str]
    halves: tuple[Sequence[Counter[str]], Sequence[Counter[str]]]
    vectors: np.ndarray


def distances(
    near: Mapping[str, Documents],
    far: Mapping[str, Documents],
    encoded: Vectors,
    seed: int,
    said: Callable[[str], None],
) -> Iterator[Distance]:
    """Every measure between every data set of `near` and of `far`; `said` hears of what is left out.

    As many words, windows and texts of each are compared as the smallest has, so that no pair looks further apart for
    being small; the kernel of the maximum mean discrepancy is as wide for all pairs.
    """
    names, every = [*near, *far], [*near.values(), *far.values()]
    counts, cut = [one.words() for one in every], [one.windows() for one in every]
    words = min(WORDS, *(count.total() for count in counts))
    windows, of_windows = min((min(WINDOWS, *map(len, halves)), name) for halves, name in zip(cut, names, strict=True))
    texts, of_texts = min((min(TEXTS, len(one.examples)), name) for one, name in zip(every, names, strict=True))
    if windows < FEWEST:
        said(f"no proxy A-distance: {of_windows} has {windows} windows of {WINDOW} words in one half of its documents")
    if texts < FEWEST:
        said(f"no distances of encoder means: {of_texts} has {texts} examples")
    vectors = _vectors(every, texts if texts >= FEWEST else 0, encoded)
    samples = [
        _Sample(divergence.sampled(count, words, seed + place), (a[:windows], b[:windows]), own)
        for place, (count, (a, b), own) in enumerate(zip(counts, cut, vectors, strict=True))
    ]
    width = divergence.median_distance(np.concatenate([own[:_OF_WIDTH] for own in vectors])) if texts >= FEWEST else 0.0
    for name, one in zip(near, samples, strict=False):
        for target, other in zip(far, samples[len(near) :], strict=True):
            yield Distance(
                name, target, divergence.JS_DIVERGENCE, divergence.js_divergence(one.words, other.words), words
            )
            if windows >= FEWEST:
                found = divergence.a_distance(one.halves, other.halves)
                yield Distance(name, target, divergence.A_DISTANCE, found, 2 * windows)
            if texts >= FEWEST:
                found = divergence.mmd(one.vectors, other.vectors, width)
                yield Distance(name, target, divergence.MMD, found, texts)
                yield Distance(name, target, divergence.COSINE, divergence.cosine(one.vectors, other.vectors), texts)


def _vectors(every: Sequence[Documents], texts: int, encoded: Vectors) -> list[np.ndarray]:
    """The vectors of so many texts of each data set, in float64."""
    if not texts:
        return [np.zeros((0, 0))] * len(every)
    whole = encoded([text for one in every for text in one.examples[:texts]])
    return np.split(whole.astype(np.float64), len(every))
