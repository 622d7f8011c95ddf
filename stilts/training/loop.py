"""The training loop: which rows, which rate, one optimizer step after another, validation and checkpoints."""

from __future__ import annotations

import logging
import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from stilts.config import Training
from stilts.data.batches import Batch, TrainingRows, micro_batches, share, to_device
from stilts.data.mixture import Mixture
from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.formats.base import Format
from stilts.training import checkpoint
from stilts.training.checkpoint import TrainingState
from stilts.training.engine import micro_batch_size, set_learning_rate
from stilts.training.monitor import Board, Progress, Rate, memory
from stilts.training.schedule import learning_rate

HEARTBEAT = 10.0  # seconds between status.json updates, at least


@dataclass(frozen=True)
class StepResult:
    """What one optimizer step did: mean loss over the global batch, real tokens, gradient norm before clipping."""

    task: str
    loss: float
    tokens: int
    grad_norm: float | None


class Trainer:
    """Runs the optimizer steps of one run. All methods are collectives.

    Args:
        engine: DeepSpeed engine around a `MultiTaskModel`.
        training: resolved settings.
        rows: training rows by task; `mixture` names one of them at every step.
        steps: optimizer steps of the whole run.
        seed: the run's seed.
        pad_token: the tokenizer's padding id.
    """

    def __init__(
        self,
        engine: Any,
        training: Training,
        rows: dict[str, TrainingRows],
        mixture: Mixture,
        steps: int,
        seed: int,
        pad_token: int,
        world: World,
    ) -> None:
        self.engine, self.training, self.rows, self.mixture = engine, training, rows, mixture
        self.steps, self.seed, self.pad_token, self.world = steps, seed, pad_token, world
        self.formats: dict[str, Format] = engine.module.formats
        self._micro = micro_batch_size(training, world.size)

    def step(self, number: int) -> StepResult:
        """Optimizer step `number` (from 0) on exactly the configured global batch of one task."""
        task, occurrence = self.mixture.at(number)
        rows, form = self.rows[task], self.formats[task]
        numbers = rows.batch(occurrence)
        slots = share(numbers, rows.lengths[numbers], self.world.rank, self.world.size, self._micro)
        batches = list(micro_batches(rows, slots, form, self.pad_token))
        units = self._agree(number, task, numbers.tobytes(), sum(_units(form, batch) for batch in batches))
        set_learning_rate(self.engine, learning_rate(self.training, number, self.steps))
        # DeepSpeed averages over ranks and micro-batches; the loss is a sum over the global batch divided once
        undo = self.world.size * len(batches)
        total = torch.zeros((), device=self.world.device)
        self.engine.train()
        for index, batch in enumerate(batches):
            torch.manual_seed(_mix(self.seed, number, self.world.rank, index))
            loss = self.engine(to_device(batch, self.world.device), head=task, normaliser=units)
            total += loss.detach()
            self.engine.backward(loss * undo)
            self.engine.step()
        tokens = sum(int((b["attention_mask"].sum(1) * (b["weight"] > 0)).sum()) for b in batches)
        done = self.world.all_gather([float(total), tokens]).sum(0)
        if not math.isfinite(float(done[0])):
            raise StiltsError(f"the loss of step {number} (task {task}) is {float(done[0])}: lower the learning rate")
        return StepResult(task, float(done[0]), int(done[1]), self._grad_norm())

    def _grad_norm(self) -> float | None:
        norm = self.engine.get_global_grad_norm()  # None without ZeRO in fp32: DeepSpeed clips there without a record
        return None if norm is None else float(norm)

    def _agree(self, number: int, task: str, rows: bytes, units: float) -> float:
        """Units of the global batch; StiltsError if ranks would train on different tasks or rows."""
        mark = zlib.crc32(f"{number} {task} ".encode() + rows)
        seen = self.world.all_gather([mark, units])
        if (seen[:, 0] != mark).any():
            raise StiltsError(f"ranks disagree about step {number}: they read different features; run prepare again")
        return float(seen[:, 1].sum())


@dataclass
class Loop:
    """Everything around the steps: resume point, validation, checkpoints, log, board and heartbeat.

    Attributes:
        validate: returns the selection score in points on every rank, or None where nothing is chosen.
        keep_best: exports the model after `state.step` steps as the best so far.
        heartbeat: writes status.json on rank 0.
    """

    trainer: Trainer
    checkpoints: Path
    log: logging.Logger
    board: Board
    validate: Callable[[int], float] | None
    keep_best: Callable[[int], None]
    heartbeat: Callable[[int, float, float], None]

    def run(self, state: TrainingState) -> TrainingState:
        """Train from `state` to the last step, or until validation has been bad for `patience` times."""
        trainer, training, steps = self.trainer, self.trainer.training, self.trainer.steps
        rate, last_beat, loss_sum, since = Rate(), 0.0, 0.0, 0
        progress = Progress("training", steps, trainer.world.main)
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
        rate = learning_rate(training, step - 1, steps)
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
        values["health/finite"] = 1.0
        if hasattr(self.trainer.engine, "skipped_steps"):
            values["health/skipped_steps"] = float(self.trainer.engine.skipped_steps)
        self.board.scalars(step, values)
        self.heartbeat(step, loss, tokens)


def _units(form: Format, batch: Batch) -> float:
    return float((form.units(batch) * batch["weight"]).sum())


def _mix(*numbers: int) -> int:
    """One seed from several numbers; the same everywhere, different for neighbours."""
    return zlib.crc32(repr(numbers).encode()) | (zlib.crc32(repr(numbers[::-1]).encode()) << 31)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"
