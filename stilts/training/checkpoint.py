"""Checkpoints of a running run: written to a temporary folder and renamed, so one that exists is whole."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stilts.distributed import World
from stilts.errors import InputError
from stilts.training.averaging import FOLDER as AVERAGE

STATE_FILE, ENGINE_TAG = "state.json", "engine"


@dataclass(frozen=True)
class TrainingState:
    """Where a run stands between two optimizer steps; everything else is a pure function of it and the settings.

    Attributes:
        step: optimizer steps completed.
        world_size: ranks that wrote the checkpoint.
        settings_hash: the run's, so that a changed study does not resume from it.
        best_score, best_step: of the best validation so far, in points.
        bad_validations: validations since then.
        micro_batch_tokens: the budget the run was started with, so that what a GPU probe finds later changes nothing.
    """

    step: int
    world_size: int
    settings_hash: str
    best_score: float | None = None
    best_step: int = 0
    bad_validations: int = 0
    micro_batch_tokens: int | None = None


def save(engine: Any, folder: Path, state: TrainingState, world: World) -> None:
    """Commit `checkpoints/step-<n>` and remove older ones. A collective."""
    final = folder / f"step-{state.step:08d}"
    temporary = folder / f".{final.name}.tmp"
    if world.main:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    world.barrier()
    # `latest` would exist before the other ranks' shards do: our rename is the commit instead
    engine.save_checkpoint(str(temporary), tag=ENGINE_TAG, save_latest=False)
    world.barrier()
    if world.main:
        (temporary / STATE_FILE).write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        for old in _committed(folder)[:-1]:
            shutil.rmtree(old)
    world.barrier()


def newest(folder: Path, world: World) -> tuple[Path, TrainingState] | None:
    """The newest checkpoint as rank 0 sees it, the same on every rank; None if there is none."""

    def look() -> tuple[Path, TrainingState] | None:
        found = _committed(folder)
        if not found:
            return None
        return found[-1], TrainingState(**json.loads((found[-1] / STATE_FILE).read_text(encoding="utf-8")))

    result: tuple[Path, TrainingState] | None = world.from_main(look() if world.main else None)
    return result


def resume(engine: Any, folder: Path, settings_hash: str, world: World) -> TrainingState:
    """Load the newest checkpoint into `engine`; a fresh state if there is none.

    Raises InputError when it was made by other settings or another number of ranks.
    """
    found = newest(folder, world)
    if found is None:
        return TrainingState(0, world.size, settings_hash)
    path, state = found
    if state.settings_hash != settings_hash:
        raise InputError(
            f"{path} was made by settings {state.settings_hash}",
            f"this run's settings {settings_hash}",
            "use another study name, or remove the run's folder to start anew",
        )
    if state.world_size != world.size:
        raise InputError(
            f"{path} was written by {state.world_size} ranks",
            f"{world.size} ranks now",
            f"start the run with {state.world_size} ranks, or remove the checkpoint",
        )
    engine.load_checkpoint(str(path), tag=ENGINE_TAG)
    return state


def remove_all(folder: Path) -> None:
    """Remove the resumable checkpoints of a finished run."""
    for path in [*folder.glob("*step-*"), folder / AVERAGE]:
        shutil.rmtree(path, ignore_errors=True)


def _committed(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("step-*") if (p / STATE_FILE).is_file())
