"""What the training loop costs over the bare DeepSpeed engine on the same batches.

    OMP_NUM_THREADS=2 python benchmarks/overhead.py --model MODEL --data DATA [--rounds 12]

One process, one engine. A round is four blocks of steps: loop, bare, bare, loop. The loop's block is `Trainer.step`
(which rows, reading, packing, agreement of ranks, finite check, rate); the bare block runs forward, backward and step
of the engine on batches made beforehand from the same rows, with the same rate. The ratio is taken within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from common import machine, training_run
from transformers import AutoTokenizer

from stilts import distributed
from stilts.config import Training
from stilts.data.balance import share
from stilts.data.batches import micro_batches
from stilts.training.engine import set_learning_rate
from stilts.training.run import Run
from stilts.training.trainer import Trainer

BLOCK = 5  # steps


def bare_block(trainer: Trainer, prepared: list[Any]) -> float:
    """Seconds of the engine alone."""
    engine = trainer.engine
    started = time.perf_counter()
    for task, batches, units in prepared:
        engine.train()
        for index, batch in enumerate(batches):
            engine.set_gradient_accumulation_boundary(index == len(batches) - 1)
            loss = engine(batch, head=task, normaliser=units)
            engine.backward(loss)
        engine.step()
    return time.perf_counter() - started


def made(trainer: Trainer, first: int) -> list[Any]:
    """The batches of a block of steps."""
    out = []
    for number in range(first, first + BLOCK):
        task, occurrence = trainer.mixture.at(number)
        rows, form = trainer.rows[task], trainer.formats[task]
        numbers = rows.batch(occurrence)
        batches = micro_batches(rows, occurrence, share(rows.lengths[numbers], 1, trainer.cost)[0], form)
        out.append((task, batches, sum(float(form.units(batch).sum()) for batch in batches)))
    return out


def loop_block(trainer: Trainer, first: int) -> float:
    """Seconds of the loop's steps."""
    started = time.perf_counter()
    for number in range(first, first + BLOCK):
        trainer.step(number)
    return time.perf_counter() - started


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--task", default="snli")
    parser.add_argument("--config", default="zero2")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        training = Training(batch_size=32, learning_rate=1e-5, precision=options.precision, save_every=0)
        folder = Path(temporary)
        settings = training_run(options.task, options.model, options.data, folder, training, {"config": options.config})
        run = Run(settings, folder / "benchmark" / "runs" / settings.run, distributed.setup())
        run.tokenizer = AutoTokenizer.from_pretrained(options.model)
        trainer = run.fresh_trainer()
        set_learning_rate(trainer.engine, 1e-5)
        loop_block(trainer, 0)  # warm-up
        ratios, loops, bares = [], [], []
        for number in range(options.rounds):
            first = BLOCK * (number + 1)
            prepared = made(trainer, first)
            loop_block(trainer, first)  # the first time, kernels are made for each new shape
            bare_block(trainer, prepared)
            blocks = [
                loop_block(trainer, first),
                bare_block(trainer, prepared),
                bare_block(trainer, prepared),
                loop_block(trainer, first),
            ]
            loop, bare = blocks[0] + blocks[3], blocks[1] + blocks[2]
            ratios.append(loop / bare)
            loops.append(loop / (2 * BLOCK))
            bares.append(bare / (2 * BLOCK))
        distributed.close()
    quartiles = statistics.quantiles(ratios, n=4)
    result = {
        "task": options.task,
        "config": options.config,
        "precision": options.precision,
        "threads": torch.get_num_threads(),
        "overhead %": round(100 * (statistics.median(ratios) - 1), 2),
        "quartiles %": [round(100 * (q - 1), 2) for q in (quartiles[0], quartiles[2])],
        "loop ms a step": round(1000 * statistics.median(loops), 1),
        "bare ms a step": round(1000 * statistics.median(bares), 1),
        "rounds": options.rounds,
    }
    print(json.dumps({**result, **machine()}))


if __name__ == "__main__":
    main()
