"""Which tasks a benchmark averages, and in which groups."""

from __future__ import annotations

# XTREME: the groups of its paper and scorer. XTREME-R: as facts compute them; the upstream script lists xcopa twice and
# lareqa without languages, so its own overall number never computes.
BENCHMARKS: dict[str, dict[str, tuple[str, ...]]] = {
    "xtreme": {
        "classification": ("xnli", "pawsx"),
        "structured": ("udpos", "panx"),
        "question answering": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("bucc2018", "tatoeba"),
    },
    "xtreme_r": {
        "classification": ("xnli", "xcopa"),
        "structured": ("udpos", "panx"),
        "question answering": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("tatoeba", "lareqa", "mewslix"),
    },
}


def target_tasks(benchmark: str) -> tuple[str, ...]:
    """Names of all tasks of "xtreme" or "xtreme_r" in the groups' order."""
    return tuple(name for group in BENCHMARKS[benchmark].values() for name in group)
