"""The rows of masked LM: many languages of very different size, each row's language drawn by itself."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from stilts.config import Mlm
from stilts.data.batches import TrainingRows
from stilts.data.store import PreparedSet
from stilts.tasks.text import MLM

_CHUNK = 16384  # positions of the stream that are drawn at once
_STREAM = 0x7E47  # keeps the stream of languages apart from the permutations of the same seed


def training_rows(task: str, sets: Sequence[PreparedSet], batch_size: int, seed: int, mlm: Mlm | None) -> TrainingRows:
    """The rows of a task in a run with these `mlm` settings."""
    if task == MLM.name and mlm is not None:
        return TextRows(task, sets, batch_size, seed, mlm.exponent)
    return TrainingRows(task, sets, batch_size, seed)


class TextRows(TrainingRows):
    """Rows of which a language with n rows gives the share n^exponent / sum over the languages of n^exponent.

    So XLM-R samples its languages (Conneau et al. 2020, section 3.1; 0.3 there): 1 is by size, 0 gives all the same.
    Position p of the endless stream of rows takes its language from a seeded stream, and of that language the next row
    of its own seeded permutation; small languages begin a new permutation when others are in their first. Batches mix
    languages, as fairseq's `multilingual_masked_lm` does. All of it is a pure function of (seed, position).

    Args:
        task, sets, batch_size, seed: as for `TrainingRows`; one set a language.
        exponent: see above.
    """

    def __init__(self, task: str, sets: Sequence[PreparedSet], batch_size: int, seed: int, exponent: float) -> None:
        super().__init__(task, sets, batch_size, seed)
        sizes = np.asarray([len(s) for s in self.sets], dtype=np.float64)
        self.shares = sizes**exponent / (sizes**exponent).sum()
        self._name = zlib.crc32(task.encode())
        self._language = np.zeros(0, dtype=np.int16)
        self._before = np.zeros(0, dtype=np.int64)
        self._counts = np.zeros(len(self.sets), dtype=np.int64)
        self._permutation = lru_cache(maxsize=len(self.sets) + 2)(self._permuted)

    def batch(self, occurrence: int) -> np.ndarray:
        """Row numbers of this task's batch number `occurrence` (from 0)."""
        first = occurrence * self.batch_size
        self._draw_up_to(first + self.batch_size)
        rows = np.empty(self.batch_size, dtype=np.int64)
        for i in range(self.batch_size):
            part, turn = int(self._language[first + i]), int(self._before[first + i])
            epoch, place = divmod(turn, len(self.sets[part]))
            rows[i] = self._starts[part] + self._permutation(part, epoch)[place]
        return rows

    def _permuted(self, part: int, epoch: int) -> np.ndarray:
        generator = np.random.default_rng([self.seed, self._name, epoch, part])
        return generator.permutation(len(self.sets[part])).astype(np.int32)

    def _draw_up_to(self, positions: int) -> None:
        """Draw languages, and how often each came before, of at least so many positions."""
        while len(self._language) < positions:
            generator = np.random.default_rng([self.seed, self._name, _STREAM, len(self._language)])
            drawn = generator.choice(len(self.sets), size=_CHUNK, p=self.shares).astype(np.int16)
            before = np.empty(_CHUNK, dtype=np.int64)
            for part in range(len(self.sets)):
                here = np.flatnonzero(drawn == part)
                before[here] = self._counts[part] + np.arange(len(here))
                self._counts[part] += len(here)
            self._language = np.concatenate([self._language, drawn])
            self._before = np.concatenate([self._before, before])
