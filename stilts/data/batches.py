"""The global batch of an optimizer step, its share for each rank, and padded tensors.

Which rows a step trains on is a pure function of (seed, step): the world size, the ZeRO stage and the micro-batch
only decide where a row is computed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch

from stilts.data.store import PreparedSet
from stilts.formats.base import Feature, Format

PAD_TO = 8  # tokens: keeps matrix shapes friendly to tensor cores

Batch = dict[str, torch.Tensor]
"""`input_ids`, `attention_mask`, maybe `token_type_ids` and the format's token columns (batch, length), its row
columns and `weight` (batch,); weight 0 marks an empty slot."""


class TrainingRows:
    """All training rows of one task, over its languages, in a fresh seeded order each epoch.

    Args:
        task: task id; with the seed it names the random stream.
        sets: prepared sets, concatenated.
        batch_size: rows an optimizer step.
        seed: the run's seed.
    """

    def __init__(self, task: str, sets: Sequence[PreparedSet], batch_size: int, seed: int) -> None:
        self.task, self.sets, self.batch_size = task, list(sets), batch_size
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

    def __getitem__(self, row: int) -> Feature:
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        feature: Feature = self.sets[part].rows[int(row - self._starts[part])]
        return feature


def accumulation_steps(batch_size: int, micro_batch_size: int, ranks: int) -> int:
    """Micro-batches that every rank runs in one optimizer step."""
    return -(-batch_size // (micro_batch_size * ranks))


def share(rows: np.ndarray, lengths: np.ndarray, rank: int, ranks: int, micro_batch_size: int) -> np.ndarray:
    """This rank's rows as (micro-batches, micro_batch_size), -1 in empty slots; the same shape on every rank.

    Rows are dealt out in order of length, so that ranks and micro-batches carry like amounts of tokens.
    """
    micro_batches = accumulation_steps(len(rows), micro_batch_size, ranks)
    slots = np.full(micro_batches * micro_batch_size * ranks, -1, dtype=np.int64)
    slots[: len(rows)] = rows[np.argsort(lengths, kind="stable")]
    return slots[rank::ranks].reshape(micro_batches, micro_batch_size)


def collate(rows: Sequence[Feature], form: Format, pad_token: int, weights: Sequence[float] | None = None) -> Batch:
    """Pad `rows` on the right to the longest (a multiple of 8) and stack them."""
    longest = -(-max(len(row["input_ids"]) for row in rows) // PAD_TO) * PAD_TO

    def stack(name: str, pad: int) -> torch.Tensor:
        out = np.full((len(rows), longest), pad, dtype=np.int64)
        for i, row in enumerate(rows):
            out[i, : len(row[name])] = row[name]
        return torch.from_numpy(out)

    batch = {"input_ids": stack("input_ids", pad_token)}
    used = torch.tensor([len(row["input_ids"]) for row in rows])
    batch["attention_mask"] = (torch.arange(longest)[None, :] < used[:, None]).long()
    if "token_type_ids" in rows[0]:
        batch["token_type_ids"] = stack("token_type_ids", 0)
    for name, pad in form.token_columns.items():
        if name in rows[0]:
            batch[name] = stack(name, pad)
    for name in form.row_columns:
        if name in rows[0]:
            batch[name] = torch.tensor([row[name] for row in rows])
    batch["weight"] = torch.tensor([1.0] * len(rows) if weights is None else list(weights), dtype=torch.float32)
    return batch


def micro_batches(rows: TrainingRows, slots: np.ndarray, form: Format, pad_token: int) -> Iterator[Batch]:
    """The padded micro-batches of one rank; an empty slot repeats a row with weight 0."""
    filled = slots[slots >= 0]
    spare = int(filled[0]) if len(filled) else 0
    for micro in slots:
        features = [rows[int(row) if row >= 0 else spare] for row in micro]
        yield collate(features, form, pad_token, [float(row >= 0) for row in micro])


def to_device(batch: Mapping[str, torch.Tensor], device: torch.device) -> Batch:
    """The batch on `device`."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
