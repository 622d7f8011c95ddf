"""Where a run goes on: its newest whole checkpoint, whatever number of ranks wrote it, or that of another run."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from stilts.distributed import World
from stilts.drift import describe, differences, refuse
from stilts.errors import StiltsError, first_line
from stilts.training import elastic
from stilts.training.checkpoint import ENGINE_TAG, Checkpoints, TrainingState, damages, read_state, step_name


def resume(
    engine: Any,
    checkpoints: Checkpoints,
    fresh: TrainingState,
    accepted: list[str],
    world: World,
    log: logging.Logger,
) -> TrainingState:
    """Load the newest whole checkpoint into `engine`; the state to go on from, `fresh` if there is none. A collective.

    Args:
        fresh: the state of a run that starts anew, with this run's settings and hyper-parameters.
        accepted: settings that may have changed since.

    Raises:
        InputError: it was made by settings that differ in others.
        StiltsError: it does not fit the engine.
    """
    found = checkpoints.newest()
    if found is None:
        return fresh
    path, state = found
    drift = differences(state.settings, fresh.settings)
    refuse(drift, accepted, f"the checkpoint {path}")
    for line in describe(drift):
        log.warning("goes on with another setting (--allow-drift): %s", line)
    if not drift:
        _same_groups(state.groups, fresh.groups, str(path))
    _bring(engine, path, state, fresh, world, log)
    drifted = [*state.drift, *describe(drift)]
    return replace(state, world_size=world.size, settings=fresh.settings, drift=drifted, groups=fresh.groups)


def branch_off(
    engine: Any, trunk: Path, step: int, fresh: TrainingState, world: World, log: logging.Logger
) -> TrainingState:
    """Load what another run of the study was after `step`: weights, optimizer state, losses so far. A collective.

    Its checkpoint's pickles are read as those of a resume are: after every file's hash was found to be the one that
    was written.

    Args:
        trunk: the folder of that run, `runs/<run>`, which is left as it is.
        fresh: the state of this run without it.

    Raises StiltsError where the checkpoint is not there or not whole, or does not fit the engine.
    """
    path = trunk / "checkpoints" / step_name(step)
    found = damages(path, world)
    if found:
        raise StiltsError(
            f"{trunk.name} has no whole checkpoint of step {step} ({found[0]}): remove {trunk} and run again"
        )
    state = world.on_main(lambda: read_state(path))
    _same_groups(state.groups, fresh.groups, str(path))
    _bring(engine, path, state, fresh, world, log)
    log.info("goes on from %s after step %d", trunk.name, step)
    # the first tenth of the trunk's losses stands for its start, this run's own ones fall into the last tenth
    losses = [state.losses[0], *fresh.losses[1:]]
    return replace(fresh, step=step, losses=losses, micro_batch_tokens=state.micro_batch_tokens)


def _bring(
    engine: Any, path: Path, state: TrainingState, fresh: TrainingState, world: World, log: logging.Logger
) -> None:
    """Load a checkpoint, dealt out anew where other ranks or another DeepSpeed configuration wrote it."""
    same_shards = state.settings.get("deepspeed") == fresh.settings.get("deepspeed")
    if state.world_size == world.size and same_shards:
        _load(engine, str(path), world)
        elastic.set_hyper_parameters(engine, fresh.groups)
    else:
        log.info("%s was written by %d ranks and is dealt out to %d", path, state.world_size, world.size)
        elastic.load(engine, path / ENGINE_TAG, world, fresh.groups)


def _load(engine: Any, path: str, world: World) -> None:
    """Let DeepSpeed load what as many ranks wrote. Raises StiltsError on every rank where one of them cannot."""
    problem = ""
    try:
        loaded, _ = engine.load_checkpoint(path, tag=ENGINE_TAG)
        problem = "" if loaded else "DeepSpeed found nothing to load"
    except Exception as error:  # DeepSpeed's and torch's own, of many types
        problem = first_line(error)
    problems = world.problems(problem)
    if problems:
        raise StiltsError(f"{path} cannot be loaded ({problems[0]})")


def _same_groups(old: list[dict[str, Any]], new: list[dict[str, Any]], path: str) -> None:
    """Raise StiltsError where the optimizer's groups are not those that the checkpoint was made with."""
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        changed = {key for key in {*before, *after} - {"lr"} if before.get(key) != after.get(key)}
        if changed:
            raise StiltsError(f"{path}: group {index} of the optimizer has another {', '.join(sorted(changed))} now")
    if len(old) != len(new):
        raise StiltsError(f"{path} has {len(old)} groups of parameters, this run {len(new)}")
