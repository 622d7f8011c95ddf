"""Which rows a step trains on, and where."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stilts.config import Sampling
from stilts.data.batches import TrainingRows, accumulation_steps, collate, micro_batches, share
from stilts.data.mixture import Mixture, task_shares
from stilts.formats.tagging import TaggingFormat


class FakeSet:
    """A prepared set in memory: row i holds i + 1 tokens, all of them i."""

    manifest: ClassVar[dict[str, Any]] = {}

    def __init__(self, count: int, first: int = 0) -> None:
        self.rows = [{"input_ids": [first + i] * (i + 1), "labels": [0] * (i + 1), "example": i} for i in range(count)]
        self.lengths = np.arange(1, count + 1, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.rows)


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
    assert [rows[i]["input_ids"][0] for i in range(5)] == [0, 1, 2, 100, 101]


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 7))
def test_ranks_share_a_batch_without_loss_and_run_the_same_number_of_micro_batches(
    batch: int, ranks: int, micro: int
) -> None:
    numbers, lengths = np.arange(batch) + 5, np.random.default_rng(0).integers(1, 50, batch)
    parts = [share(numbers, lengths, rank, ranks, micro) for rank in range(ranks)]
    assert {part.shape for part in parts} == {(accumulation_steps(batch, micro, ranks), micro)}
    together = np.concatenate([part.ravel() for part in parts])
    assert sorted(together[together >= 0]) == sorted(numbers)


def test_padding_and_empty_slots() -> None:
    rows = rows_of(FakeSet(3))
    batches = list(micro_batches(rows, np.array([[2, 1], [0, -1]]), TaggingFormat(), pad_token=9))
    assert [batch["weight"].tolist() for batch in batches] == [[1, 1], [1, 0]]
    first = batches[0]
    assert first["input_ids"].shape == (2, 8), "padded to a multiple of 8"
    assert first["input_ids"][1].tolist() == [1, 1, 9, 9, 9, 9, 9, 9]
    assert first["attention_mask"].sum(1).tolist() == [3, 2]
    assert first["labels"][1].tolist() == [0, 0, *[-100] * 6]
    assert collate([rows[0]], TaggingFormat(), 9)["weight"].dtype == torch.float32


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
