"""The standard deviation over seeds against the standard library's."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts.study.seed_means import stdev

POINTS = st.lists(st.floats(0, 100), min_size=2, max_size=15)


@given(POINTS)
def test_it_is_the_standard_librarys(values):
    assert stdev(values) == pytest.approx(statistics.stdev(values), rel=1e-12, abs=1e-12)


@given(POINTS, st.randoms())
def test_the_order_of_the_seeds_does_not_matter(values, random):
    other = list(values)
    random.shuffle(other)
    assert stdev(other) == stdev(values)


@given(st.floats(0, 100), st.integers(2, 15))
def test_equal_scores_differ_by_nothing(value, seeds):
    assert stdev([value] * seeds) == 0


def test_a_last_digit_is_seen():
    assert stdev([70.0, 70.0 + 2**-40]) == 2**-40.5
