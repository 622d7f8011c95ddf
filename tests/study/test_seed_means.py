"""The standard deviation over seeds against the standard library's and exact arithmetic."""

from __future__ import annotations

import statistics
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts.study.seed_means import stdev

POINTS = st.lists(st.floats(0, 100, allow_subnormal=True), min_size=2, max_size=15)


def variance(values):
    exact = [Fraction(value) for value in values]
    center = sum(exact) / len(exact)
    return sum((value - center) ** 2 for value in exact) / (len(exact) - 1)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="rounded once from Python 3.11 on")
@given(POINTS)
def test_it_is_the_standard_librarys(values):
    assert stdev(values) == statistics.stdev(values)


@given(POINTS)
def test_it_is_the_nearest_number_to_the_exact_root(values):
    found, exact = Fraction(stdev(values)), variance(values)
    step = max(found / 2**52, Fraction(1, 2**1074))
    assert max(found - step, Fraction(0)) ** 2 <= exact <= (found + step) ** 2


@pytest.mark.parametrize(
    ("values", "expected"), [([50.0, 50.0, 50.0], 0.0), ([1.0, 3.0], 2**0.5), ([0.0, 5e-324], 5e-324), ([0.0] * 5, 0.0)]
)
def test_at_the_edges(values, expected):
    assert stdev(values) == expected
