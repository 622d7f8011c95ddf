"""The training loop: one optimizer step after another, what is due after each, and where a run can be stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from stilts.board.run_board import Board
from stilts.errors import StiltsError, Stopped
from stilts.training.averaging import averaged_steps
from stilts.training.checkpoint import Checkpoints, TrainingState, due
from stilts.training.health import Spikes
from stilts.training.monitor import Progress, Rate, memory
from stilts.training.record import ALIVE_EVERY
from stilts.training.trainer import StepResult, Trainer


@dataclass
class Loop:
    """Everything around the steps: resume point, validation, checkpoints, log, board and heartbeat.

    Attributes:
        validate: returns the selection score in points on every rank, or None where nothing is chosen.
        keep_best: exports the model after `state.step` steps as the best so far.
        keep_for_average: keeps the weights after a step that the exported mean is made of.
        heartbeat: writes status.json on rank 0.
        saved: called with the step of each checkpoint.
        watched: a context that ends the job when what is in it takes far too long.
        keep_snapshot: exports the model after a step of `snapshot_steps`.
        branch_steps: after which a checkpoint is saved, also after the last one.
    """

    trainer: Trainer
    checkpoints: Checkpoints
    log: logging.Logger
    board: Board
    validate: Callable[[int], float] | None
    keep_best: Callable[[int], None]
    keep_for_average: Callable[[int], None]
    heartbeat: Callable[[int, float, float], None]
    saved: Callable[[int], None] = lambda step: None
    watched: Callable[[], AbstractContextManager[None]] = nullcontext
    keep_snapshot: Callable[[int], None] = lambda step: None
    snapshot_steps: Sequence[int] = ()
    branch_steps: Sequence[int] = ()

    def run(self, state: TrainingState) -> TrainingState:
        """Train from `state` to the last step, or until validation has been bad for `patience` times.

        Raises:
            Stopped: the ranks voted to stop; the last completed step is saved.
            StiltsError: too many steps in a row were not finite, or a checkpoint cannot be written.
        """
        self._rate, self._last_beat, self._loss_sum, self._since = Rate(), 0.0, 0.0, 0
        self._spikes, self._saved = Spikes(), state.step
        self._averaged = averaged_steps(self.trainer.training, self.trainer.steps)
        progress = Progress("training", self.trainer.steps, self.trainer.world.main)
        try:
            if state.step:
                state = self._after(state)  # it may have been stopped before all that was due after this step was done
            while state.step < self.trainer.steps and not self._enough(state):
                with self.watched():
                    result = self.trainer.step(state.step)
                self.checkpoints.progress()
                state = self._counted(state, result)
                progress.advance(state.step, f"loss {result.loss:.3f}")
                state = self._after(state)
        except Stopped:  # before the step was updated, or in a validation: `state` is that of the last completed step
            self._save(state)
            self.checkpoints.settle()
            raise
        finally:
            progress.close()
        self.checkpoints.settle()
        return state

    def _counted(self, state: TrainingState, result: StepResult) -> TrainingState:
        """The state after a step, which is also logged."""
        training, steps = self.trainer.training, self.trainer.steps
        state = replace(state, step=state.step + 1)
        if result.problem is not None:
            return self._dropped(state, result.problem)
        state = replace(state, bad_in_a_row=0).with_loss(result.loss, steps)
        self._rate.add(result.tokens, training.batch_size or 0)
        self._loss_sum, self._since = self._loss_sum + result.loss, self._since + 1
        self.board.scalars(state.step, {f"train/loss/{result.task}": result.loss, "train/loss": result.loss})
        if self._spikes.is_spike(result.task, result.loss):
            self.log.warning("step %d: loss %.4f of %s is far above the usual", state.step, result.loss, result.task)
            self.board.scalars(state.step, {"health/loss_spike": result.loss})
        beat = time.monotonic() - self._last_beat > ALIVE_EVERY
        if state.step % training.log_every == 0 or state.step == steps or beat:
            self._report(state, result)
        return state

    def _dropped(self, state: TrainingState, problem: str) -> TrainingState:
        """The state after a step that was dropped on all ranks; StiltsError where it was one too many."""
        limit = self.trainer.training.max_bad_steps
        state = replace(state, bad_steps=state.bad_steps + 1, bad_in_a_row=state.bad_in_a_row + 1)
        self.log.warning("dropped, weights are untouched: %s", problem)
        self.board.scalars(state.step, {"health/skipped_steps": float(state.bad_steps), "health/finite": 0.0})
        if state.bad_in_a_row >= limit:
            self.checkpoints.settle()
            raise StiltsError(
                f"{state.bad_in_a_row} steps in a row were not finite (training.max_bad_steps {limit}): {problem}; "
                f"{self.trainer.bad.path} names the rows: lower the learning rate, or use bf16 or fp32"
            )
        return state

    def _after(self, state: TrainingState) -> TrainingState:
        """What is due after the last completed step, in an order that can be stopped and gone through again."""
        training, steps = self.trainer.training, self.trainer.steps
        if state.step in self._averaged:
            self.keep_for_average(state.step)
        if state.step in self.snapshot_steps:
            self.keep_snapshot(state.step)
        chosen = state.step % training.validate_every == 0 or state.step == steps
        if self.validate and chosen and state.validated < state.step:
            state = self._validated(state)
        if (due(training, state.step) and state.step < steps) or state.step in self.branch_steps:
            self._save(state)
        return state

    def _validated(self, state: TrainingState) -> TrainingState:
        assert self.validate is not None
        score = self.validate(state.step)
        state = replace(state, validated=state.step)
        if state.best_score is None or score > state.best_score:
            self.keep_best(state.step)
            state = replace(state, best_score=score, best_step=state.step, bad_validations=0)
            self.checkpoints.forget_bests(state)
            return state
        return replace(state, bad_validations=state.bad_validations + 1)

    def _enough(self, state: TrainingState) -> bool:
        """Whether validation has been bad for long enough."""
        patience = self.trainer.training.patience
        enough = bool(patience) and state.bad_validations >= patience
        if enough:
            self.log.info("step %d: no better validation for %d times: stop", state.step, patience)
        return enough

    def _save(self, state: TrainingState) -> None:
        """Save a step that is not saved yet."""
        if state.step > self._saved:
            began = time.monotonic()
            self.board.flush()  # a start that goes on from this step does not write what is before it
            self.checkpoints.save(self.trainer.engine, state)
            self._saved = state.step
            self.saved(state.step)
            self.log.info("step %d: written in %.1f s", state.step, time.monotonic() - began)

    def _report(self, state: TrainingState, result: StepResult) -> None:
        training, steps, step = self.trainer.training, self.trainer.steps, state.step
        loss, (tokens, rows) = self._loss_sum / self._since, self._rate.take()
        self._last_beat, self._loss_sum, self._since = time.monotonic(), 0.0, 0
        rate = self.trainer.rate(step - 1, result.task)
        left = _clock((steps - step) * (training.batch_size or 0) / max(rows, 1e-9))
        line = "step %d/%d  %s  loss %.4f  lr %.2e  %.0f tokens/s  %s left"
        self.log.info(line, step, steps, result.task, loss, rate, tokens, left)
        values = {"train/learning_rate": rate}
        if result.grad_norm is not None:
            values["train/grad_norm"] = result.grad_norm
        values |= {"perf/tokens_per_second": tokens, "perf/examples_per_second": rows}
        values |= {"perf/micro_batches": result.micro_batches, "perf/imbalance": result.imbalance}
        values |= {"health/finite": 1.0, "health/skipped_steps": float(state.bad_steps)}
        self.board.scalars(step, {**values, **memory(self.trainer.world.device)})
        self.heartbeat(step, loss, tokens)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"
