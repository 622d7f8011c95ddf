"""Tokens that are computed and not needed, and how evenly two ranks share them, on every task that is trained on.

    python benchmarks/padding.py --model MODEL --data DATA [--steps 200]

For each task: the micro-batches that training really forms, batch 32, on 1 and 2 ranks. Computed: the tokens of every
micro-batch's stream on every rank, rows that only keep ranks in step included; attention computes each sequence at
its own length. In bf16 on a CPU streams are rounded up a little (`spare_tokens`), which is a column of its own. Beside
it, what a batch of 32 in random order computes when it is padded to its longest row.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from common import machine, training_run

from stilts.config import Training
from stilts.data.balance import Cost, share
from stilts.data.batches import TrainingRows, micro_batches
from stilts.data.store import PreparedSet
from stilts.formats import get_format
from stilts.model.encoder import spare_tokens
from stilts.tasks import get_task

TASKS = ("snli", "mnli", "squad_v1", "squad_v2", "pawsx", "udpos", "tydiqa", "hellaswag", "commonsenseqa", "cosmosqa")
BATCH, HIDDEN = 32, 384


def measure(task: str, rows: TrainingRows, steps: int, budget: int) -> dict[str, float | int | str]:
    """One line of the table, shares in per cent."""
    form, needed, computed, spare, padded = get_format(get_task(task).format), 0, 0, 0, 0
    uneven = []
    for step in range(steps):
        numbers = rows.batch(step)
        lengths = rows.lengths[numbers]
        needed += int(lengths.sum())
        padded += int(lengths.max()) * len(lengths)
        loads = []
        for pieces in share(lengths, 2, Cost(HIDDEN, budget)):
            batches = micro_batches(rows, step, pieces, form)
            loads.append(sum(batch.tokens for batch in batches))
            spare += sum(spare_tokens(batch.tokens) for batch in batches)
        computed += sum(loads)
        uneven.append(max(loads) / np.mean(loads) - 1)
    return {
        "task": task,
        "rows": len(rows),
        "mean length": round(float(rows.lengths.mean()), 1),
        "budget": budget,
        "unneeded %": round(100 * (computed / needed - 1), 3),
        "unneeded on a CPU in bf16 %": round(100 * ((computed + spare) / needed - 1), 3),
        "padded to the longest %": round(100 * (padded / needed - 1), 1),
        "imbalance mean %": round(100 * float(np.mean(uneven)), 2),
        "imbalance worst step %": round(100 * float(np.max(uneven)), 2),
    }


def main() -> None:
    """Print a JSON line for each task and budget."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of a small encoder with its tokenizer")
    parser.add_argument("--data", required=True, help="folder with the official files")
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    print(json.dumps(machine()))
    for task in TASKS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            run = training_run(task, options.model, options.data, folder, Training(), {"config": "zero1"})
            features = folder / "benchmark" / "features"
            rows = TrainingRows(task, [PreparedSet(features / ref.folder) for ref in run.train_sets], BATCH, seed=1)
            for budget in (2048, 8192):
                print(json.dumps(measure(task, rows, options.steps, budget)), flush=True)


if __name__ == "__main__":
    main()
