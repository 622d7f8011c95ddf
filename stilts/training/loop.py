"""The training loop: which rows, which rate, one optimizer step after another, validation and checkpoints."""

from __future__ import annotations

import json
import logging
import math
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from stilts.files import write_text
from stilts.formats.base import Format
from stilts.formats.batch import Batch
from stilts.training import checkpoint
from stilts.training.averaging import averaged_steps
from stilts.training.checkpoint import TrainingState
from stilts.training.engine import set_learning_rate
from stilts.training.joint import pulls
from stilts.training.monitor import Board, Progress, Rate, memory
from stilts.training.schedule import learning_rate

HEARTBEAT = 10.0  # seconds between status.json updates, at least


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step did.

    Attributes:
        task: the step's task.
        loss: mean over the units of the global batch.
        tokens: tokens of the global batch, over all ranks.
        grad_norm: of the whole gradient before clipping, or None where DeepSpeed keeps no record.
        micro_batches: forward passes of each rank.
        imbalance: tokens of the fullest rank over the mean, less 1.
    """

    task: str
    loss: float
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
        bad_batch: file that names the rows of a step whose loss is not finite.
        rate_of: task -> factor of the schedule's learning rate in its steps; 1 for tasks that are not named.
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
        bad_batch: Path | None = None,
        rate_of: Mapping[str, float] | None = None,
    ) -> None:
        self.engine, self.training, self.rows, self.mixture = engine, training, rows, mixture
        self.steps, self.seed, self.world, self.bad_batch = steps, seed, world, bad_batch
        self.rate_of = dict(rate_of or {})
        self.formats: dict[str, Format] = engine.module.formats
        self.cost = engine.module.cost(budget)

    def step(self, number: int) -> StepResult:
        """Optimizer step `number` (from 0) on exactly the configured global batch of one task.

        Raises StiltsError before anything is updated where ranks disagree or the loss is not finite.
        """
        task, occurrence = self.mixture.at(number)
        numbers = self.rows[task].batch(occurrence)
        shares = share(self.rows[task].lengths[numbers], self.world.size, self.cost)
        batches = micro_batches(self.rows[task], occurrence, shares[self.world.rank], self.formats[task])
        units = self._agree(number, task, numbers, batches)
        set_learning_rate(self.engine, self.rate(number, task))
        total = self._accumulate(number, task, batches, shares[self.world.rank], units)
        tokens = sum(batch.tokens for batch in batches if float(batch.weight[0]))
        done = self.world.all_gather([float(total), tokens])
        loss, every = float(done[:, 0].sum()), int(done[:, 1].sum())
        if not math.isfinite(loss):
            raise self._not_finite(number, task, numbers, loss)
        self.engine.step()
        fullest = float(done[:, 1].max()) * self.world.size / max(every, 1) - 1
        return StepResult(task, loss, every, self._grad_norm(), len(batches), fullest)

    def rate(self, number: int, task: str) -> float:
        """The learning rate of step `number`, which trains on `task`."""
        return learning_rate(self.training, number, self.steps) * self.rate_of.get(task, 1.0)

    def _accumulate(
        self, number: int, task: str, batches: list[Batch], pieces: list[list[int]], units: float
    ) -> torch.Tensor:
        """Forward and backward of this rank's micro-batches, `pieces` of the batch; returns its part of the loss.

        A loss that compares rows takes two passes, unless all rows of the batch are in one micro-batch.
        """
        total = torch.zeros((), device=self.world.device)
        self.engine.train()
        seeds = [_mix(self.seed, number, self.world.rank, index) for index in range(len(batches))]
        asks: list[dict[str, Any]] = [{"normaliser": units}] * len(batches)
        if self.formats[task].joint and self.world.size * len(batches) > 1:
            rows = self.rows[task].batch_size
            found = pulls(self.engine.module, task, batches, pieces, rows, units, seeds, self.world)
            asks = [{"pull": pull} for pull in found]
        for index, batch in enumerate(batches):
            # the count changes from step to step, so DeepSpeed is told rather than left to count
            self.engine.set_gradient_accumulation_boundary(index == len(batches) - 1)
            torch.manual_seed(seeds[index])
            loss = self.engine(batch.to(self.world.device), head=task, **asks[index])
            total += loss.detach()
            # DeepSpeed averages over ranks; the loss is a sum over the global batch divided once
            self.engine.backward(loss * self.world.size)
        return total

    def _agree(self, number: int, task: str, numbers: np.ndarray, batches: list[Batch]) -> float:
        """Units of the global batch; StiltsError if ranks would train on different tasks, rows or micro-batches."""
        form = self.formats[task]
        units = sum(float((form.units(batch) * batch.weight).sum()) for batch in batches)
        mark = zlib.crc32(f"{number} {task} {len(batches)} ".encode() + numbers.tobytes())
        seen = self.world.all_gather([mark, units])
        if (seen[:, 0] != mark).any():
            raise StiltsError(f"ranks disagree about step {number}: they read different features; run prepare again")
        return float(seen[:, 1].sum())

    def _not_finite(self, number: int, task: str, numbers: np.ndarray, loss: float) -> StiltsError:
        if self.bad_batch is not None and self.world.main:
            ids = self.rows[task].example_ids(numbers)
            write_text(self.bad_batch, json.dumps({"step": number, "task": task, "examples": ids}, indent=1))
        return StiltsError(
            f"the loss of step {number} (task {task}) is {loss}; nothing was updated, the batch is named in "
            f"{self.bad_batch}: lower the learning rate, or use bf16 or fp32"
        )

    def _grad_norm(self) -> float | None:
        norm = self.engine.get_global_grad_norm()  # None without ZeRO in fp32: DeepSpeed clips there without a record
        return None if norm is None else float(norm)


@dataclass
class Loop:
    """Everything around the steps: resume point, validation, checkpoints, log, board and heartbeat.

    Attributes:
        validate: returns the selection score in points on every rank, or None where nothing is chosen.
        keep_best: exports the model after `state.step` steps as the best so far.
        keep_for_average: keeps the weights after a step that the exported mean is made of.
        heartbeat: writes status.json on rank 0.
    """

    trainer: Trainer
    checkpoints: Path
    log: logging.Logger
    board: Board
    validate: Callable[[int], float] | None
    keep_best: Callable[[int], None]
    keep_for_average: Callable[[int], None]
    heartbeat: Callable[[int, float, float], None]

    def run(self, state: TrainingState) -> TrainingState:
        """Train from `state` to the last step, or until validation has been bad for `patience` times."""
        trainer, training, steps = self.trainer, self.trainer.training, self.trainer.steps
        rate, last_beat, loss_sum, since = Rate(), 0.0, 0.0, 0
        progress = Progress("training", steps, trainer.world.main)
        averaged = averaged_steps(training, steps)
        for number in range(state.step, steps):
            result = trainer.step(number)
            state = replace(state, step=number + 1)
            rate.add(result.tokens, training.batch_size or 0)
            loss_sum, since = loss_sum + result.loss, since + 1
            self.board.scalars(state.step, {f"train/loss/{result.task}": result.loss, "train/loss": result.loss})
            if state.step % training.log_every == 0 or state.step == steps or time.monotonic() - last_beat > HEARTBEAT:
                self._report(state.step, result, loss_sum / since, rate.take())
                last_beat, loss_sum, since = time.monotonic(), 0.0, 0
            progress.advance(state.step, f"loss {result.loss:.3f}")
            if self.validate and (state.step % training.validate_every == 0 or state.step == steps):
                state = self._validated(state)
                if training.patience and state.bad_validations >= training.patience:
                    self.log.info("step %d: no better validation for %d times: stop", state.step, training.patience)
                    break
            if state.step in averaged:
                self.keep_for_average(state.step)
            if training.save_every and state.step % training.save_every == 0 and state.step < steps:
                checkpoint.save(trainer.engine, self.checkpoints, state, trainer.world)
        progress.close()
        return state

    def _validated(self, state: TrainingState) -> TrainingState:
        assert self.validate is not None
        score = self.validate(state.step)
        if state.best_score is None or score > state.best_score:
            self.keep_best(state.step)
            return replace(state, best_score=score, best_step=state.step, bad_validations=0)
        return replace(state, bad_validations=state.bad_validations + 1)

    def _report(self, step: int, result: StepResult, loss: float, speed: tuple[float, float]) -> None:
        training, steps, world = self.trainer.training, self.trainer.steps, self.trainer.world
        rate = self.trainer.rate(step - 1, result.task)
        tokens, rows = speed
        left = (steps - step) * (training.batch_size or 0) / max(rows, 1e-9)
        self.log.info(
            "step %d/%d  %s  loss %.4f  lr %.2e  %.0f tokens/s  %s left",
            step,
            steps,
            result.task,
            loss,
            rate,
            tokens,
            _clock(left),
        )
        values = {"train/learning_rate": rate}
        if result.grad_norm is not None:
            values["train/grad_norm"] = result.grad_norm
        values |= {"perf/tokens_per_second": tokens, "perf/examples_per_second": rows, **memory(world.device)}
        values |= {"perf/micro_batches": result.micro_batches, "perf/imbalance": result.imbalance}
        values["health/finite"] = 1.0
        if hasattr(self.trainer.engine, "skipped_steps"):
            values["health/skipped_steps"] = float(self.trainer.engine.skipped_steps)
        self.board.scalars(step, values)
        self.heartbeat(step, loss, tokens)


def _mix(*numbers: int) -> int:
    """One seed from several numbers; the same everywhere, different for neighbours."""
    return zlib.crc32(repr(numbers).encode()) | (zlib.crc32(repr(numbers[::-1]).encode()) << 31)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"
