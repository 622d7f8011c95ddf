"""Disk that a study takes at its most: exported models, checkpoints of the runs that go at once, prepared sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stilts.config import RunSettings
from stilts.errors import InputError
from stilts.study.memory import FP32, Setup
from stilts.study.model_size import ModelSize
from stilts.study.volume import Volumes
from stilts.tasks import get_task

if TYPE_CHECKING:
    from stilts.study.plan import Plan


GIB, TIB = 2**30, 2**40
# entries of folders, the folder itself among them, as counted in the folders of real runs
RUN_FILES = 14  # run.yaml, status.json, logs, scores.jsonl, predicted.jsonl, tensorboard/ and the like
MODEL_FILES = 10  # config, weights, heads, card, stilts.json, and up to four files of a tokenizer
CHECKPOINT_FILES = 4  # and two for each rank: engine/, state.json, manifest.json


@dataclass(frozen=True)
class Disk:
    """Bytes and files on the disk of the study's folder.

    Attributes:
        models: exported models that stay.
        kept: checkpoints that stay for good, of intermediate runs (`training.keep_every`, and where branches begin).
        at_once: runs that go at the same time.
        checkpoints: of these runs, at the moment when one replaces another.
        passing: their models that are removed when all is scored (`target.keep_models`).
        written: what of all of them is there already.
        files, files_end: files and folders of all runs at the most, and when all are done; features are not among them.
        features: prepared sets that exist; sets_absent: how many do not yet, whose size is not known.
        free: at the study's folder, or the nearest folder above it that exists.
    """

    models: int
    kept: int
    at_once: int
    checkpoints: int
    passing: int
    written: int
    files: int
    files_end: int
    features: int
    sets_absent: int
    free: int

    @property
    def end(self) -> int:
        """Models and checkpoints when all runs are done."""
        return self.models + self.kept

    @property
    def peak(self) -> int:
        """Models and checkpoints at their most."""
        return self.end + self.checkpoints + self.passing

    @property
    def missing(self) -> int:
        """Bytes that the study still needs beyond what is free; 0 where it fits."""
        return max(0, self.peak - self.written - self.free)


@dataclass(frozen=True)
class _Held:
    """What one run holds: bytes that stay and that it has only while it goes, and the same of files."""

    model: int
    kept: int
    checkpoints: int
    passing: int
    files: int
    files_while: int

    @property
    def while_it_goes(self) -> int:
        return self.checkpoints + self.passing


def disk_of(
    plan: Plan, setup: Setup, runs: Sequence[RunSettings], volumes: Volumes, at_once: int | None = None
) -> Disk:
    """The disk of the runs that train; `volumes` knows their steps and which sets are prepared.

    Args:
        at_once: runs that go at the same time; None for `launch.parallel_runs`.
    """
    number = min(len(runs), at_once or plan.study.launch.parallel_runs)
    held = [_held(setup, run, volumes.steps(run)) for run in runs]
    largest = sorted(held, key=lambda one: one.while_it_goes, reverse=True)[:number]
    files = sum(one.files for one in held)
    files += sum(files_of(run, setup.ranks) for run in plan.runs if not run.trains_on)
    folders = [plan.run_folder(run.run) / part for run in runs for part in ("model", "checkpoints", "snapshots")]
    return Disk(
        models=sum(one.model for one in held),
        kept=sum(one.kept for one in held),
        at_once=number,
        checkpoints=sum(one.checkpoints for one in largest),
        passing=sum(one.passing for one in largest),
        written=sum(map(_bytes_below, folders)),
        files=files + sum(sorted((one.files_while for one in held), reverse=True)[:number]),
        files_end=files,
        features=sum(_bytes_below(plan.features / folder) for folder in volumes.prepared),
        sets_absent=len(volumes.absent),
        free=shutil.disk_usage(_existing(plan.folder)).free,
    )


def refuse_without_space(plan: Plan, disk: Disk | None) -> None:
    """Raise InputError where the study needs more than is free; `disk` is None where the model's size is not known."""
    if disk is not None and disk.missing:
        raise InputError(
            f"the study needs {shown(disk.peak - disk.written)} more on the disk of {plan.folder} "
            f"({disk.at_once} run{'s' * (disk.at_once > 1)} at a time), and {shown(disk.free)} are free",
            "room for its models and checkpoints",
            SAVING,
        )


SAVING = (
    "change output_dir, set target.keep_models: false, or let fewer runs go at once "
    "(launch.parallel_runs; throttle or runs_at_once of a profile)"
)


def shown(size: int) -> str:
    """Bytes in GiB, from a thousand of them on in TiB."""
    return f"{size / TIB:.2f} TiB" if size >= 1000 * GIB else f"{size / GIB:.1f} GiB"


def _held(setup: Setup, run: RunSettings, steps: int | None) -> _Held:
    model = FP32 * (setup.size.total + sum(_head(task, setup.size) for task in run.trains_on))
    number, for_good = _checkpoints(run, steps)
    stay = for_good if run.kind == "intermediate" else 0
    kept = stay * _checkpoint(setup)
    files, a_checkpoint = files_of(run, setup.ranks), CHECKPOINT_FILES + 2 * setup.ranks
    going = (number + for_good - stay) * a_checkpoint + (0 if run.keep_model else MODEL_FILES)
    if run.training.select == "best":
        going += max(1, number - 1) * MODEL_FILES
    if run.training.average_last > 1:
        going += 3 * run.training.average_last
    snapshots = len(run.snapshot_steps)
    return _Held(
        model=(model if run.keep_model else 0) + snapshots * model,
        kept=kept,
        checkpoints=checkpoint_bytes(setup, run, steps) - kept,
        passing=0 if run.keep_model else model,
        files=files + stay * a_checkpoint + (snapshots + run.keep_model) * MODEL_FILES,
        files_while=going,
    )


def files_of(run: RunSettings, ranks: int) -> int:
    """Files and folders that any run leaves: its own, a log a rank, predictions of each set."""
    return RUN_FILES + 1 + ranks + 1 + len(run.evaluates) + len(run.evaluation_sets) + len(run.noisy_sets)


def checkpoint_bytes(setup: Setup, run: RunSettings, steps: int | None) -> int:
    """What a running run holds at its most, beside its model: in bytes.

    A checkpoint has the weights, masters and moments: 2 + 4 + 8 bytes a parameter in 16 bits with AdamW. One more than
    `keep_last` exists while one is committed, beside those that are kept for good. The best model so far becomes the
    run's own and is counted there; each checkpoint may name another one. Models to be averaged are kept to the end.
    """
    training, model = run.training, FP32 * setup.size.total
    kept, for_good = _checkpoints(run, steps)
    better = max(1, kept - 1) * model if training.select == "best" else 0
    averaged = training.average_last * model if training.average_last > 1 else 0
    return (kept + for_good) * _checkpoint(setup) + better + averaged


def _checkpoint(setup: Setup) -> int:
    return setup.width * setup.size.total + (FP32 + setup.moments) * setup.trained


def _checkpoints(run: RunSettings, steps: int | None) -> tuple[int, int]:
    """How many checkpoints a run has at its most to go on from, and for good."""
    training, kept, for_good = run.training, 0, len(run.branch_steps)
    begin = run.branch_step or 0
    if training.save_every:
        kept = training.keep_last + 1
        kept = kept if steps is None else min(kept, (steps - 1) // training.save_every - begin // training.save_every)
    if training.keep_every and steps is not None:
        for_good += (steps - 1) // training.keep_every - begin // training.keep_every
        for_good -= sum(step % training.keep_every == 0 and step < steps for step in run.branch_steps)
    return kept, for_good


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
