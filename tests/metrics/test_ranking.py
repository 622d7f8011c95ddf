"""Average precision against numbers worked out by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from stilts.errors import StiltsError
from stilts.metrics.ranking import average_precision, mean_average_precision


@pytest.mark.parametrize(
    ("right", "ranked", "depth", "wanted"),
    [
        ("ab", "abxy", 4, 1.0),
        ("ab", "axby", 4, (1 / 1 + 2 / 3) / 2),
        ("ab", "xyab", 2, 0.0),
        ("ab", "xaby", 2, (1 / 2) / 2),
        ("abc", "ab", 2, 1.0),  # no more than two could be there
        ("abc", "xa", 2, (1 / 2) / 2),
        ("a", "xxxa", 20, 1 / 4),
    ],
)
def test_by_hand(right: str, ranked: str, depth: int, wanted: float) -> None:
    assert average_precision(right, list(ranked), depth) == pytest.approx(wanted)


def test_by_brute_force() -> None:
    """The mean over right items of the share of right ones among all that are at least as high."""
    draw = np.random.default_rng(0)
    for _ in range(20):
        order, right = draw.permutation(50), set(draw.choice(50, size=8, replace=False).tolist())
        place = {int(item): rank for rank, item in enumerate(order, start=1)}
        above = [sum(place[other] <= place[item] for other in right) / place[item] for item in right]
        found = average_precision({str(item) for item in right}, [str(item) for item in order], 50)
        assert found == pytest.approx(np.mean(above))


def test_the_mean_counts_questions_without_a_ranking() -> None:
    right = {"q": ["a"], "r": ["a"], "s": ["a", "b"]}
    assert mean_average_precision(right, {"q": list("xa"), "s": list("ab"), "t": list("a")}, 20) == pytest.approx(50)
    with pytest.raises(StiltsError, match="no questions"):
        mean_average_precision({}, {"q": ["a"]}, 20)
