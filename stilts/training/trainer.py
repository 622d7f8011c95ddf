"""One optimizer step after another: which rows, which rate, and whether all ranks are well."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stilts.config import Training
from stilts.data.balance import share
from stilts.data.batches import TrainingRows, micro_batches
from stilts.data.mixture import Mixture
from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.formats.base import Format
from stilts.formats.batch import Batch
from stilts.training import stopping
from stilts.training.engine import set_learning_rate
from stilts.training.health import BadBatches, drop_gradients, gradient_is_finite
from stilts.training.joint import pulls
from stilts.training.schedule import learning_rate
from stilts.training.stopping import Votes


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step did.

    Attributes:
        task: the step's task.
        loss: mean over the units of the global batch.
        problem: why the step was dropped and nothing updated, in one line; None for a good step.
        tokens: tokens of the global batch, over all ranks.
        grad_norm: of the whole gradient before clipping, or None where DeepSpeed keeps no record.
        micro_batches: forward passes of each rank.
        imbalance: tokens of the fullest rank over the mean, less 1.
    """

    task: str
    loss: float
    problem: str | None
    tokens: int
    grad_norm: float | None
    micro_batches: int
    imbalance: float


class Trainer:
    """Runs the optimizer steps of one run. All methods are collectives.

    Args:
        engine: DeepSpeed engine around a `MultiTaskModel`.
        training: resolved settings.
        rows: training rows by task; `mixture` names one of them at every step.
        steps: optimizer steps of the whole run.
        seed: the run's seed.
        budget: tokens of a micro-batch.
        bad_batches: file that names the rows of steps that were dropped.
        rate_of: task -> factor of the schedule's learning rate in its steps; 1 for tasks that are not named.
        votes: of the ranks, about stopping.
        decay_from: step from which the learning rate falls, where it is not the end of the warm-up.
    """

    def __init__(
        self,
        engine: Any,
        training: Training,
        rows: dict[str, TrainingRows],
        mixture: Mixture,
        steps: int,
        seed: int,
        budget: int,
        world: World,
        bad_batches: Path,
        rate_of: Mapping[str, float] | None = None,
        votes: Votes | None = None,
        decay_from: int | None = None,
    ) -> None:
        self.engine, self.training, self.rows, self.mixture = engine, training, rows, mixture
        self.steps, self.seed, self.world, self.decay_from = steps, seed, world, decay_from
        self.bad, self.votes = BadBatches(bad_batches, world), votes or Votes(world)
        self.rate_of = dict(rate_of or {})
        self.formats: dict[str, Format] = engine.module.formats
        self.cost = engine.module.cost(budget)
        self._vote_every = 1  # micro-batches; known better after the first step

    def step(self, number: int) -> StepResult:
        """Optimizer step `number` (from 0) on exactly the configured global batch of one task.

        A loss or gradient that is not finite on any rank drops the step on all of them, and `problem` says so.

        Raises:
            Stopped: the ranks voted to stop; nothing was updated.
            StiltsError: ranks disagree about the step; nothing was updated.
        """
        task, occurrence = self.mixture.at(number)
        numbers = self.rows[task].batch(occurrence)
        shares = share(self.rows[task].lengths[numbers], self.world.size, self.cost)
        pieces = shares[self.world.rank]
        batches = micro_batches(self.rows[task], occurrence, pieces, self.formats[task])
        units = self._agree(number, task, numbers, batches)
        set_learning_rate(self.engine, self.rate(number, task))
        began = time.monotonic()
        losses = self._accumulate(number, task, batches, pieces, units)
        mine = math.fsum(losses)
        tokens = sum(batch.tokens for batch in batches if float(batch.weight[0]))
        done = self.world.all_gather([mine, tokens, (time.monotonic() - began) / len(batches)])
        self._vote_every = max(1, int(stopping.VOTE_SECONDS / float(done[:, 2].max())))
        loss, every = float(done[:, 0].sum()), int(done[:, 1].sum())
        bad = self._update(loss)
        ids = [self.rows[task].example_ids(numbers[list(piece)]) for piece in pieces] if bad else []
        problem = self.bad.add(number + 1, task, bad, losses, ids) if bad else None
        norm = None if bad else self._grad_norm()
        fullest = float(done[:, 1].max()) * self.world.size / max(every, 1) - 1
        return StepResult(task, loss, problem, every, norm, len(batches), fullest)

    def rate(self, number: int, task: str) -> float:
        """The learning rate of step `number`, which trains on `task`."""
        return learning_rate(self.training, number, self.steps, self.decay_from) * self.rate_of.get(task, 1.0)

    def _accumulate(
        self, number: int, task: str, batches: list[Batch], pieces: list[list[int]], units: float
    ) -> list[float]:
        """Forward and backward of this rank's micro-batches, `pieces` of the batch; each one's part of the loss.

        A loss that compares rows takes two passes, unless all rows of the batch are in one micro-batch.
        """
        losses = []
        self.engine.train()
        seeds = [_mix(self.seed, number, self.world.rank, index) for index in range(len(batches))]
        asks: list[dict[str, Any]] = [{"normaliser": units}] * len(batches)
        if self.formats[task].joint and self.world.size * len(batches) > 1:
            rows = self.rows[task].batch_size
            found = pulls(self.engine.module, task, batches, pieces, rows, units, seeds, self.world)
            asks = [{"pull": pull} for pull in found]
        for index, batch in enumerate(batches):
            if index and index % self._vote_every == 0:
                self.votes.check(f"within step {number + 1}")
            # the count changes from step to step, so DeepSpeed is told rather than left to count
            self.engine.set_gradient_accumulation_boundary(index == len(batches) - 1)
            torch.manual_seed(seeds[index])
            loss = self.engine(batch.to(self.world.device), head=task, **asks[index])
            losses.append(loss.detach())
            # DeepSpeed averages over ranks; the loss is a sum over the global batch divided once
            self.engine.backward(loss * self.world.size)
        return [float(loss) for loss in losses]

    def _update(self, loss: float) -> str | None:
        """Take the optimizer's step, or drop it where loss or gradient is not finite: then says which of the two."""
        if not math.isfinite(loss):
            drop_gradients(self.engine)
            return "loss"
        if not gradient_is_finite(self.engine):
            drop_gradients(self.engine)
            return "gradient"
        self.engine.step()
        # in fp16 a gradient that overflows is the loss scale's matter: DeepSpeed lowers it
        dropped = not self.engine.was_step_applied() and self.training.precision != "fp16"
        return "gradient" if dropped else None

    def _agree(self, number: int, task: str, numbers: np.ndarray, batches: list[Batch]) -> float:
        """Units of the global batch; StiltsError if ranks would train on different tasks, rows or micro-batches."""
        form = self.formats[task]
        units = sum(float((form.units(batch) * batch.weight).sum()) for batch in batches)
        mark = zlib.crc32(f"{number} {task} {len(batches)} ".encode() + numbers.tobytes())
        seen = self.world.all_gather([mark, units, self.votes.mine()])
        self.votes.count(seen[:, 2].tolist(), f"before step {number + 1}")
        if (seen[:, 0] != mark).any():
            raise StiltsError(f"ranks disagree about step {number}: they read different features; run prepare again")
        return float(seen[:, 1].sum())

    def _grad_norm(self) -> float | None:
        norm = self.engine.get_global_grad_norm()  # None without ZeRO in fp32: DeepSpeed clips there without a record
        return None if norm is None else float(norm)


def _mix(*numbers: int) -> int:
    """One seed from several numbers; the same everywhere, different for neighbours."""
    return zlib.crc32(repr(numbers).encode()) | (zlib.crc32(repr(numbers[::-1]).encode()) << 31)
