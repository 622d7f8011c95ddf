"""The global batch of an optimizer step, and the packed micro-batches that it is computed in.

Which rows a step trains on is a pure function of (seed, step); `stilts.data.balance` decides where they are computed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from stilts.data.store import PreparedSet
from stilts.formats.base import Feature, Format
from stilts.formats.batch import Batch, Packing


class TrainingRows:
    """All training rows of one task, over its languages, in a fresh seeded order each epoch.

    Args:
        task: task id; with the seed it names the random stream.
        sets: prepared sets, concatenated.
        batch_size: rows an optimizer step.
        seed: the run's seed.
    """

    def __init__(self, task: str, sets: Sequence[PreparedSet], batch_size: int, seed: int) -> None:
        self.task, self.sets, self.batch_size, self.seed = task, list(sets), batch_size, seed
        self._starts = np.cumsum([0, *(len(s) for s in self.sets)])
        self.lengths = np.concatenate([s.lengths for s in self.sets])
        self._order = lru_cache(maxsize=2)(
            lambda epoch: np.random.default_rng([seed, zlib.crc32(task.encode()), epoch]).permutation(len(self))
        )

    def __len__(self) -> int:
        return int(self._starts[-1])

    def batch(self, occurrence: int) -> np.ndarray:
        """Row numbers of this task's batch number `occurrence` (from 0); a batch runs on into the next epoch."""
        first = occurrence * self.batch_size
        positions = np.arange(first, first + self.batch_size)
        return np.asarray([self._order(int(p // len(self)))[p % len(self)] for p in positions], dtype=np.int64)

    def read(self, rows: Sequence[int] | np.ndarray) -> list[Feature]:
        """The feature rows of these numbers, in order."""
        numbers = np.asarray(rows, dtype=np.int64)
        part = np.searchsorted(self._starts, numbers, side="right") - 1
        found: dict[int, Feature] = {}
        for index in np.unique(part):
            here = np.flatnonzero(part == index)
            features = self.sets[index].read((numbers[here] - self._starts[index]).tolist())
            found.update(zip(here.tolist(), features, strict=True))
        return [found[i] for i in range(len(numbers))]

    def fresh(self, places: Sequence[int], occurrence: int, form: Format) -> list[Feature]:
        """The rows at these places of batch `occurrence`, as the format draws them for it (`Format.fresh`)."""
        rows = self.read(self.batch(occurrence)[list(places)])
        stream = [self.seed, zlib.crc32(self.task.encode()), occurrence]
        return [
            form.fresh(row, np.random.default_rng([*stream, place])) for place, row in zip(places, rows, strict=True)
        ]

    def example_ids(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """The example ids of these rows, to name a batch to a person."""
        numbers = np.asarray(rows, dtype=np.int64)
        parts = np.searchsorted(self._starts, numbers, side="right") - 1
        chosen = [(self.sets[part], int(row - self._starts[part])) for part, row in zip(parts, numbers, strict=True)]
        return [prepared.examples[int(prepared.example_of_row[row])].id for prepared, row in chosen]


def collate(rows: Sequence[Feature], form: Format, weight: float = 1.0) -> Batch:
    """One stream of the rows' tokens, in order; every row has the same weight."""
    packing = Packing.of([int(size) for row in rows for size in row.get("sizes", (len(row["input_ids"]),))])
    starts = np.cumsum([0, *(len(row["input_ids"]) for row in rows)])
    names: list[str] = [name for name in ("input_ids", "token_type_ids") if name in rows[0]]
    inputs = {name: _stream(rows, name) for name in names}
    outputs = [np.asarray(form.outputs(row), dtype=np.int64) for row in rows]
    columns = {name: torch.tensor([row[name] for row in rows]) for name in form.row_columns if name in rows[0]}
    for name in form.output_columns:
        if name in rows[0]:
            values = [np.asarray(row[name], dtype=np.int64)[at] for row, at in zip(rows, outputs, strict=True)]
            columns[name] = torch.from_numpy(np.concatenate(values))
    return Batch(
        inputs={**inputs, "places": packing.places()},
        packing=packing,
        outputs=torch.from_numpy(np.concatenate([at + first for at, first in zip(outputs, starts[:-1], strict=True)])),
        output_rows=torch.from_numpy(np.repeat(np.arange(len(rows)), [len(at) for at in outputs])),
        columns=columns,
        weight=torch.full((len(rows),), weight, dtype=torch.float32),
    )


def micro_batches(rows: TrainingRows, occurrence: int, pieces: Sequence[Sequence[int]], form: Format) -> list[Batch]:
    """The micro-batches of one rank.

    Args:
        occurrence: which batch of `rows`.
        pieces: this rank's share of it: indices into the global batch. An empty piece becomes the batch's shortest row
            with weight 0, so that this rank takes part.
    """
    numbers = rows.batch(occurrence)
    shortest = int(np.argmin(rows.lengths[numbers]))
    wanted = [list(piece) or [shortest] for piece in pieces]
    features = iter(rows.fresh([i for piece in wanted for i in piece], occurrence, form))
    return [
        collate([next(features) for _ in piece], form, float(bool(given)))
        for piece, given in zip(wanted, pieces, strict=True)
    ]


def _stream(rows: Sequence[Feature], name: str) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([np.asarray(row[name], dtype=np.int64) for row in rows]))
