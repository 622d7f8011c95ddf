"""Where a run goes on: its newest whole checkpoint, whatever number of ranks wrote it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from stilts.distributed import World
from stilts.drift import describe, differences, refuse
from stilts.errors import StiltsError, first_line
from stilts.training import elastic
from stilts.training.checkpoint import ENGINE_TAG, Checkpoints, TrainingState


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
    other_shards = any(difference.key.split(".")[0] == "deepspeed" for difference in drift)
    if state.world_size == world.size and not other_shards:
        _load(engine, str(path), world)
        elastic.set_hyper_parameters(engine, fresh.groups)
    else:
        log.info("%s was written by %d ranks and is dealt out to %d", path, state.world_size, world.size)
        elastic.load(engine, path / ENGINE_TAG, world, fresh.groups)
    drifted = [*state.drift, *describe(drift)]
    return replace(state, world_size=world.size, settings=fresh.settings, drift=drifted, groups=fresh.groups)


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
