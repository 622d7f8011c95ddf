"""How far the texts of two data sets are apart: measures over words, a classifier's eye, and sentence vectors.

Kashyap, Hazarika, Kan and Zimmermann, Domain Divergences: A Survey and Empirical Analysis (arXiv 2010.12198), compares
them. All are larger the further apart, and none depends on the order of the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse
from scipy.spatial.distance import cdist, pdist

JS_DIVERGENCE, A_DISTANCE, MMD, COSINE = "js_divergence", "a_distance", "mmd", "cosine"
MEASURES = (JS_DIVERGENCE, A_DISTANCE, MMD, COSINE)


def sampled(counts: Counter[str], words: int, seed: int) -> Counter[str]:
    """So many of the counted words, drawn without replacement (the words in sorted order, so by the seed alone)."""
    types = sorted(counts)
    drawn = np.random.default_rng(seed).multivariate_hypergeometric([counts[one] for one in types], words)
    return Counter({one: int(count) for one, count in zip(types, drawn, strict=True) if count})


def js_divergence(one: Counter[str], other: Counter[str]) -> float:
    """Jensen and Shannon's divergence of two distributions of words, in bits: 0 (equal) to 1 (no word shared).

    Few words make it too large, so compare samples of one size (Lin 1991, IEEE Transactions on Information Theory 37).
    """
    types = sorted(one.keys() | other.keys())
    p, q = (np.array([counts[name] for name in types], dtype=np.float64) for counts in (one, other))
    p, q = p / p.sum(), q / q.sum()
    return float(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2)


def a_distance(one: tuple[Sequence[Counter[str]], ...], other: tuple[Sequence[Counter[str]], ...]) -> float:
    """Proxy A-distance 2 (1 - 2e): 0 where a linear classifier cannot tell the data sets apart, 2 where it always can.

    e is its error on windows of documents that it has not learned from, by each half of the documents in turn
    (Ben-David et al., Analysis of Representations for Domain Adaptation, NIPS 2006). Below 0 where it does worse than
    chance.

    Args:
        one, other: the two halves of a data set's documents, each as the counted words of windows of one size.
    """
    errors = []
    for learned, asked in ((0, 1), (1, 0)):
        windows = [*one[learned], *other[learned]]
        types = {name: place for place, name in enumerate(sorted(set().union(*windows)))}
        weights, bias = linear_classifier(_rows(windows, types), _sides(one[learned], other[learned]))
        said = _rows([*one[asked], *other[asked]], types) @ weights + bias
        errors.append(np.mean(np.sign(said) != _sides(one[asked], other[asked])))
    return float(2 * (1 - 2 * np.mean(errors)))


def linear_classifier(rows: sparse.csr_matrix, sides: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and bias of a logistic regression: the least sum of losses + |weights|^2 / 2.

    Args:
        rows: (examples, features).
        sides: -1 or 1 (examples,).
    """
    features = rows.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sides * (rows @ values[:features] + values[features])
        pull = -sides * np.exp(-np.logaddexp(0, margin))
        gradient = np.append(rows.T @ pull + values[:features], pull.sum())
        return float(np.logaddexp(0, -margin).sum() + values[:features] @ values[:features] / 2), gradient

    found = optimize.minimize(loss, np.zeros(features + 1), jac=True, method="L-BFGS-B")
    return found.x[:features], float(found.x[features])


def median_distance(vectors: np.ndarray) -> float:
    """The median of the distances between vectors (n, hidden): the width of the kernel for all pairs of data sets."""
    return float(np.median(pdist(vectors)))


def mmd(one: np.ndarray, other: np.ndarray, width: float) -> float:
    """Squared maximum mean discrepancy of vectors (n, hidden) and (m, hidden), without bias, so it may be below 0.

    The kernel is exp(-d^2 / (2 width^2)); Gretton et al., A Kernel Two-Sample Test, JMLR 13 (2012), equation 3.
    """
    own, theirs, between = (np.exp(-cdist(a, b, "sqeuclidean") / (2 * width**2))
                            for a, b in ((one, one), (other, other), (one, other)))  # fmt: skip
    n, m = len(one), len(other)
    return float((own.sum() - n) / (n * (n - 1)) + (theirs.sum() - m) / (m * (m - 1)) - 2 * between.mean())


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """1 less the cosine of the means of vectors (n, hidden) and (m, hidden)."""
    a, b = one.mean(axis=0), other.mean(axis=0)
    return float(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _entropy(p: np.ndarray) -> float:
    return float(-np.sum(p * np.log2(p, where=p > 0, out=np.zeros_like(p))))


def _rows(windows: Sequence[Counter[str]], types: dict[str, int]) -> sparse.csr_matrix:
    """Word counts of windows as rows of length 1; words that are not in `types` are left out."""
    places, counts, starts = [], [], [0]
    for window in windows:
        known = [(types[name], count) for name, count in window.items() if name in types]
        length = np.linalg.norm([count for _, count in known]) if known else 1.0
        places += [place for place, _ in known]
        counts += [count / length for _, count in known]
        starts.append(len(places))
    return sparse.csr_matrix((counts, places, starts), shape=(len(windows), len(types)), dtype=np.float64)


def _sides(one: Sequence[Counter[str]], other: Sequence[Counter[str]]) -> np.ndarray:
    return np.array([-1.0] * len(one) + [1.0] * len(other))
