"""Checkpoints of a running run: one exists or it does not, and comes back as it was written or not at all.

`checkpoints/step-<n>/` holds `engine/` (DeepSpeed's shards), `state.json` (ours) and `manifest.json` (size and hash of
every file, written last). It is written in the staging folder of this start of the run, brought to the disk while
training goes on, and then committed by one rename.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from stilts.config import Training
from stilts.distributed import World
from stilts.errors import StiltsError
from stilts.files import sync_folder, write_text
from stilts.training import manifest
from stilts.training.attempt import Attempt
from stilts.training.averaging import FOLDER as AVERAGE
from stilts.training.shard_writer import Syncing, bytes_of_shards, save_shards

STATE_FILE, ENGINE_TAG = "state.json", "engine"
_BROKEN = "broken-"


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands between two optimizer steps; everything else is a pure function of it and the settings.

    Attributes:
        step: optimizer steps completed.
        world_size: ranks that wrote the checkpoint.
        settings: what decides the run's result; a changed study does not resume from it unseen.
        drift: settings that were changed on the way (--allow-drift), a line each.
        validated: the last step whose validation is done; `step` may be one whose validation was cut off.
        best_score, best_step: of the best validation so far, in points.
        bad_validations: validations since then.
        bad_steps: steps dropped because a loss or gradient was not finite.
        bad_in_a_row: such steps since the last good one.
        micro_batch_tokens: the budget the run was started with, so that what a GPU probe finds later changes nothing.
        groups: hyper-parameters of the optimizer's groups.
        losses: sum and number of the training losses in each tenth of the planned steps.
    """

    step: int
    world_size: int
    settings: dict[str, Any] = field(default_factory=dict)
    drift: list[str] = field(default_factory=list)
    validated: int = 0
    best_score: float | None = None
    best_step: int = 0
    bad_validations: int = 0
    bad_steps: int = 0
    bad_in_a_row: int = 0
    micro_batch_tokens: int | None = None
    groups: list[dict[str, Any]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=lambda: [[0.0, 0] for _ in range(10)])

    def with_loss(self, loss: float, steps: int) -> TrainingState:
        """The same with the loss of its last step, one of so many that are planned."""
        parts = [list(part) for part in self.losses]
        own = parts[min(len(parts) - 1, (self.step - 1) * len(parts) // steps)]
        own[:] = own[0] + loss, own[1] + 1
        return replace(self, losses=parts)

    def mean_losses(self) -> list[float]:
        """The mean loss of each tenth of the steps that has any."""
        return [total / n for total, n in self.losses if n]


@dataclass(frozen=True)
class _Pending:
    """A checkpoint that is written and not committed yet.

    Attributes:
        staged: its folder.
        state: of the run at that step.
        failed: how a message begins that says that it cannot be written.
        syncing: brings this rank's files to the disk.
    """

    staged: Path
    state: TrainingState
    failed: str
    syncing: Syncing


class Checkpoints:
    """The checkpoints of one run. All methods are collectives.

    Args:
        folder: `runs/<run>/checkpoints`.
        attempt: this start of the run.
        training: says which ones are kept.
        log: where damaged ones are named.
        branch_steps: steps whose checkpoint stays for good, as other runs go on from it.
    """

    def __init__(
        self,
        folder: Path,
        attempt: Attempt,
        training: Training,
        world: World,
        log: logging.Logger,
        branch_steps: Sequence[int] = (),
    ) -> None:
        self.folder, self.attempt, self.training, self.world, self.log = folder, attempt, training, world, log
        self.branch_steps = frozenset(branch_steps)
        self._pending: _Pending | None = None

    def save(self, engine: Any, state: TrainingState) -> None:
        """Write `step-<n>`; `progress` or `settle` commit it when it has reached the disk.

        Raises StiltsError on every rank, and leaves what was committed before as it is, where the disk is too small or
        fails.
        """
        self.settle()
        needed = int(self.world.all_gather([bytes_of_shards(engine, self.world.main)]).sum())
        failed = (
            f"the checkpoint of step {state.step} ({needed:,} bytes) cannot be written below {self.folder.parent}; "
            "earlier ones are untouched: make room there and run the same command again"
        )
        staged: Path = self.world.on_main(lambda: self._stage(state, needed, failed))
        writer = save_shards(engine, staged, ENGINE_TAG, self.world.rank)
        errors = self.world.problems(writer.error)
        if errors:
            self.world.on_main(lambda: shutil.rmtree(staged, ignore_errors=True))
            raise StiltsError(f"{failed} ({errors[0]})")
        self._pending = _Pending(staged, state, failed, Syncing(writer.written))

    def progress(self) -> None:
        """Commit what was saved, if it has reached the disk on every rank meanwhile."""
        if self._pending is not None and bool(self.world.all_gather([self._pending.syncing.done()]).all()):
            self.settle()

    def settle(self) -> None:
        """Wait until what was saved is on the disk, commit it, and remove what is not kept any more.

        Raises StiltsError on every rank where the disk fails.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return
        problem, entries = pending.syncing.result()
        problems = self.world.problems(problem)
        if problems:
            self.world.on_main(lambda: shutil.rmtree(pending.staged, ignore_errors=True))
            raise StiltsError(f"{pending.failed} ({problems[0]})")
        mine = {str(path.relative_to(pending.staged)): entry for path, entry in entries.items()}
        files = {name: entry for part in self.world.everybody(mine) for name, entry in part.items()}
        final = self.world.on_main(lambda: self._commit(pending, files))
        self.log.info("step %d: %s is committed", pending.state.step, final.name)

    def newest(self) -> tuple[Path, TrainingState] | None:
        """The newest checkpoint that is whole, the same on every rank; None if the run has none yet.

        What is wrong with newer ones is logged, and they are moved out of the way.

        Raises StiltsError where there were some and none is whole, or where one cannot be read now: days of work are
        not begun anew without a word.
        """
        for path in self.world.on_main(lambda: _committed(self.folder)[::-1]):
            problems = damages(path, self.world)
            if not problems:
                return path, self.world.on_main(partial(read_state, path))
            for problem in problems:
                self.log.error("checkpoint not used: %s", problem)
            self.world.on_main(partial(self._set_aside, path))
        if self.world.on_main(lambda: any(self.folder.glob(f"{_BROKEN}*"))):
            raise StiltsError(
                f"no checkpoint in {self.folder} is whole (the log names what is wrong with each): remove that folder "
                "to train from the start again"
            )
        return None

    def finish(self, keep: bool) -> None:
        """Remove what a finished run needs no more; with `keep`, the checkpoints kept for good stay."""

        def clean() -> None:
            for path in [*_committed(self.folder), *self.folder.glob(f"{_BROKEN}*"), *self.folder.glob("best-*")]:
                if not (keep and self._for_good(path)):
                    self.attempt.discard(path)
            shutil.rmtree(self.folder / AVERAGE, ignore_errors=True)

        self.world.on_main(clean)

    def forget_bests(self, state: TrainingState) -> None:
        """Remove exports of models that neither this state nor a checkpoint calls the best."""
        self.world.on_main(lambda: self._remove_bests(state))

    def best(self, step: int) -> Path:
        """Where the export of the best model so far lies, if that is the one after `step`."""
        return self.folder / f"best-{step:08d}"

    # ---- rank 0

    def _stage(self, state: TrainingState, needed: int, failed: str) -> Path:
        try:
            self.attempt.check()
            free = shutil.disk_usage(self.attempt.staging).free
            if free < needed:
                raise StiltsError(f"{failed} ({free:,} bytes are free)")
            self.folder.mkdir(exist_ok=True)
            staged = self.attempt.stage(step_name(state.step))
            (staged / ENGINE_TAG).mkdir()
        except OSError as error:
            raise StiltsError(f"{failed} ({error})") from None
        return staged

    def _commit(self, pending: _Pending, files: Mapping[str, manifest.Entry]) -> Path:
        staged, final = pending.staged, self.folder / pending.staged.name
        try:
            write_text(staged / STATE_FILE, json.dumps(asdict(pending.state), indent=1))
            manifest.write_manifest(staged, {**files, STATE_FILE: manifest.entry_of(staged / STATE_FILE)})
            sync_folder(staged / ENGINE_TAG)
            sync_folder(staged)
        except OSError as error:
            shutil.rmtree(staged, ignore_errors=True)
            raise StiltsError(f"{pending.failed} ({error})") from None
        self.attempt.commit(staged, final)
        self._remove_old(pending.state)
        return final

    def _remove_old(self, state: TrainingState) -> None:
        """Keep the last `keep_last`, those for good, and the best models that one of them or this state names."""
        found = _committed(self.folder)
        kept = set(found[-self.training.keep_last :]) | {path for path in found if self._for_good(path)}
        for path in set(found) - kept:
            self.attempt.discard(path)
        self._remove_bests(state)

    def _remove_bests(self, state: TrainingState) -> None:
        kept = _committed(self.folder)
        pending = [self._pending.state.best_step] if self._pending else []
        named = {self.best(step) for step in (state.best_step, *pending, *map(_best_step, kept))}
        for path in self.folder.glob("best-*"):
            if path not in named:
                self.attempt.discard(path)

    def _for_good(self, path: Path) -> bool:
        if not path.name.startswith("step-"):
            return False
        every, step = self.training.keep_every, int(path.name.split("-")[1])
        return (bool(every) and step % every == 0) or step in self.branch_steps

    def _set_aside(self, path: Path) -> None:
        away = path.with_name(f"{_BROKEN}{path.name}")
        self.attempt.discard(away)
        path.rename(away)


def damages(path: Path, world: World) -> list[str]:
    """What is wrong with a checkpoint, a line each; the ranks share the reading. A collective.

    Raises StiltsError on every rank where a file cannot be read now.
    """

    def look() -> tuple[dict[str, manifest.Entry], list[str]]:
        try:
            files = manifest.read_manifest(path)
        except ValueError as error:
            return {}, [str(error)]
        return files, manifest.strangers(path, files)

    files, found = world.on_main(look)
    if found:
        return list(found)
    mine = sorted(files, key=lambda name: -int(files[name]["size"]))[world.rank :: world.size]
    try:
        part, unread = manifest.damages(path, files, mine), ""
    except OSError as error:
        part, unread = [], str(error)
    parts = world.everybody((part, unread))
    for rank, (_, unread) in enumerate(parts):
        if unread:
            raise StiltsError(f"rank {rank} cannot read {path} now ({unread}): run the same command again")
    return [problem for part, _ in parts for problem in part]


def read_state(path: Path) -> TrainingState:
    """The state in a checkpoint's folder."""
    content = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))
    known = {one.name for one in fields(TrainingState)}
    return TrainingState(**{key: value for key, value in content.items() if key in known})


def _best_step(path: Path) -> int:
    """What a checkpoint calls the best; 0 where it cannot be read, so that a damaged one is a resume's matter only."""
    try:
        return read_state(path).best_step
    except (OSError, ValueError, TypeError):
        return 0


def due(training: Training, step: int) -> bool:
    """Whether a checkpoint is saved after `step`: one to go on from, or one that is kept for good."""
    return any(every and step % every == 0 for every in (training.save_every, training.keep_every))


def step_name(step: int) -> str:
    """The name of a folder that belongs to a step: of its checkpoint, or of its model."""
    return f"step-{step:08d}"


def _committed(folder: Path) -> list[Path]:
    """Committed checkpoints, oldest first: a folder of this name is one, whatever became of it since."""
    return sorted(path for path in folder.glob("step-*") if os.path.isdir(path))
