"""Pooling and nearest neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stilts.errors import InputError, StiltsError
from stilts.evaluation.search import nearest, pool, ranked
from stilts.formats.batch import Packing


def test_pooling_keeps_sentences_apart_and_normalises() -> None:
    hidden, packing = torch.randn(8, 6), Packing.of([3, 5])
    mean = pool(hidden, packing, "mean")
    wanted = torch.nn.functional.normalize(torch.stack([hidden[:3].mean(0), hidden[3:].mean(0)]), dim=-1)
    torch.testing.assert_close(mean, wanted)
    torch.testing.assert_close(pool(hidden, packing, "cls"), torch.nn.functional.normalize(hidden[[0, 3]], dim=-1))
    assert pool(hidden.bfloat16(), packing, "mean").dtype == torch.float32
    with pytest.raises(InputError, match="mean or cls"):
        pool(hidden, packing, "max")


def test_nearest_by_cosine_not_by_length() -> None:
    candidates = np.array([[9.0, 9.0], [0.0, 1.0], [1.0, 0.0]])
    assert nearest(np.array([[0.1, 3.0], [5.0, 0.1], [1.0, 1.0]]), candidates).tolist() == [1, 2, 0]


def test_same_as_a_full_product() -> None:
    draw = np.random.default_rng(0)
    queries, candidates = draw.normal(size=(300, 32)), draw.normal(size=(1000, 32))
    unit = candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
    assert (nearest(queries, candidates) == (queries @ unit.T).argmax(axis=1)).all()


@pytest.mark.parametrize(("count", "copies"), [(40, 50), (1003, 3), (1003, 7)])
def test_ties_go_to_the_lowest_index(count, copies) -> None:
    """With 1,003 vectors of 384 numbers, faiss alone rounds some equal candidates differently and prefers a copy."""
    base = np.random.default_rng(0).normal(size=(count, 384)).astype(np.float32)
    assert nearest(base, np.concatenate([base] * copies)).tolist() == list(range(count))
    assert nearest(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0], [1.0, -1.0]]))[0] == 0


def test_a_ranking_is_that_of_a_full_product_with_equal_candidates_in_order() -> None:
    draw = np.random.default_rng(1)
    queries, base = draw.normal(size=(50, 16)), draw.normal(size=(200, 16)).astype(np.float32)
    candidates = np.concatenate([base, base[:150], base[:90]])  # up to three of each
    unit = base / np.linalg.norm(base, axis=1, keepdims=True)
    scores = (queries @ unit.T)[:, np.concatenate([np.arange(200), np.arange(150), np.arange(90)])]
    wanted = np.argsort(-scores, axis=1, kind="stable")
    for depth in (1, 20, 440):
        assert (ranked(queries, candidates, depth) == wanted[:, :depth]).all()
    assert ranked(queries, candidates[:3], 20).shape == (50, 3)


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(StiltsError, match="no candidates"):
        nearest(np.ones((1, 2)), np.ones((0, 2)))
    with pytest.raises(StiltsError, match="not finite"):
        nearest(np.array([[np.nan, 1.0]]), np.ones((3, 2)))
