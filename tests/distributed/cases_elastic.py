"""Parts of a run on different numbers of ranks; what the ranks do, imported by name in each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cases

from stilts import distributed
from stilts.model.weights import full_weights
from stilts.training import elastic
from stilts.training.checkpoint import ENGINE_TAG


def part(path: str, first: int, last: int, start: str | None, end: str | None, *overrides: str) -> dict[str, Any]:
    """Steps `first` to `last` of a run, from the checkpoint `start` on, which is then saved as `end`.

    Losses, examples, optimizer groups after loading, and on rank 0 the fp32 weights at the end.
    """
    run, trainer = cases._trainer(path, *overrides)
    engine, world = trainer.engine, run.world
    if start is not None:
        groups = json.loads((Path(start) / "groups.json").read_text())
        elastic.load(engine, Path(start) / ENGINE_TAG, world, groups)
    out: dict[str, Any] = {"groups": elastic.hyper_parameters(engine), "loss": [], "examples": []}
    for number in range(first, last):
        task, occurrence = trainer.mixture.at(number)
        out["examples"].append((task, trainer.rows[task].example_ids(trainer.rows[task].batch(occurrence))))
        out["loss"].append(trainer.step(number).loss)
    out["counted"] = engine.global_steps
    if end is not None:
        engine.save_checkpoint(end, tag=ENGINE_TAG, save_latest=False)
        (Path(end) / "groups.json").write_text(json.dumps(elastic.hyper_parameters(engine)))
    weights = full_weights(engine.module, keep=world.main)
    out["weights"] = {name: weight.numpy() for name, weight in weights.items()}
    distributed.close()
    return out
