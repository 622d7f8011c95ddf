"""What a checkpoint with manifest and hashes costs over DeepSpeed's bare `save_checkpoint`, and what a resume costs.

    python benchmarks/checkpoint_cost.py [--ranks 2] [--rounds 8] [--stage 2] [--hidden 512]

Saving: a random XLM-R of about 57 M parameters (`--hidden` changes that) in bf16 with AdamW, one engine. A round is the
four arms and the four in reverse order, each to a folder of its own that is removed again; the seconds are those of
the slowest rank, until training can go on. Ours hashes; it waits for the disk (fsync) in a thread and commits then,
which "stilts, committed" includes, as "bare and fsync" does.

Position: seconds from nothing to the first batch of a run over 200,000 rows that goes on after step 10, 1,000 and
1,000,000.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from state_memory import SIZES

POSITIONS = (10, 1_000, 1_000_000)


def worker(folder: Path, stage: int, rounds: int, hidden: int) -> None:
    """One rank: time the saves, and print them on rank 0."""
    from stilts import distributed
    from stilts.config import Training
    from stilts.data.batches import collate
    from stilts.formats import get_format
    from stilts.training.attempt import Attempt
    from stilts.training.checkpoint import Checkpoints, TrainingState

    world = distributed.setup()
    engine = make_engine(folder, stage, hidden, world)
    row = {"input_ids": [0, 7, 8, 2], "label": 1, "example": 0}
    engine.backward(engine(collate([row], get_format("pair")), head="mnli", normaliser=1.0))
    engine.step()
    (folder / "checkpoints").mkdir(exist_ok=True)
    attempt = Attempt.begin(folder, world)
    ours = Checkpoints(folder / "checkpoints", attempt, Training(keep_last=1), world, logging.getLogger())

    def timed(save: Callable[[int], None], number: int) -> float:
        world.barrier()
        began = time.perf_counter()
        save(number)
        taken = float(world.all_gather([time.perf_counter() - began]).max())
        ours.settle()
        if world.main:
            shutil.rmtree(folder / "checkpoints")
            (folder / "checkpoints").mkdir()
        world.barrier()
        return taken

    def bare(number: int) -> None:
        engine.save_checkpoint(str(folder / "checkpoints"), tag=f"step{number}", save_latest=False)

    def synced(number: int) -> None:
        bare(number)
        if world.main:
            for path in (folder / f"checkpoints/step{number}").iterdir():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
        world.barrier()

    def committed(number: int) -> None:
        ours.save(engine, TrainingState(number, world.size))

    def settled(number: int) -> None:
        committed(number)
        ours.settle()

    arms = {"bare": bare, "stilts": committed, "bare and fsync": synced, "stilts, committed": settled}
    found: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds + 1):
        for name in (*arms, *reversed(arms)):
            taken = timed(arms[name], number)
            if number:  # the first round allocates
                found[name].append(taken)
    if world.main:
        parameters = sum(getattr(p, "ds_numel", p.numel()) for p in engine.module.parameters())
        print("result " + json.dumps({"parameters": parameters, "seconds": found}))
    distributed.close()


def make_engine(folder: Path, stage: int, hidden: int, world: Any) -> Any:
    """A DeepSpeed engine around a random XLM-R."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    from stilts.config import Training
    from stilts.deepspeed_config import read_deepspeed_config
    from stilts.model.build import build_model
    from stilts.training.engine import build_engine, fill_auto

    training = Training(batch_size=world.size, precision="bf16")
    config = fill_auto(read_deepspeed_config({"config": f"zero{stage}"}), training, world)
    sizes = {**SIZES, "hidden_size": hidden, "intermediate_size": 4 * hidden}
    if world.main:
        torch.manual_seed(0)
        XLMRobertaModel(XLMRobertaConfig(**sizes), add_pooling_layer=False).to(torch.bfloat16).save_pretrained(
            folder / "model"
        )
    world.barrier()
    model = build_model(str(folder / "model"), None, ["mnli"], 1, "bf16", zero3=config if stage == 3 else None)
    return build_engine(model, config, training, world)


def seconds_to_position(step: int, rows: int = 200_000, batch: int = 32) -> float:
    """Seconds until the rows of step `step` are known, by a process that has just opened the data."""
    import numpy as np

    from stilts.data.batches import TrainingRows
    from stilts.data.mixture import Mixture

    class Opened:
        """A prepared set's lengths, as the store gives them."""

        lengths = np.full(rows, 32)

        def __len__(self) -> int:
            return rows

    began = time.perf_counter()
    sets = {task: TrainingRows(task, [Opened()], batch, 1) for task in ("mnli", "udpos")}  # type: ignore[list-item]
    task, occurrence = Mixture({"mnli": 0.6, "udpos": 0.4}, 2 * POSITIONS[-1], 1).at(step)
    sets[task].batch(occurrence)
    return time.perf_counter() - began


def main() -> None:
    """Launch the ranks and print a JSON line for each part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--stage", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--folder", help="where to write; default a temporary folder")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(Path(options.worker), options.stage, options.rounds, options.hidden)
        return
    from common import machine

    from stilts.rendezvous import free_port

    print(json.dumps(machine()))
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        command = [torchrun, "--nproc_per_node", str(options.ranks), "--master_port", str(free_port()), __file__]
        command += ["--stage", str(options.stage), "--rounds", str(options.rounds), "--hidden", str(options.hidden)]
        done = subprocess.run(
            [*command, "--worker", folder], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    result = json.loads(done.stdout.split("result ")[1])
    for name, seconds in result.pop("seconds").items():
        quarters = statistics.quantiles(seconds, n=4)
        result[name] = {"median s": round(quarters[1], 3), "quartiles": [round(quarters[0], 3), round(quarters[2], 3)]}
    for ours, peer in (("stilts", "bare"), ("stilts, committed", "bare and fsync")):
        result[f"{ours} / {peer}"] = round(result[ours]["median s"] / result[peer]["median s"], 3)
    print(json.dumps({"stage": options.stage, "ranks": options.ranks, **result}))
    for step in POSITIONS:
        taken = statistics.median(seconds_to_position(step) for _ in range(5))
        print(json.dumps({"position": step, "ms to its rows": round(1000 * taken, 1)}), flush=True)


if __name__ == "__main__":
    main()
