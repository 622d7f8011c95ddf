"""What a person watches beside TensorBoard: log.txt, the terminal's progress, speed and memory."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import psutil
import torch


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
