"""Parts of a run on different numbers of ranks; what the ranks do, imported by name in each."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import cases
import torch
from deepspeed.utils import safe_get_full_optimizer_state

from stilts import distributed
from stilts.errors import Stopped
from stilts.model.weights import full_weights
from stilts.training import elastic
from stilts.training.checkpoint import ENGINE_TAG
from stilts.training.stopping import REQUEST
from stilts.training.trainer import StepResult, Trainer

MOMENTS = ("exp_avg", "exp_avg_sq")
SETTINGS = ("weight_decay", "rate_scale", "betas", "eps")


def run_until(path: str, stop: int | None, *overrides: str) -> list[tuple[str, list[str], float]]:
    """A whole run that is stopped by a signal to one rank in step `stop`: (task, examples, loss) of each step done."""
    done = []
    whole = Trainer.step

    def step(self: Trainer, number: int) -> StepResult:
        if number == stop and self.world.main:
            os.kill(os.getpid(), signal.SIGTERM)
        result = whole(self, number)
        task, occurrence = self.mixture.at(number)
        done.append((task, self.rows[task].example_ids(self.rows[task].batch(occurrence)), result.loss))
        return result

    Trainer.step = step  # type: ignore[method-assign]
    REQUEST.install()
    try:
        cases.run_file(path, *overrides)
    except Stopped:
        assert stop is not None
    return done


def part(path: str, first: int, last: int, start: str | None, end: str | None, *overrides: str) -> dict[str, Any]:
    """Steps `first` to `last` of a run, from the checkpoint `start` on, which is then saved as `end`.

    Losses, and on rank 0 the whole state, both after loading ("before") and at the end.
    """
    run, trainer = cases._trainer(path, *overrides)
    engine, world = trainer.engine, run.world
    if start is not None:
        elastic.load(engine, Path(start) / ENGINE_TAG, world, elastic.hyper_parameters(engine))
    out: dict[str, Any] = {"before": state(engine, world.main) if start else {}}
    out["loss"] = [trainer.step(number).loss for number in range(first, last)]
    if end is not None:
        engine.save_checkpoint(end, tag=ENGINE_TAG, save_latest=False)
    out["after"] = state(engine, world.main)
    distributed.close()
    return out


def state(engine: Any, keep: bool) -> dict[str, Any]:
    """fp32 masters, weights the model computes with, moments, steps and groups' settings of an engine. A collective."""
    groups = [[group[key] for key in SETTINGS if key in group] for group in engine.optimizer.param_groups]
    out: dict[str, Any] = {"groups": groups, "steps": engine.global_steps}
    inner = getattr(engine.optimizer, "optimizer", engine.optimizer)
    out["optimizer_steps"] = {float(s["step"]) for s in inner.state.values() if "step" in s}
    out["weights"] = {name: w.numpy() for name, w in full_weights(engine.module, keep).items()}
    out["rounded"] = rounded(engine.module, keep)
    out["moments"] = moments(engine) if engine.zero_optimization() else plain_moments(engine, inner)
    return out


def moments(engine: Any) -> dict[str, Any]:
    """Each trained parameter's whole moments; {} for SGD."""
    if hasattr(engine.optimizer, "_lazy_init_hp_params_optimizer_state"):
        engine.optimizer._hp_optimizer_states_linked = False  # ZeRO-1 and 2 link after the step of the first group
        engine.optimizer._lazy_init_hp_params_optimizer_state()
    if engine.optimizer.optimizer.defaults.get("betas") is None:
        return {}
    named = [(name, p) for name, p in engine.module.named_parameters() if p.requires_grad]
    return {f"{name} {key}": safe_get_full_optimizer_state(p, key).numpy() for name, p in named for key in MOMENTS}


def plain_moments(engine: Any, inner: Any) -> dict[str, Any]:
    """The same without ZeRO: in the order of the groups."""
    parameters = [p for group in inner.param_groups for p in group["params"]]
    return {f"{i} {key}": inner.state[p][key].numpy().copy() for i, p in enumerate(parameters) for key in MOMENTS
            if key in inner.state[p]}  # fmt: skip


def rounded(module: torch.nn.Module, keep: bool) -> dict[str, Any]:
    """The model's own weights, in its precision."""
    from deepspeed import zero

    out = {}
    for name, parameter in module.named_parameters():
        with zero.GatheredParameters([parameter], enabled=hasattr(parameter, "ds_id")):
            if keep:
                out[name] = parameter.detach().float().numpy().copy()
    return out
