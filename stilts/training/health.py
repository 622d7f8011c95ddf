"""What goes wrong in numbers: steps whose loss or gradient is not finite, and losses far from the usual."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stilts.deepspeed_config import zero_stage
from stilts.distributed import World
from stilts.files import write_text

BAD_BATCHES = "bad_batches.jsonl"
SPIKE_DEVIATIONS, SPIKE_STEPS = 6.0, 50
"""A loss is a spike when it lies so many standard deviations above the mean of that many last steps of its task."""


class BadBatches:
    """`bad_batches.jsonl` of a run: one line for each dropped step, with the rows that were in it."""

    def __init__(self, path: Path, world: World) -> None:
        self.path, self.world = path, world

    def add(self, step: int, task: str, reason: str, losses: Sequence[float], examples: Sequence[list[str]]) -> str:
        """Record a dropped step; returns one line about it, the same on every rank. A collective.

        Args:
            step: from 1.
            reason: "loss" or "gradient".
            losses: of this rank's micro-batches.
            examples: ids of the rows of each.
        """
        pairs = list(enumerate(zip(losses, examples, strict=True)))
        mine = [
            {"micro_batch": index, "loss": str(loss), "examples": ids}
            for index, (loss, ids) in pairs
            if reason != "loss" or not math.isfinite(loss)
        ]
        everybody = self.world.everybody(mine)
        named = [{"rank": rank, **batch} for rank, batches in enumerate(everybody) for batch in batches]
        line = {"step": step, "task": task, "reason": reason, "batches": named}
        self.world.on_main(lambda: self._write(line))
        ids = [name for batch in named for name in batch["examples"]]
        shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
        ranks = sorted({batch["rank"] for batch in named})
        return f"the {reason} of step {step} (task {task}) is not finite on rank {', '.join(map(str, ranks))}: {shown}"

    def _write(self, line: dict[str, Any]) -> None:
        """Add a line; those of this step and later ones are of a start that did not get to a checkpoint after them."""
        before = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        kept = [old for old in before if json.loads(old)["step"] < line["step"]]
        write_text(self.path, "".join(f"{one}\n" for one in [*kept, json.dumps(line, ensure_ascii=False)]))


class Spikes:
    """Notices a loss far above those of the task's last steps. Warns only: what is trained does not depend on it."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}

    def is_spike(self, task: str, loss: float) -> bool:
        """Whether `loss` is one; it then does not count as usual."""
        seen = self._seen.setdefault(task, [])
        if len(seen) >= SPIKE_STEPS:
            mean = math.fsum(seen) / len(seen)
            deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in seen) / len(seen))
            if loss > mean + SPIKE_DEVIATIONS * max(deviation, 1e-3 * abs(mean)):
                return True
            seen.pop(0)
        seen.append(loss)
        return False


def gradient_is_finite(engine: Any) -> bool:
    """Whether the reduced gradient is finite, where DeepSpeed does not look itself: without ZeRO, in fp32."""
    if hasattr(engine.optimizer, "overflow"):
        return True
    gradients = [p.grad for p in engine.module.parameters() if p.grad is not None]
    norms = torch._foreach_norm(gradients)
    return bool(torch.isfinite(torch.stack(norms)).all())


def drop_gradients(engine: Any) -> None:
    """Forget what the step has accumulated; weights and optimizer state stay as they are. A collective.

    ZeRO keeps gradients in buffers of its own, which it clears where it finds an overflow: it is made to find one
    (names of DeepSpeed 0.19.8, runtime/zero/stage_1_and_2.py and stage3.py).
    """
    optimizer, stage = engine.optimizer, zero_stage(engine.config)
    if stage == 0:
        optimizer.zero_grad()
        engine.zero_grad()
        return

    def overflown(*args: Any, **options: Any) -> None:
        optimizer.overflow = True

    look = "_overflow_check_and_loss_scale_update" if stage == 3 else "check_overflow"
    looks = getattr(optimizer, "check_grad_overflow", None)
    setattr(optimizer, look, overflown)
    try:
        if looks is not None:
            optimizer.check_grad_overflow = True
        engine.step()
    finally:
        delattr(optimizer, look)
        if looks is not None:
            optimizer.check_grad_overflow = looks
