"""Bitext mining against bare exact search: neighbours both ways, margins and pairs in less than twice faiss' time.

    python benchmarks/bucc_search.py --sentences 20000 --hidden 1024 --rounds 3

Both do the same exact search for the 4 nearest in both directions, in turn in one process: `faiss.knn` twice, and
`stilts.evaluation.mining.best_pairs`, which also normalises, takes margins and chooses the pairs. The neighbours that
both find are compared for some.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import faiss
import numpy as np
import torch
from common import machine

from stilts.evaluation.mining import NEIGHBOURS, best_pairs, neighbours
from stilts.evaluation.search import unit

CHECKED = 4000  # sentences of either side whose neighbours are compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=20_000, help="of either side")
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    x, y = _corpora(asked.sentences, asked.hidden)
    ours, theirs = [], []
    for _ in range(asked.rounds):
        theirs.append(_seconds(lambda: _bare(x, y)))
        ours.append(_seconds(lambda: best_pairs(x, y)))
        print(f"faiss.knn both ways {theirs[-1]:.2f} s, best_pairs {ours[-1]:.2f} s", flush=True)
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    threads = torch.get_num_threads()
    print(f"{asked.sentences} x {asked.sentences}, {asked.hidden} dimensions, {threads} threads, {machine()}")
    print(f"median: faiss.knn both ways {statistics.median(theirs):.2f} s, best_pairs {statistics.median(ours):.2f} s, "
          f"ratio {ratio:.2f}")  # fmt: skip
    few = min(CHECKED, asked.sentences)
    for (_, found), wanted, side in zip(
        neighbours(x[:few], y[:few], NEIGHBOURS), _bare(x[:few], y[:few]), "xy", strict=True
    ):
        print(f"equal neighbours of the first {few} of {side}: {100 * (found == wanted).mean():.3f} %")


def _corpora(count: int, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the sentences have a translation, at a cosine of about 0.5."""
    draw = np.random.default_rng(0)
    x, y = (draw.standard_normal((count, hidden), dtype=np.float32) for _ in range(2))
    y[: count // 2] += x[: count // 2]
    return unit(x), unit(y)


def _bare(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there = faiss.knn(x, y, NEIGHBOURS, metric=faiss.METRIC_INNER_PRODUCT)[1]
    return there, faiss.knn(y, x, NEIGHBOURS, metric=faiss.METRIC_INNER_PRODUCT)[1]


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
