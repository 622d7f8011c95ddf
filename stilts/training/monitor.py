"""What a person watches: log.txt, the terminal's progress, TensorBoard and status.json. Rank 0 only."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from stilts.tasks.benchmarks import BENCHMARKS

SCALARS = ("loss", "learning_rate", "grad_norm")


def open_log(run_folder: Path, main: bool) -> logging.Logger:
    """The run's logger: plain lines appended to log.txt, and to stderr; silent on other ranks."""
    logger = logging.getLogger(f"stilts.{run_folder}")
    logger.propagate = False
    logger.setLevel(logging.INFO if main else logging.ERROR)
    logger.handlers.clear()
    if main:
        line = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")
        for handler in (logging.FileHandler(run_folder / "log.txt", encoding="utf-8"), logging.StreamHandler()):
            handler.setFormatter(line)
            logger.addHandler(handler)
    return logger


class Board:
    """TensorBoard events of one run; every method does nothing on ranks other than 0.

    Tags: train/..., eval/<task>/<language>/<metric>, perf/..., mem/..., health/...; x is the optimizer step.
    """

    def __init__(self, folder: Path, main: bool, first_step: int | None = None) -> None:
        # events from `first_step` on were written by an attempt that was cut off: TensorBoard drops them
        self._writer = SummaryWriter(str(folder), purge_step=first_step) if main else None
        if self._writer:
            self._writer.add_custom_scalars(_layout())

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write tag -> value at one step."""
        if self._writer:
            for tag, value in values.items():
                self._writer.add_scalar(tag, value, step)

    def finish(self, settings: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Write hyper-parameters with the final scores into the same folder, once, and close."""
        if self._writer:
            simple = {k: v for k, v in settings.items() if isinstance(v, (bool, int, float, str))}
            for summary in hparams(simple, dict(scores)):
                self._writer._get_file_writer().add_summary(summary)
            self._writer.close()


def memory(device: torch.device) -> dict[str, float]:
    """Peak memory in GiB: of this process, and of the GPU where there is one."""
    out = {"mem/process_gib": psutil.Process().memory_info().rss / 2**30}
    if device.type == "cuda":
        out["mem/gpu_peak_gib"] = torch.cuda.max_memory_allocated(device) / 2**30
    return out


class Progress:
    """A progress bar on a terminal; nothing where stderr is no terminal (log.txt has the plain lines)."""

    def __init__(self, label: str, total: int, main: bool) -> None:
        self._bar = None
        if main and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=label, unit="step", leave=False, dynamic_ncols=True)

    def advance(self, to: int, note: str = "") -> None:
        """Move the bar to step `to`."""
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(to - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()


class Rate:
    """Tokens and rows a second since the last look."""

    def __init__(self) -> None:
        self._since, self._tokens, self._rows = time.monotonic(), 0, 0

    def add(self, tokens: int, rows: int) -> None:
        """Count the work of one step, over all ranks."""
        self._tokens += tokens
        self._rows += rows

    def take(self) -> tuple[float, float]:
        """Tokens and rows a second, and start again."""
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        out = self._tokens / seconds, self._rows / seconds
        self._since, self._tokens, self._rows = now, 0, 0
        return out


def _layout() -> dict[str, Any]:
    groups = {
        name: {task: ["Multiline", [f"eval/{task}/.*"]] for task in tasks}
        for name, tasks in BENCHMARKS["xtreme"].items()
    }
    return {"training": {name: ["Multiline", [f"train/{name}"]] for name in SCALARS}, **groups}
