"""Disk that a study takes at its most: exported models, checkpoints of the runs that go at once, prepared sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilts.config import RunSettings
from stilts.study.memory import FP32, Setup
from stilts.study.model_size import ModelSize
from stilts.study.volume import Volumes
from stilts.tasks import get_task

if TYPE_CHECKING:
    from stilts.study.plan import Plan


@dataclass(frozen=True)
class Disk:
    """Bytes on the disk of the study's folder.

    Attributes:
        models: exported models of all runs that train; they stay.
        checkpoints: of the runs that go at the same time, at the moment when one replaces another.
        written: what of both is there already.
        features: prepared sets that exist; sets_absent: how many do not yet, whose size is not known.
        free: at the study's folder, or the nearest folder above it that exists.
    """

    models: int
    checkpoints: int
    written: int
    features: int
    sets_absent: int
    free: int

    @property
    def peak(self) -> int:
        """Models and checkpoints at their most."""
        return self.models + self.checkpoints


def disk_of(plan: Plan, setup: Setup, runs: Sequence[RunSettings], volumes: Volumes) -> Disk:
    """The disk of the runs that train; `volumes` knows their steps and which sets are prepared."""
    largest_first = sorted((checkpoint_bytes(setup, run, volumes.steps(run)) for run in runs), reverse=True)
    heads = sum(_head(task, setup.size) for run in runs for task in run.trains_on)
    folders = [plan.run_folder(run.run) / part for run in runs for part in ("model", "checkpoints")]
    return Disk(
        models=FP32 * (len(runs) * setup.size.total + heads),
        checkpoints=sum(largest_first[: plan.study.launch.parallel_runs]),
        written=sum(map(_bytes_below, folders)),
        features=sum(_bytes_below(plan.features / folder) for folder in volumes.prepared),
        sets_absent=len(volumes.absent),
        free=shutil.disk_usage(_existing(plan.folder)).free,
    )


def checkpoint_bytes(setup: Setup, run: RunSettings, steps: int | None) -> int:
    """What a running run holds at its most, beside its model: in bytes.

    A checkpoint has the weights, masters and moments: 2 + 4 + 8 bytes a parameter in 16 bits with AdamW. One more than
    `keep_last` exists while one is committed, beside those that are kept for good. The best model so far becomes the
    run's own and is counted there; each checkpoint may name another one. Models to be averaged are kept to the end.
    """
    training, model = run.training, FP32 * setup.size.total
    checkpoint = setup.width * setup.size.total + (FP32 + setup.moments) * setup.trained
    kept = 0
    if training.save_every:
        kept = training.keep_last + 1
        kept = kept if steps is None else min(kept, (steps - 1) // training.save_every)
    better = max(1, kept - 1) * model if training.select == "best" else 0
    for_good = (steps - 1) // training.keep_every if training.keep_every and steps is not None else 0
    averaged = training.average_last * model if training.average_last > 1 else 0
    return (kept + for_good) * checkpoint + better + averaged


def _head(name: str, size: ModelSize) -> int:
    """Parameters of a task's head: one output a label (span: 2, choice: 1), for pairs and choice behind a square layer.

    Trained retrieval has a square layer and a scale.
    Masked LM has a square layer, a LayerNorm and a bias for each word; its decoder is the word embeddings.
    """
    task, hidden = get_task(name), size.hidden
    square = hidden * hidden + hidden if task.format in ("pair", "choice", "dual", "linking") else 0
    if task.format == "mlm":
        return hidden * hidden + 3 * hidden + size.vocabulary
    if task.format in ("dual", "linking"):
        return square + 1
    return square + (hidden + 1) * (len(task.labels) or task.label_count or (1 if task.format == "choice" else 2))


def _bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder; files that a running study removes meanwhile do not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(parent, name))
            except OSError:
                continue
    return total


def _existing(folder: Path) -> Path:
    """The folder itself or the nearest one above it that exists."""
    whole = folder.absolute()
    return next(path for path in (whole, *whole.parents) if os.path.isdir(path))
