"""Which rows a step trains on, and where."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stilts.config import Sampling
from stilts.data.balance import Cost, share
from stilts.data.batches import TrainingRows, micro_batches
from stilts.data.mixture import Mixture, task_shares
from stilts.formats.batch import Packing
from stilts.formats.tagging import TaggingFormat


class FakeSet:
    """A prepared set in memory: row i holds i + 1 tokens, all of them i, one word of tag i."""

    manifest: ClassVar[dict[str, Any]] = {}

    def __init__(self, count: int, first: int = 0) -> None:
        self.rows = [
            {"input_ids": [first + i] * (i + 1), "labels": [i] + [-100] * i, "word": [0] + [-1] * i, "example": i}
            for i in range(count)
        ]
        self.lengths = np.arange(1, count + 1, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, numbers: list[int]) -> list[dict[str, Any]]:
        return [self.rows[number] for number in numbers]


def rows_of(*sets: FakeSet, batch_size: int = 4, seed: int = 1) -> TrainingRows:
    return TrainingRows("mnli", list(sets), batch_size, seed)  # type: ignore[arg-type]


def test_an_epoch_visits_every_row_once_and_batches_run_on_into_the_next() -> None:
    rows = rows_of(FakeSet(10), batch_size=4)
    seen = np.concatenate([rows.batch(n) for n in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))
    assert list(seen[:10]) != list(seen[10:20]), "each epoch has its own order"
    assert (rows.batch(3) == rows_of(FakeSet(10), batch_size=4).batch(3)).all()
    assert (rows.batch(0) != rows_of(FakeSet(10), batch_size=4, seed=2).batch(0)).any()


def test_sets_of_several_languages_are_one_task() -> None:
    rows = rows_of(FakeSet(3), FakeSet(2, first=100))
    assert [row["input_ids"][0] for row in rows.read([4, 0, 3, 1])] == [101, 0, 100, 1]


LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 5), st.integers(20, 2000), st.booleans())
def test_ranks_share_a_batch_without_loss_and_run_the_same_number_of_micro_batches(lengths, ranks, budget, padded):
    cost, sizes = Cost(64, budget, padded), np.asarray(lengths)
    parts = share(sizes, ranks, cost)
    assert len(parts) == ranks
    assert len({len(part) for part in parts}) == 1, "the same number on every rank"
    assert sorted(i for part in parts for piece in part for i in piece) == list(range(len(lengths)))
    for piece in (piece for part in parts for piece in part):
        computed = len(piece) * max(sizes[piece], default=0) if padded else sizes[piece].sum()
        assert computed <= budget or len(piece) == 1


@given(LENGTHS, st.integers(2, 4))
def test_no_rank_has_more_than_a_row_more_than_another(lengths, ranks) -> None:
    cost, sizes = Cost(64, 10**9), np.asarray(lengths)
    loads = [float(sum(cost.of(sizes[piece]).sum() for piece in part)) for part in share(sizes, ranks, cost)]
    assert max(loads) - min(loads) <= float(cost.of(sizes).max()) + 1e-6


def test_cost_counts_attention() -> None:
    cost = Cost(1024, 1)
    assert cost.of(np.array([512]))[0] == pytest.approx(512 * (1 + 512 / 6144))


def test_a_micro_batch_is_one_stream() -> None:
    rows = rows_of(FakeSet(3), batch_size=3)
    order = rows.batch(0).tolist()
    first, second = micro_batches(rows, 0, [[order.index(2), order.index(0)], []], TaggingFormat())
    assert first.inputs["input_ids"].tolist() == [2, 2, 2, 0]
    assert first.inputs["places"].tolist() == [0, 1, 2, 0]
    assert (first.packing.lengths, first.packing.offsets.tolist()) == ((3, 1), [0, 3, 4])
    assert first.outputs.tolist() == [0, 3], "of each row, the places where a word starts"
    assert (first.output_rows.tolist(), first.columns["labels"].tolist()) == ([0, 1], [2, 0])
    assert first.weight.tolist() == [1.0, 1.0]
    assert (second.inputs["input_ids"].tolist(), second.weight.tolist()) == ([0], [0.0]), "a rank without rows"
    assert first.sum_by_row(torch.tensor([3, 5])).tolist() == [3.0, 5.0]


def test_padding_for_models_that_need_it() -> None:
    index, mask = Packing.of([3, 1]).padded()
    assert index.tolist() == [[0, 1, 2], [3, 0, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False]]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling("proportional"), (0.9, 0.1)),
        (Sampling("uniform"), (0.5, 0.5)),
        (Sampling("capped", cap=300), (0.75, 0.25)),
        (Sampling("temperature", cap=400, temperature=2.0), (2 / 3, 1 / 3)),
        (Sampling("given", weights={"b": 1.0, "a": 3.0}), (0.75, 0.25)),
    ],
)
def test_shares(sampling: Sampling, expected: tuple[float, float]) -> None:
    assert tuple(task_shares(sampling, {"a": 900, "b": 100}).values()) == pytest.approx(expected)


def test_a_mixture_is_a_function_of_seed_and_step() -> None:
    short, long = Mixture({"a": 0.7, "b": 0.3}, 200, 5), Mixture({"a": 0.7, "b": 0.3}, 1000, 5)
    assert [short.at(n) for n in range(200)] == [long.at(n) for n in range(200)]
    counts = {"a": 0, "b": 0}
    for step in range(1000):
        task, before = long.at(step)
        assert before == counts[task]
        counts[task] += 1
    assert counts["a"] == pytest.approx(700, abs=60)
