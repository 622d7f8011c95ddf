"""F1 of sentence pairs, against the definition and XTREME's mock data."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stilts.errors import StiltsError
from stilts.metrics.bitext import pair_counts, pair_f1
from stilts.metrics.seqeval import f1_of_counts

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=9)


@given(PAIRS.filter(bool), PAIRS)
def test_as_precision_and_recall_define_it(gold, predicted) -> None:
    right = sum(pair in gold for pair in set(predicted))
    precision, recall = right / (len(set(predicted)) or 1), right / len(set(gold))
    wanted = 200 * precision * recall / (precision + recall) if right else 0.0
    assert pair_f1(gold, predicted) == pytest.approx(wanted)
    assert f1_of_counts(pair_counts(gold, predicted)) == pair_f1(gold, predicted)


def test_without_gold_there_is_nothing_to_score() -> None:
    assert pair_f1([("a", "x")], []) == 0
    with pytest.raises(StiltsError, match="no gold pairs"):
        pair_f1([], [("a", "x")])


def test_mock_data(real_data: Path) -> None:
    """What XTREME's evaluate.py prints for its own mock labels and predictions."""
    mock = real_data / "xtreme_mock_test_data"

    def pairs(path: Path) -> list[tuple[str, ...]]:
        return [tuple(line.split("\t")) for line in path.read_text().splitlines()]

    files = sorted((mock / "labels/bucc2018").iterdir())
    scores = [pair_f1(pairs(path), pairs(mock / "predictions/bucc2018" / path.name)) for path in files]
    assert len(scores) == 4
    assert fmean(scores) == pytest.approx(55.0, abs=1e-9)
